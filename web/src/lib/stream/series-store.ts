import type { StreamColumns } from './protocol'

const FIRST_CAPACITY = 256

export interface SeriesShape {
  /** Key columns without the time column; together they name a series. */
  key: readonly string[]
  timeColumn: string
  endColumn: string
  numbers: readonly string[]
  texts: readonly string[]
}

/** How a row follows what its series held: the interval right after, some other interval, or the same one again. */
type Step = 'next' | 'jump' | 'revision'

function grown(values: Float64Array, capacity: number): Float64Array {
  const next = new Float64Array(capacity).fill(Number.NaN)
  next.set(values)
  return next
}

/**
 * The newest interval of every series, by column. Rows keep their number for the life of the store; a series that a
 * later snapshot lacks stops being `present`. Missing values are NaN, never zero.
 */
export class SeriesStore {
  readonly shape: SeriesShape
  /** Series key -> row. */
  readonly rows = new Map<string, number>()
  readonly keys: string[] = []
  start: Float64Array = new Float64Array(FIRST_CAPACITY).fill(Number.NaN)
  end: Float64Array = new Float64Array(FIRST_CAPACITY).fill(Number.NaN)
  /** How often the row has changed live; drives the flash. */
  bumps = new Uint32Array(FIRST_CAPACITY)
  present = new Uint8Array(FIRST_CAPACITY)
  /** Counts series that came or went; a list of rows is rebuilt when it moves. */
  membership = 0
  private numbers = new Map<string, Float64Array>()
  private before = new Map<string, Float64Array>()
  private texts = new Map<string, string[]>()
  private unseen: Set<number> | undefined

  constructor(shape: SeriesShape) {
    this.shape = shape
    for (const name of shape.numbers) {
      this.numbers.set(name, new Float64Array(FIRST_CAPACITY).fill(Number.NaN))
      this.before.set(name, new Float64Array(FIRST_CAPACITY).fill(Number.NaN))
    }
    for (const name of shape.texts) this.texts.set(name, [])
  }

  value(name: string, row: number): number {
    return this.numbers.get(name)?.[row] ?? Number.NaN
  }

  /** The value of the interval before this one, NaN when none is known; a revision does not move it. */
  previous(name: string, row: number): number {
    return this.before.get(name)?.[row] ?? Number.NaN
  }

  text(name: string, row: number): string {
    return this.texts.get(name)?.[row] ?? ''
  }

  /** A snapshot begins: series that it does not name are gone at its end. */
  beginSnapshot(): void {
    this.unseen = new Set(this.rows.values())
  }

  endSnapshot(): void {
    for (const row of this.unseen ?? []) {
      if (this.present[row] === 1) {
        this.present[row] = 0
        this.membership += 1
      }
    }
    this.unseen = undefined
  }

  /** Apply rows; return the store rows that changed. An interval older than the one held is ignored. */
  apply(columns: StreamColumns, live: boolean): number[] {
    const keyColumns = this.shape.key.map((name) => columns[name] ?? [])
    const starts = columns[this.shape.timeColumn] ?? []
    const ends = columns[this.shape.endColumn] ?? []
    const changed: number[] = []
    for (let index = 0; index < starts.length; index += 1) {
      const key = keyColumns.map((cells) => String(cells[index])).join('|')
      const row = this.rowOf(key)
      const start = Date.parse(String(starts[index]))
      const held = this.start[row] ?? Number.NaN
      const first = this.unseen?.delete(row) === true || this.present[row] === 0
      if (this.present[row] === 0) {
        this.present[row] = 1
        this.membership += 1
      }
      if (!first && start < held) continue
      const step: Step = start > held && this.end[row] === start ? 'next' : first || start > held ? 'jump' : 'revision'
      this.start[row] = start
      this.end[row] = Date.parse(String(ends[index]))
      if (this.write(columns, index, row, step)) {
        changed.push(row)
        if (live) this.bumps[row] = (this.bumps[row] ?? 0) + 1
      }
    }
    return changed
  }

  /** Set the value of the interval that ended at `end`, for the series whose newest interval begins there. */
  setPrevious(name: string, key: string, end: number, value: number): void {
    const row = this.rows.get(key)
    if (row === undefined || this.start[row] !== end) return
    const before = this.before.get(name)
    if (before !== undefined) before[row] = value
  }

  private write(columns: StreamColumns, index: number, row: number, step: Step): boolean {
    let moved = false
    for (const [name, values] of this.numbers) {
      const cells = columns[name]
      if (cells === undefined) continue
      const cell = cells[index]
      const next = typeof cell === 'number' ? cell : Number.NaN
      const held = values[row] ?? Number.NaN
      const before = this.before.get(name)
      if (step !== 'revision' && before !== undefined) before[row] = step === 'next' ? held : Number.NaN
      if (Object.is(next, held)) continue
      values[row] = next
      moved = true
    }
    for (const [name, values] of this.texts) {
      const cell = columns[name]?.[index]
      if (cell !== undefined) values[row] = cell === null ? '' : String(cell)
    }
    return moved
  }

  private rowOf(key: string): number {
    let row = this.rows.get(key)
    if (row === undefined) {
      row = this.keys.length
      this.rows.set(key, row)
      this.keys.push(key)
      if (row >= this.start.length) this.grow()
    }
    return row
  }

  private grow(): void {
    const capacity = this.start.length * 2
    this.start = grown(this.start, capacity)
    this.end = grown(this.end, capacity)
    const bumps = new Uint32Array(capacity)
    bumps.set(this.bumps)
    this.bumps = bumps
    const present = new Uint8Array(capacity)
    present.set(this.present)
    this.present = present
    for (const columns of [this.numbers, this.before]) {
      for (const [name, values] of columns) columns.set(name, grown(values, capacity))
    }
  }
}
