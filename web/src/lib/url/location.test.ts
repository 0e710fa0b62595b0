import { describe, expect, it } from 'vitest'
import { formatPlace, parsePlace, patched, travelTo } from './location'

describe('addresses', () => {
  it('round-trip through text, keys sorted', () => {
    const place = parsePlace('/prices?row=SIM:HUB_NORTH&market=SIM&q=a%26b')
    const text = formatPlace(place.path, place.params)
    expect(text).toBe('/prices?market=SIM&q=a%26b&row=SIM:HUB_NORTH')
    expect(parsePlace(text)).toEqual({ path: '/prices', params: new Map([['market', 'SIM'], ['q', 'a&b'], ['row', 'SIM:HUB_NORTH']]) })
  })

  it('carry scope, zone and as-of to other pages, and nothing else', () => {
    const place = parsePlace('/prices?market=SIM&as_of=2026-11-20T10:00:00Z&tz=utc&row=x&sort=rt')
    expect(travelTo(place, '/status')).toBe('/status?as_of=2026-11-20T10:00:00Z&market=SIM&tz=utc')
    expect(travelTo(place, '/prices', { row: 'SIM:A', as_of: null })).toBe('/prices?market=SIM&row=SIM:A&tz=utc')
  })

  it('drop empty parameters', () => {
    expect(formatPlace('/', patched(new Map([['q', 'x']]), { q: '' }))).toBe('/')
  })

  it('ignore a trailing slash', () => {
    expect(parsePlace('/prices/').path).toBe('/prices')
    expect(parsePlace('/').path).toBe('/')
  })
})
