import { describe, expect, it } from 'vitest'
import { countText, direction, numberText, plainNumber, shareText, signedText, spanText, unitIn } from './format'
import { heatScale, heatStep } from './heat'

describe('numbers', () => {
  it('keep their decimals and use a true minus', () => {
    expect([31.2, -4.005, 1234.5].map((value) => numberText(value))).toEqual(['31.20', '−4.01', '1\u202f234.50'])
  })

  it('show a missing value as a dash, never as zero', () => {
    expect([null, undefined, Number.NaN, Infinity].map((value) => numberText(value))).toEqual(['–', '–', '–', '–'])
    expect(plainNumber(null)).toBe('')
  })

  it('never show minus zero', () => {
    expect(numberText(-0.001)).toBe('0.00')
    expect(signedText(-0.001)).toBe('0.00')
    expect(signedText(0.004)).toBe('0.00')
  })

  it('sign differences both ways', () => {
    expect([1.5, -1.5, 0].map((value) => signedText(value))).toEqual(['+1.50', '−1.50', '0.00'])
  })

  it('call a difference below the shown decimals flat', () => {
    expect([0.004, -0.004, 0.006, -0.006, null].map((value) => direction(value))).toEqual(['flat', 'flat', 'up', 'down', 'flat'])
  })

  it('never round a share up to complete', () => {
    expect(shareText(0.99999)).toBe('99.9%')
    expect(shareText(1)).toBe('100%')
    expect(shareText(null)).toBe('–')
  })

  it('tell how long a rule allows in the largest unit that reads well', () => {
    expect([900, 3600, 7200, 93_600, 172_800, 34_560_000].map(spanText)).toEqual(['15 min', '60 min', '2 h', '26 h', '48 h', '400 d'])
  })
  it('group counts', () => {
    expect(countText(18502)).toBe('18\u202f502')
  })
})

describe('heat scale', () => {
  it('puts the centre in the middle step and clamps the ends', () => {
    const scale = { centre: 30, reach: 20 }
    expect([30, 50, 10, 500, -500, 35].map((value) => heatStep(scale, value))).toEqual([4, 8, 0, 8, 0, 5])
  })

  it('is not flattened by one spike', () => {
    const values = [...Array.from({ length: 99 }, (_, index) => 20 + index * 0.2), 2000]
    expect(heatScale(values).reach).toBeLessThan(20)
  })

  it('survives no values and equal values', () => {
    expect(heatScale([])).toEqual({ centre: 0, reach: 1 })
    expect(heatScale([5, 5, Number.NaN])).toEqual({ centre: 5, reach: 1 })
  })
})

describe('a declared unit', () => {
  it('is told in the currency of the rows, when they have one', () => {
    expect(unitIn('currency/MWh', ['USD', 'USD', ''])).toBe('USD/MWh')
    expect(unitIn('currency/MWh', ['USD', 'EUR'])).toBe('currency/MWh')
    expect(unitIn('MW', ['USD'])).toBe('MW')
  })
})
