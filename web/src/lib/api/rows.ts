import { type Query, getJson } from './client'
import type { Cell, Columns } from './types'

/** A browser session reads display-sized pages. */
export const PAGE_ROWS = 5000
const MAX_PAGES = 12

/** Return every page of a read as one; stops after 60 000 rows and says so by a `next` that is not null. */
export async function readRows(path: string, query: Query, signal?: AbortSignal): Promise<Columns> {
  let answer = await getJson<Columns>(path, { limit: PAGE_ROWS, ...query }, signal)
  const whole: Columns = { ...answer, columns: { ...answer.columns } }
  for (let page = 1; answer.next !== null && page < MAX_PAGES; page += 1) {
    answer = await getJson<Columns>(path, { limit: PAGE_ROWS, ...query, cursor: answer.next }, signal)
    for (const [name, cells] of Object.entries(answer.columns)) whole.columns[name] = (whole.columns[name] ?? []).concat(cells)
    whole.count += answer.count
    whole.next = answer.next
  }
  return whole
}

export function rowsPath(dataset: string): string {
  return `/v1/datasets/${encodeURIComponent(dataset)}/rows`
}

/** Return one column's cell as a number; NaN when it is absent, so that gaps stay gaps. */
export function numberCell(columns: Columns['columns'], name: string, row: number): number {
  const cell = columns[name]?.[row]
  return typeof cell === 'number' ? cell : Number.NaN
}

export function textCell(columns: Columns['columns'], name: string, row: number): string {
  const cell: Cell | undefined = columns[name]?.[row]
  return typeof cell === 'string' ? cell : ''
}

export function instantCell(columns: Columns['columns'], name: string, row: number): number {
  return Date.parse(textCell(columns, name, row))
}
