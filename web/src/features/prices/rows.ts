import type { Location } from '@/lib/api/types'
import { kindRank } from '@/lib/kinds'
import { answers } from '@/lib/searching'
import type { SeriesStore } from '@/lib/stream/series-store'
import { type DayAhead, dayAheadOf } from './use-prices'

export type ColumnId = 'name' | 'rt' | 'change' | 'da' | 'dart' | 'congestion' | 'loss' | 'energy' | 'spark' | 'interval' | 'age'

export interface SortKey {
  column: ColumnId
  descending: boolean
}

/** One location's figures, read from the store when needed. NaN is missing. */
export interface Figures {
  rt: number
  change: number
  da: number
  /** Day-ahead minus real time. */
  dart: number
  congestion: number
  loss: number
  energy: number
  start: number
  end: number
}

export function figures(store: SeriesStore, row: number, prices: DayAhead): Figures {
  const rt = store.value('price_per_mwh', row)
  const start = store.start[row] ?? Number.NaN
  const da = dayAheadOf(prices, store.keys[row] ?? '', start)
  return {
    rt, da, start, change: rt - store.previous('price_per_mwh', row), dart: da - rt,
    congestion: store.value('congestion_per_mwh', row), loss: store.value('loss_per_mwh', row), energy: store.value('energy_per_mwh', row), end: store.end[row] ?? Number.NaN,
  }
}

export function parseSort(text: string | undefined): SortKey[] {
  return (text ?? '').split(',').filter((part) => part !== '').map((part) => {
    const [column, order] = part.split(':')
    return { column: column as ColumnId, descending: order === 'desc' }
  })
}

export function formatSort(keys: readonly SortKey[]): string {
  return keys.map(({ column, descending }) => (descending ? `${column}:desc` : column)).join(',')
}

/** Return the sort after a click on a column: numbers start with the highest, a third click lets go. */
export function nextSort(keys: readonly SortKey[], column: ColumnId, add: boolean): SortKey[] {
  const held = keys.find((key) => key.column === column)
  const startsDescending = column !== 'name'
  const rest = add ? keys.filter((key) => key.column !== column) : []
  if (held === undefined) return [...rest, { column, descending: startsDescending }]
  if (held.descending === startsDescending) return [...rest, { column, descending: !startsDescending }]
  return rest
}

export interface RowQuery {
  search: string
  kind: string | undefined
  pins: readonly string[]
}

function sortValue(column: ColumnId, found: Figures): number {
  switch (column) {
    case 'rt': return found.rt
    case 'change': return found.change
    case 'da': return found.da
    case 'dart': return found.dart
    case 'congestion': return found.congestion
    case 'loss': return found.loss
    case 'energy': return found.energy
    default: return found.end
  }
}

/** Missing values go last whichever way the column is sorted. */
function compareNumbers(a: number, b: number, descending: boolean): number {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b))
  return descending ? b - a : a - b
}

/** A row that is there, with what a search looks at. */
export interface Candidate {
  row: number
  id: string
  kind: string
  hay: string
}

/** Return the rows that are there, hubs before zones before nodes and by name: the order that every other starts from. */
export function candidates(store: SeriesStore, names: ReadonlyMap<string, Location>): Candidate[] {
  const found: (Candidate & { rank: number })[] = []
  for (const [id, row] of store.rows) {
    if (store.present[row] !== 1) continue
    const kind = names.get(id)?.kind ?? ''
    found.push({ row, id, kind, hay: `${id} ${kind}`, rank: kindRank(kind) })
  }
  return found.sort((a, b) => (a.rank !== b.rank ? a.rank - b.rank : a.id < b.id ? -1 : 1))
}

/** Return the candidates in the order of the sort, as they stand where it says nothing. O(n log n); a search leaves it as it is. */
export function sorted(store: SeriesStore, from: readonly Candidate[], prices: DayAhead, sort: readonly SortKey[]): readonly Candidate[] {
  if (sort.length === 0) return from
  const keyed = from.map((candidate) => {
    const found = figures(store, candidate.row, prices)
    return { candidate, values: sort.map(({ column }) => sortValue(column, found)) }
  })
  keyed.sort((a, b) => {
    for (const [at, { column, descending }] of sort.entries()) {
      const order = column === 'name' ? (a.candidate.id < b.candidate.id ? -1 : 1) * (descending ? -1 : 1) : compareNumbers(a.values[at] ?? Number.NaN, b.values[at] ?? Number.NaN, descending)
      if (order !== 0) return order
    }
    return 0
  })
  return keyed.map(({ candidate }) => candidate)
}

/** Return the store rows to show, in order: pinned first, then as the candidates stand. O(n). */
export function shownRows(from: readonly Candidate[], { search, kind, pins }: RowQuery): number[] {
  const isWanted = answers(search)
  const order = new Map(pins.map((id, at) => [id, at]))
  const first: number[] = []
  const rest: number[] = []
  for (const one of from) {
    const pin = order.get(one.id)
    if (kind !== undefined && one.kind !== kind && pin === undefined) continue
    if (!isWanted(one.hay)) continue
    if (pin === undefined) rest.push(one.row)
    else first[pin] = one.row
  }
  // A pin that the search leaves out leaves a hole.
  return [...Object.values(first), ...rest]
}
