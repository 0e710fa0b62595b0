import type { Location } from '@/lib/api/types'
import { kindRank } from '@/lib/kinds'
import type { SeriesStore } from '@/lib/stream/series-store'
import { type DayAhead, dayAheadOf } from './use-prices'

export type ColumnId = 'name' | 'rt' | 'change' | 'da' | 'dart' | 'congestion' | 'loss' | 'spark' | 'interval' | 'age'

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
  start: number
  end: number
}

export function figures(store: SeriesStore, row: number, prices: DayAhead): Figures {
  const rt = store.value('price_per_mwh', row)
  const start = store.start[row] ?? Number.NaN
  const da = dayAheadOf(prices, store.keys[row] ?? '', start)
  return {
    rt, da, start, change: rt - store.previous('price_per_mwh', row), dart: da - rt,
    congestion: store.value('congestion_per_mwh', row), loss: store.value('loss_per_mwh', row), end: store.end[row] ?? Number.NaN,
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
  sort: readonly SortKey[]
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
    default: return found.end
  }
}

/** Missing values go last whichever way the column is sorted. */
function compareNumbers(a: number, b: number, descending: boolean): number {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b))
  return descending ? b - a : a - b
}

/** Return the store rows to show, in order: pinned first, then by the sort, then hubs before zones before nodes by name. */
export function shownRows(store: SeriesStore, names: ReadonlyMap<string, Location>, prices: DayAhead, query: RowQuery): number[] {
  const words = query.search.toLowerCase().split(/\s+/).filter((word) => word !== '')
  const keys = query.sort.filter(({ column }) => column !== 'name').map(({ column }) => column)
  const pins = new Map(query.pins.map((id, at) => [id, at]))
  const kept: { row: number; id: string; rank: number; pin: number; values: Partial<Record<ColumnId, number>> }[] = []
  for (const [id, row] of store.rows) {
    if (store.present[row] !== 1) continue
    const kind = names.get(id)?.kind ?? ''
    const pin = pins.get(id)
    if (query.kind !== undefined && kind !== query.kind && pin === undefined) continue
    if (words.length > 0) {
      const hay = `${id} ${kind}`.toLowerCase()
      if (!words.every((word) => hay.includes(word))) continue
    }
    const found = keys.length === 0 ? undefined : figures(store, row, prices)
    const values = found === undefined ? {} : Object.fromEntries(keys.map((column) => [column, sortValue(column, found)]))
    kept.push({ row, id, rank: kindRank(kind), pin: pin ?? query.pins.length, values })
  }
  kept.sort((a, b) => {
    if (a.pin !== b.pin) return a.pin - b.pin
    for (const { column, descending } of query.sort) {
      const order = column === 'name' ? (a.id < b.id ? -1 : 1) * (descending ? -1 : 1) : compareNumbers(a.values[column] ?? Number.NaN, b.values[column] ?? Number.NaN, descending)
      if (order !== 0) return order
    }
    if (a.rank !== b.rank) return a.rank - b.rank
    return a.id < b.id ? -1 : 1
  })
  return kept.map(({ row }) => row)
}
