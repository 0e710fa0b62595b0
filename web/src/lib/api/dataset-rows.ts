import type { Query } from './client'
import type { DatasetRows } from './generated/datasets'
import { instantCell, numberCell, readRows, textCell } from './rows'
import type { Columns } from './types'

export type DatasetId = keyof DatasetRows
type Name<Id extends DatasetId> = keyof DatasetRows[Id] & string

/** Rows of a dataset, read by the column names of its declaration; a name that is not declared does not compile. */
export class Rows<Id extends DatasetId> {
  readonly answer: Columns
  readonly count: number

  constructor(answer: Columns) {
    this.answer = answer
    this.count = answer.count
  }

  /** NaN where the value is absent. */
  number(name: Name<Id>, row: number): number {
    return numberCell(this.answer.columns, name, row)
  }

  text(name: Name<Id>, row: number): string {
    return textCell(this.answer.columns, name, row)
  }

  instant(name: Name<Id>, row: number): number {
    return instantCell(this.answer.columns, name, row)
  }

  /** True when the read stopped before its end: what is shown is a part. */
  get isPartial(): boolean {
    return this.answer.next !== null
  }
}

/** Read a dataset: `rows` of a span, or the `latest` row of each series. */
export async function readDataset<Id extends DatasetId>(id: Id, verb: 'rows' | 'latest', query: Query, signal?: AbortSignal): Promise<Rows<Id>> {
  return new Rows<Id>(await readRows(`/v1/datasets/${encodeURIComponent(id)}/${verb}`, query, signal))
}
