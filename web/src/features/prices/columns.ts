import type { Space } from '@/lib/columns'
import type { ColumnId } from './rows'

export interface ColumnFace extends Space {
  id: ColumnId
  name: string
  note: string
  /** What the column means, where the name does not say it. */
  meaning?: string
  /** Share of the room left over. */
  grow: number
  isNumber: boolean
  sortable: boolean
}

/** Every column there is; the first is pinned. */
export const COLUMNS = ['name', 'rt', 'change', 'da', 'dart', 'congestion', 'loss', 'energy', 'spark', 'interval', 'age'] as const satisfies readonly ColumnId[]
export const STANDARD: readonly ColumnId[] = COLUMNS.filter((id) => id !== 'energy')

/** How the columns look; `unit` is what the server states for prices, `zone` the clock when all rows share one. */
export function columnFaces(unit: string, zone: string | undefined): ColumnFace[] {
  const price = (id: ColumnId, name: string, least: number, weight: number, meaning?: string): ColumnFace => ({ id, name, note: unit, least, grow: 0.7, weight, isNumber: true, sortable: true, ...(meaning === undefined ? {} : { meaning }) })
  return [
    { id: 'name', name: 'Location', note: 'kind', least: 172, grow: 1.7, weight: 99, isNumber: false, sortable: true },
    price('rt', 'RT5', 78, 90, 'The newest real-time price of five minutes'),
    price('change', 'Change', 78, 60, 'RT5 against the interval before'),
    price('da', 'DA, this hour', 94, 70, 'The day-ahead price of the hour of the interval'),
    price('dart', 'DART', 84, 80, 'Day-ahead minus real time'),
    price('congestion', 'Congestion', 86, 50, 'Part of RT5 from congestion'),
    price('loss', 'Loss', 72, 12, 'Part of RT5 from losses'),
    price('energy', 'Energy', 78, 14, 'Part of RT5 that is the same everywhere'),
    { id: 'spark', name: 'Last 4 h', note: 'RT5', least: 120, grow: 0, weight: 30, isNumber: false, sortable: false },
    { id: 'interval', name: 'Interval', note: zone ?? 'market time', least: 156, grow: 0, weight: 10, isNumber: true, sortable: false },
    { id: 'age', name: 'Age', note: 'since end', least: 72, grow: 0, weight: 40, isNumber: true, sortable: true },
  ]
}
