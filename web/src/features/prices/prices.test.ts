import { describe, expect, it } from 'vitest'
import { Rows } from '@/lib/api/dataset-rows'
import type { Location } from '@/lib/api/types'
import { SeriesStore } from '@/lib/stream/series-store'
import { HOUR_MS, dayHours } from '@/lib/time/zone'
import { basisHours, extentOf, monthAfter } from './basis-data'
import { hourLines, priceDay, stacked } from './day-data'
import { type RowQuery, type SortKey, candidates, figures, formatSort, nextSort, parseSort, shownRows, sorted } from './rows'
import { priceTsv } from './tsv'
import { dayAheadOf } from './use-prices'

const START = Date.parse('2026-11-21T14:00:00Z')
const iso = (instant: number) => new Date(instant).toISOString()

function storeOf(prices: Record<string, number | null>): SeriesStore {
  const store = new SeriesStore({ key: ['location'], timeColumn: 'interval_start', endColumn: 'interval_end', numbers: ['price_per_mwh', 'congestion_per_mwh', 'loss_per_mwh'], texts: ['market'] })
  const ids = Object.keys(prices)
  store.apply({
    location: ids, market: ids.map(() => 'SIM'), interval_start: ids.map(() => iso(START)), interval_end: ids.map(() => iso(START + 300_000)),
    price_per_mwh: Object.values(prices), congestion_per_mwh: ids.map(() => 1), loss_per_mwh: ids.map(() => null),
  }, false)
  return store
}

const KINDS: Record<string, string> = { 'SIM:HUB': 'hub', 'SIM:ZONE': 'zone' }
const names = new Map(['SIM:A', 'SIM:B', 'SIM:HUB', 'SIM:ZONE'].map((id): [string, Location] => [id, { id, market: 'SIM', name: id.slice(4), kind: KINDS[id] ?? 'node', zone: null }]))
const none = { search: '', kind: undefined, pins: [] }
const store = storeOf({ 'SIM:B': 5, 'SIM:A': null, 'SIM:ZONE': 40, 'SIM:HUB': 30 })
const shown = ({ sort = [], ...query }: Partial<RowQuery> & { sort?: SortKey[] }) => shownRows(sorted(store, candidates(store, names), new Map(), sort), { ...none, ...query }).map((row) => store.keys[row])

describe('rows shown', () => {
  it('are hubs, zones, nodes, then by name', () => {
    expect(shown({})).toEqual(['SIM:HUB', 'SIM:ZONE', 'SIM:A', 'SIM:B'])
  })

  it('keep missing values last in both directions', () => {
    expect(shown({ sort: parseSort('rt:desc') })).toEqual(['SIM:ZONE', 'SIM:HUB', 'SIM:B', 'SIM:A'])
    expect(shown({ sort: parseSort('rt') })).toEqual(['SIM:B', 'SIM:HUB', 'SIM:ZONE', 'SIM:A'])
  })

  it('break ties by the second sort', () => {
    expect(shown({ sort: parseSort('congestion:desc,name:desc') })[0]).toBe('SIM:ZONE')
  })

  it('put pins first, in the order they were pinned, whatever the sort and the kind', () => {
    expect(shown({ pins: ['SIM:B', 'SIM:A'], sort: parseSort('rt:desc'), kind: 'hub' })).toEqual(['SIM:B', 'SIM:A', 'SIM:HUB'])
  })

  it('answer every word of a search', () => {
    expect(shown({ search: 'sim hub' })).toEqual(['SIM:HUB'])
    expect(shown({ search: 'sim nothing' })).toEqual([])
    expect(shown({ search: 'sim', pins: ['SIM:NOWHERE', 'SIM:B'] })[0]).toBe('SIM:B')
  })
})

describe('figures', () => {
  it('compare with the day-ahead price of the hour of the interval, and with nothing else', () => {
    const prices = new Map([[`SIM:HUB|${START}`, 25], [`SIM:HUB|${START + HOUR_MS}`, 99]])
    const row = store.rows.get('SIM:HUB') ?? -1
    expect(figures(store, row, prices)).toMatchObject({ rt: 30, da: 25, dart: -5, loss: Number.NaN })
    expect(dayAheadOf(prices, 'SIM:HUB', START + 55 * 60_000)).toBe(25)
    expect(dayAheadOf(prices, 'SIM:HUB', START - 1)).toBeNaN()
  })

  it('are copied with UTC instants, empty where missing, unit on every line', () => {
    const rows = shownRows(candidates(store, names), none)
    const lines = priceTsv(store, rows, new Map(), 'USD/MWh').split('\n').map((line) => line.split('\t'))
    expect(lines[1]).toEqual(['SIM:HUB', 'SIM', '2026-11-21T14:00:00Z', '2026-11-21T14:05:00Z', '30', '', '', '', '1', '', 'USD/MWh'])
    expect(lines.every((line) => line.length === lines[0]?.length)).toBe(true)
  })
})

describe('sort in the address', () => {
  it('round-trips', () => {
    expect(formatSort(parseSort('dart:desc,name'))).toBe('dart:desc,name')
    expect(parseSort(undefined)).toEqual([])
  })

  it('goes highest first, lowest first, then off', () => {
    const once = nextSort([], 'rt', false)
    const twice = nextSort(once, 'rt', false)
    expect([formatSort(once), formatSort(twice), formatSort(nextSort(twice, 'rt', false))]).toEqual(['rt:desc', 'rt', ''])
    expect(formatSort(nextSort(once, 'dart', true))).toBe('rt:desc,dart:desc')
    expect(formatSort(nextSort(once, 'dart', false))).toBe('dart:desc')
  })
})

describe('a price day', () => {
  const hours = dayHours('America/New_York', '2026-11-01')
  const start = hours[0]?.start ?? 0
  const columns = {
    market_run: ['DA', 'RT5', 'RT5'], interval_start: [iso(start + HOUR_MS), iso(start), iso(start + 600_000)], interval_end: [iso(start + 2 * HOUR_MS), iso(start + 300_000), iso(start + 900_000)],
    price_per_mwh: [40, 30, 33], energy_per_mwh: [null, 35, 35], congestion_per_mwh: [null, -6, -1], loss_per_mwh: [null, 1, -1],
  }
  const day = priceDay(columns, 3, hours)

  it('has a slot for every five minutes of 25 hours, and leaves gaps as gaps', () => {
    expect(day.time_s).toHaveLength(300)
    expect(day.rt.slice(0, 4)).toEqual([30, Number.NaN, 33, Number.NaN])
    expect(day.da.slice(11, 13)).toEqual([Number.NaN, 40])
    expect(day.da.filter(Number.isFinite)).toHaveLength(12)
  })

  it('averages what is known of an hour and says how much that was', () => {
    const [first, second] = hourLines(day, hours)
    expect(first).toMatchObject({ rt: 31.5, known: 2, da: Number.NaN })
    expect(second).toMatchObject({ da: 40, known: 0, rt: Number.NaN })
  })

  it('stacks parts away from zero by sign, and the outlines add up to the price', () => {
    const { up, down } = stacked([day.energy, day.congestion, day.loss])
    expect([up.map((line) => line[0]), down.map((line) => line[0])]).toEqual([[35, 35, 36], [0, -6, -6]])
    expect((up[2]?.[0] ?? 0) + (down[2]?.[0] ?? 0)).toBe(30)
    expect(up[0]?.[1]).toBeNaN()
  })
})

describe('a basis surface', () => {
  const cells: [block: string, quantile: string, basis: number][] = [['all', 'mean', 1.5], ['07', '0.95', 9], ['07', '0.05', -3], ['00', '0.5', 2], ['on_peak', '0.5', 7]]
  const hours = basisHours(new Rows<'grid.basis_surface'>({
    dataset: 'grid.basis_surface', as_of: iso(START), knowledge: 'published', commit: 1, count: cells.length, units: {}, next: null, left_out: [],
    columns: { hour_block: cells.map(([block]) => block), quantile: cells.map(([, quantile]) => quantile), basis_per_mwh: cells.map(([, , basis]) => basis), observations: cells.map(() => 8) },
  }))

  it('is told by hour, the whole day last, peaks left out, with what is absent as missing', () => {
    expect(hours.map(({ block }) => block)).toEqual(['00', '07', 'all'])
    expect(hours[1]).toEqual({ block: '07', q05: -3, q25: Number.NaN, q50: Number.NaN, q75: Number.NaN, q95: 9, mean: Number.NaN, observations: 8 })
  })

  it('has zero in its scale, and none where nothing is known', () => {
    expect([extentOf(hours), extentOf([])]).toEqual([{ low: -3, high: 9 }, { low: 0, high: 0 }])
  })

  it('is of a month whose end is the start of the next', () => {
    expect([monthAfter('2026-11'), monthAfter('2026-12')]).toEqual(['2026-12', '2027-01'])
  })
})
