import { describe, expect, it } from 'vitest'
import { Rows } from '@/lib/api/dataset-rows'
import type { Columns } from '@/lib/api/types'
import { HOUR_MS } from '@/lib/time/zone'
import { type Binding, bindingsOf, congestionOf } from './binding'
import { boardRows, topEffects } from './board'
import { type Contribution, type Explanation, barOf, waterfall } from './explained'
import { dayIntervals, pieceOf } from './intervals'
import { LOADING_STEPS, loading, loadingStep } from './loading'
import { networkOf } from './network'
import { sinceAt } from './queries'
import { standingWords } from './standing'
import { PlaceIndex, toSegment } from './place-index'
import { fitted, formatView, panned, parseView, toLayout, toScreen, zoomed } from './view'

function answer(columns: Columns['columns']): Columns {
  return { dataset: 'd', as_of: '', knowledge: 'published', commit: 1, count: Object.values(columns)[0]?.length ?? 0, columns, units: {}, next: null, left_out: [] }
}

const SIZE = { width: 800, height: 600 }
const CORNERS = [{ x: 0, y: 0 }, { x: 1, y: 1 }]

describe('the view of the map', () => {
  it('shows every point inside the window, y upwards, and turns back to the same point', () => {
    const view = fitted(CORNERS, SIZE)
    const [low, high] = CORNERS.map((point) => toScreen(view, SIZE, point))
    for (const { x, y } of [low, high].flatMap((point) => point ?? [])) {
      expect(x).toBeGreaterThanOrEqual(0)
      expect(x).toBeLessThanOrEqual(SIZE.width)
      expect(y).toBeGreaterThanOrEqual(0)
      expect(y).toBeLessThanOrEqual(SIZE.height)
    }
    expect(low?.y).toBeGreaterThan(high?.y ?? Infinity)
    const back = toLayout(view, SIZE, toScreen(view, SIZE, { x: 0.3, y: 0.8 }))
    expect(back.x).toBeCloseTo(0.3)
    expect(back.y).toBeCloseTo(0.8)
  })

  it('keeps one scale for both directions, also when all points are one', () => {
    const view = fitted(CORNERS, SIZE)
    const [a, b] = [toScreen(view, SIZE, { x: 0, y: 0 }), toScreen(view, SIZE, { x: 0.5, y: 0.5 })]
    expect(b.x - a.x).toBeCloseTo(a.y - b.y)
    expect(toScreen(fitted([{ x: 0.2, y: 0.7 }], SIZE), SIZE, { x: 0.2, y: 0.7 })).toEqual({ x: 400, y: 300 })
    expect(Number.isFinite(fitted([], SIZE).scale)).toBe(true)
  })

  it('zooms around the pointer, never further out than the whole, and pans inside the layout', () => {
    const whole = fitted(CORNERS, SIZE)
    const at = { x: 100, y: 500 }
    const held = toLayout(whole, SIZE, at)
    const near = zoomed(whole, SIZE, at, 4, whole)
    expect(near.scale).toBeCloseTo(4 * whole.scale)
    expect(toScreen(near, SIZE, held).x).toBeCloseTo(at.x)
    expect(toScreen(near, SIZE, held).y).toBeCloseTo(at.y)
    expect(zoomed(near, SIZE, at, 1e-6, whole).scale).toBe(whole.scale)
    expect(panned(near, { x: 1e9, y: -1e9 })).toMatchObject({ x: 0, y: 0 })
  })

  it('goes into the address and back, and says nothing when it is the whole', () => {
    const whole = fitted(CORNERS, SIZE)
    const near = zoomed(whole, SIZE, { x: 300, y: 400 }, 3, whole)
    const back = parseView(formatView(near, whole), whole)
    expect(back.x).toBeCloseTo(near.x, 3)
    expect(back.scale / near.scale).toBeCloseTo(1, 2)
    expect(formatView(whole, whole)).toBeUndefined()
    expect(parseView('nonsense', whole)).toEqual(whole)
  })
})

const BUSES = [{ x: 0.1, y: 0.1 }, { x: 0.9, y: 0.1 }, { x: 0.5, y: 0.9 }].map(({ x, y }, at) => ({ name: `B${at}`, location: `SIM:B${at}`, x, y, base_kv: 230 }))
const BRANCHES = [[0, 1], [1, 2]].map(([from = 0, to = 0], at) => ({ name: `L${at}`, from, to, rating_mw: 100 }))

describe('finding on the map', () => {
  const index = new PlaceIndex(BUSES, BRANCHES)

  it('finds the nearest bus and the line below the pointer, and nothing where there is none', () => {
    expect(index.bus({ x: 0.11, y: 0.1 }, 0.02)).toBe(0)
    expect(index.bus({ x: 0.3, y: 0.5 }, 0.02)).toBeUndefined()
    expect(index.branch({ x: 0.5, y: 0.105 }, 0.02)).toBe(0)
    expect(index.branch({ x: 0.7, y: 0.49 }, 0.03)).toBe(1)
    expect(index.branch({ x: 0.2, y: 0.8 }, 0.02)).toBeUndefined()
  })

  it('walks to the bus that lies in a direction', () => {
    expect(index.beside(0, { x: 1, y: 0 })).toBe(1)
    expect(index.beside(0, { x: 0, y: 1 })).toBe(2)
    expect(index.beside(0, { x: -1, y: 0 })).toBeUndefined()
  })

  it('measures to the end of a line, not to its prolongation', () => {
    expect(toSegment({ x: 2, y: 0 }, { x: 0, y: 0 }, { x: 1, y: 0 })).toBe(1)
    expect(toSegment({ x: 0.5, y: 0.2 }, { x: 0, y: 0 }, { x: 1, y: 0 })).toBeCloseTo(0.2)
  })
})

describe('networks', () => {
  const base = { network: ['small', 'big', 'big', 'big', 'big'], kind: ['bus', 'bus', 'bus', 'branch', 'bus'], element: ['X', 'A', 'B', 'A-B', 'C'], location: ['SIM:X', 'SIM:A', 'SIM:B', null, 'SIM:C'], x: [0, 0, 1, null, null], y: [0, 0, 1, null, null], from_bus: [null, null, null, 'SIM:A', null], to_bus: [null, null, null, 'SIM:B', null], rating_mw: [null, null, null, 80, null] }

  it('hold from their start until the next one', () => {
    expect([20, 29, 99, 5].map((at) => sinceAt([10, 20, 30], at))).toEqual([20, 20, 30, 10])
    expect(sinceAt([], 5)).toBeUndefined()
    const starts = base.network.map((_, row) => (row === 0 ? '2026-01-09T00:00:00Z' : '2026-01-02T00:00:00Z'))
    expect(networkOf(new Rows(answer({ ...base, interval_start: starts })))?.since).toBe(Date.parse('2026-01-02T00:00:00Z'))
  })

  it('take the largest model, join branches to buses, and count what has no place', () => {
    const found = networkOf(new Rows(answer(base)))
    expect(found?.buses.map((bus) => bus.name)).toEqual(['A', 'B'])
    expect(found?.branches).toEqual([{ name: 'A-B', from: 0, to: 1, rating_mw: 80 }])
    expect(found?.unplaced).toBe(1)
    expect(networkOf(new Rows(answer({ network: [] })))).toBeUndefined()
  })
})

describe('loading', () => {
  it('is the flow in either direction over the limit, unknown without one', () => {
    expect(loading(-50, 100)).toBe(0.5)
    expect(loading(50, -100)).toBe(0.5)
    expect(loading(Number.NaN, 100)).toBeNaN()
    expect(loading(5, 0)).toBeNaN()
  })

  it('steps so that more is thicker', () => {
    expect([0, 0.5, 0.76, 0.95, 1.3].map(loadingStep)).toEqual([0, 1, 2, 3, 3])
    expect(loadingStep(Number.NaN)).toBe(-1)
    const widths = LOADING_STEPS.map((step) => step.width)
    expect([...widths].sort((a, b) => a - b)).toEqual(widths)
  })
})

describe('intervals of a day', () => {
  it('are as many as the day is long', () => {
    expect(dayIntervals('RT5', 0, 25 * HOUR_MS)).toHaveLength(300)
    expect(dayIntervals('DA', 0, 23 * HOUR_MS)).toHaveLength(23)
  })

  it('are read in pieces that a page holds and that contain the instant', () => {
    for (const series of [40, 400, 2000, 10_000]) {
      const { start, end } = pieceOf('RT5', 7 * HOUR_MS + 25 * 60_000, series)
      expect(start).toBeLessThanOrEqual(7 * HOUR_MS + 25 * 60_000)
      expect(end).toBeGreaterThan(7 * HOUR_MS + 25 * 60_000)
      const count = (end - start) / 300_000
      expect(count === 1 || count * series <= 5000).toBe(true)
    }
  })
})

function told(more: Partial<Explanation>): Explanation {
  return { location: 'SIM:A', market_run: 'RT5', interval_start: '', interval_end: '', as_of: '', currency: 'USD', price_per_mwh: 20, energy_per_mwh: 30, loss_per_mwh: -1, ghg_per_mwh: null, congestion_per_mwh: -9, contributions: [], tolerance_per_mwh: 0.02, verdict: 'explained', marginal_units: null, ...more }
}
function part(constraint: string, congestion_per_mwh: number | null): Contribution {
  return { constraint, contingency: null, direction: 'from_to', shadow_price_per_mwh: 10, shift_factor: congestion_per_mwh === null ? null : -congestion_per_mwh / 10, congestion_per_mwh }
}

describe('the waterfall of a price', () => {
  it('adds up to the price whatever is missing', () => {
    const cases = [told({ contributions: [part('K', -12), part('L', 3)] }), told({ energy_per_mwh: null }), told({ contributions: [part('K', null), part('L', -4)] }), told({ loss_per_mwh: null, ghg_per_mwh: 2.5 })]
    for (const one of cases) {
      const steps = waterfall(one)
      const parts = steps.filter((step) => step.kind !== 'price')
      expect(parts.reduce((sum, step) => sum + step.value, 0)).toBeCloseTo(one.price_per_mwh, 9)
      parts.slice(1).forEach((step, at) => expect(step.from).toBeCloseTo(parts[at]?.to ?? Number.NaN, 9))
      expect(steps.at(-1)).toMatchObject({ kind: 'price', from: 0, to: one.price_per_mwh })
    }
  })

  it('shows what the parts leave, and calls it rounding only within what rounding can do', () => {
    expect(waterfall(told({ contributions: [part('K', -9)] })).some((step) => step.kind === 'rest')).toBe(false)
    expect(waterfall(told({ contributions: [part('K', -9.015)] })).find((step) => step.kind === 'rest')?.name).toBe('Rounding')
    expect(waterfall(told({ contributions: [part('K', -4)], verdict: 'unexplained' })).find((step) => step.kind === 'rest')).toMatchObject({ name: 'Not explained', value: -5 })
  })

  it('keeps every bar on the axis, also below zero', () => {
    const steps = waterfall(told({ price_per_mwh: -25, contributions: [part('K', -54)] }))
    for (const step of steps) {
      const { start, width, zero } = barOf(step, steps)
      expect(start).toBeGreaterThanOrEqual(-1e-12)
      expect(start + width).toBeLessThanOrEqual(1 + 1e-12)
      expect(zero).toBeGreaterThan(0)
    }
  })
})

function bound(constraint: string, run: string, start: number, shadow: number): Binding {
  return { constraint, run, start, end: start + (run === 'DA' ? HOUR_MS : HOUR_MS / 12), shadow, direction: 'from_to', flow_mw: 1, limit_mw: 1 }
}

describe('the board', () => {
  const today = 20 * 24 * HOUR_MS
  const newest = today + 5 * HOUR_MS + 55 * 60_000
  const span = { newest, today, now: today + 6 * HOUR_MS }
  const rows = boardRows([
    bound('RT_ONLY', 'RT5', newest, 12), bound('RT_ONLY', 'RT5', newest - 300_000, 6), bound('RT_ONLY', 'RT5', today - 48 * HOUR_MS, 30),
    bound('DA_ONLY', 'DA', today + 5 * HOUR_MS, 7), bound('DA_ONLY', 'DA', today + 20 * HOUR_MS, 9),
    bound('BOTH', 'RT5', newest, 3), bound('BOTH', 'DA', today + 5 * HOUR_MS, 4), bound('PAST', 'RT5', today - HOUR_MS, 5),
  ], new Map(), span)
  const of = (name: string) => rows.find((row) => row.name === name)

  it('tells what binds now against day-ahead', () => {
    expect(rows).toHaveLength(4)
    expect(Object.fromEntries(rows.map((row) => [row.name, row.since]))).toEqual({ RT_ONLY: 'rt', DA_ONLY: 'da', BOTH: 'both', PAST: 'none' })
    expect(of('RT_ONLY')).toMatchObject({ now: 12, da: 0 })
    expect(of('DA_ONLY')).toMatchObject({ now: 0, da: 7 })
  })

  it('counts hours, day-ahead only those that have run, and averages where it bound', () => {
    expect(of('RT_ONLY')?.today_h).toBeCloseTo(1 / 6)
    expect(of('RT_ONLY')?.week_h).toBeCloseTo(0.25)
    expect(of('RT_ONLY')?.mean).toBeCloseTo(16)
    expect(of('DA_ONLY')?.daToday_h).toBe(1)
    expect(of('DA_ONLY')?.mean).toBeNaN()
    expect([of('RT_ONLY')?.telling, of('PAST')?.telling, of('DA_ONLY')?.telling]).toEqual([12, 5, 9])
    expect(of('DA_ONLY')?.direction).toBe('from_to')
    expect(of('PAST')).toMatchObject({ now: 0, today_h: 0 })
  })

  it('knows nothing of now before the newest interval is known', () => {
    const [row] = boardRows([bound('K', 'RT5', today, 5)], new Map(), { ...span, newest: Number.NaN })
    expect(row?.now).toBeNaN()
    expect(row?.since).toBe('none')
  })

  it('orders locations by what the constraint does to them, with the sign of its direction', () => {
    expect(congestionOf('from_to', 10, 0.4)).toBe(-4)
    expect(congestionOf('to_from', 10, 0.4)).toBe(4)
    const effects = topEffects(new Map([['SIM:A', 0.1], ['SIM:B', -0.5], ['SIM:C', 0.0001]]), 'from_to', 10, 5)
    expect(effects.map((one) => [one.location, one.per_mwh])).toEqual([['SIM:B', 5], ['SIM:A', -1]])
  })
})

describe('the standing of a followed page', () => {
  const live = { phase: 'live', reason: null } as const

  it('is told only when it is not live: by the stream first, then by the age that the dataset allows', () => {
    expect(standingWords(60_000, { stale_after_s: 3600 }, live)).toBeUndefined()
    expect(standingWords(undefined, undefined, live)).toBeUndefined()
    expect(standingWords(2 * HOUR_MS, { stale_after_s: 3600 }, live)).toMatch(/ended 2 h ago/)
    expect(standingWords(0, { stale_after_s: 3600 }, { phase: 'retrying', reason: 'closed' })).toMatch(/off \(closed\)/)
  })
})

describe('rows of shadow prices', () => {
  it('become bindings, missing numbers NaN, and a correction to zero is none', () => {
    const twice = <Cell,>(cell: Cell) => [cell, cell]
    const rows = new Rows<'grid.shadow_prices'>(answer({ constraint: ['K', 'L'], market_run: twice('DA'), interval_start: twice('2026-01-01T00:00:00Z'), interval_end: twice('2026-01-01T01:00:00Z'), direction: twice('to_from'), shadow_price_per_mwh: [4, 0], flow_mw: twice(null), limit_mw: twice(-10) }))
    expect(bindingsOf(rows)).toMatchObject([{ constraint: 'K', run: 'DA', shadow: 4, direction: 'to_from', limit_mw: -10, flow_mw: Number.NaN }])
    expect(bindingsOf(undefined)).toEqual([])
  })
})
