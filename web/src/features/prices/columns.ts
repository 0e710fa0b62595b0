import type { ColumnId } from './rows'

export interface ColumnFace {
  id: ColumnId
  name: string
  note: string
  /** What the column means, where the name does not say it. */
  meaning?: string
  /** Width in CSS grid terms. */
  width: string
  isNumber: boolean
  sortable: boolean
}

/** The grid's columns; `unit` is what the server states for prices, `zone` the clock when all rows share one. */
export function columnFaces(unit: string, zone: string | undefined): ColumnFace[] {
  const price = (id: ColumnId, name: string, width: string, meaning?: string): ColumnFace => ({ id, name, note: unit, width, isNumber: true, sortable: true, ...(meaning === undefined ? {} : { meaning }) })
  return [
    { id: 'name', name: 'Location', note: 'kind', width: 'minmax(172px, 1.6fr)', isNumber: false, sortable: true },
    price('rt', 'RT5', 'minmax(84px, 0.7fr)'),
    price('change', 'Change', 'minmax(80px, 0.7fr)', 'RT5 against the interval before'),
    price('da', 'DA, this hour', 'minmax(88px, 0.7fr)'),
    price('dart', 'DART', 'minmax(88px, 0.7fr)', 'Day-ahead minus real time'),
    price('congestion', 'Congestion', 'minmax(84px, 0.7fr)'),
    price('loss', 'Loss', 'minmax(72px, 0.6fr)'),
    { id: 'spark', name: 'Last 4 h', note: 'RT5', width: '116px', isNumber: false, sortable: false },
    { id: 'interval', name: 'Interval', note: zone ?? 'market time', width: '122px', isNumber: true, sortable: false },
    { id: 'age', name: 'Age', note: 'since end', width: '72px', isNumber: true, sortable: true },
  ]
}
