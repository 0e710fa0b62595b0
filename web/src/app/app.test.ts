import { describe, expect, it } from 'vitest'
import type { StreamStatus } from '@/lib/stream/protocol'
import { streamWords } from './StatusBar'
import { score } from './palette-items'
import { PAGES, route } from './routes'

describe('routes', () => {
  it('lead from every page of the rail, and tell the rest of the path', () => {
    const missing = route('/nowhere').page
    expect(PAGES.length).toBeGreaterThan(0)
    for (const page of PAGES) expect(route(page.path).page).not.toBe(missing)
    expect(route('/datasets/markets.prices').rest).toBe('markets.prices')
    expect(route('/datasets').page).not.toBe(route('/datasets/markets.prices').page)
    expect(route('/').page).toBe(route('/prices').page)
    expect(route('/pricesX').page).toBe(missing)
  })

  it('have a letter each', () => {
    expect(new Set(PAGES.map((page) => page.letter)).size).toBe(PAGES.length)
  })
})

describe('palette', () => {
  it('wants every word, and prefers the start of a word', () => {
    expect(score('hub nor', 'HUB_NORTH SIM hub')).toBeGreaterThan(score('ub or', 'HUB_NORTH SIM hub'))
    expect(score('hub west', 'HUB_NORTH SIM hub')).toBe(0)
  })
})

describe('the words of the stream', () => {
  const status: StreamStatus = { phase: 'live', transport: 'websocket', latency_ms: 41.6, retryAt: null, reason: null, skew_ms: 0, slow: null }

  it('never call the past live', () => {
    expect(streamWords(status, true, 0)[1]).toBe('live updates stopped')
  })

  it('say how long until the next try, and that a slow stream is behind', () => {
    expect(streamWords(status, false, 0)).toEqual(['ok', 'stream on 42 ms'])
    expect(streamWords({ ...status, phase: 'retrying', retryAt: 4200 }, false, 1000)).toEqual(['alarm', 'stream off, next try in 4 s'])
    expect(streamWords({ ...status, slow: { lag_ms: 3000, dropped: 4 } }, false, 0)).toEqual(['warn', 'stream on, 3 s behind'])
  })
})
