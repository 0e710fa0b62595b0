// @vitest-environment jsdom
import { describe, expect, it, vi } from 'vitest'

const day = { low: 0, high: 86_400 }

describe('fingers on a chart', async () => {
  vi.stubGlobal('matchMedia', () => ({ addEventListener: () => undefined, removeEventListener: () => undefined }))
  const { clamped, held, stretched } = await import('./chart-grip')

  it('keep the instants that they hold: one moves, two stretch', () => {
    expect(held(day, [43_200], [0.25])).toEqual({ low: 21_600, high: 108_000 })
    const pinched = held(day, [21_600, 64_800], [0, 1])
    expect(pinched).toEqual({ low: 21_600, high: 64_800 })
  })

  it('never leave the day and never look closer than half an hour', () => {
    expect(clamped({ low: 21_600, high: 108_000 }, day)).toEqual(day)
    expect(clamped({ low: -500, high: 3100 }, day)).toEqual({ low: 0, high: 3600 })
    expect(clamped({ low: 40_000, high: 40_010 }, day)).toEqual({ low: 40_000, high: 41_800 })
    const { low, high } = held(day, [100, 100.001], [0.5, 0.5])
    expect(Number.isFinite(low) && high > low).toBe(true)
  })

  it('stretch around the place of the pointer', () => {
    expect(stretched({ low: 0, high: 100 }, 0.5, 20)).toEqual({ low: 10, high: 60 })
  })
})
