import { instantCell, numberCell, readRows, rowsPath, textCell } from '@/lib/api/rows'
import { isoInstant } from '@/lib/time/format'
import { serverNow } from '@/lib/time/use-now'

const SLOT_MS = 300_000
export const SLOTS = 48
const BATCH = 60
const SETTLE_MS = 120

/** The last four hours of real-time prices of the locations in view, fetched in batches as they scroll in. */
export class Sparks {
  /** Rises with every change of a line, by location. */
  readonly revision = new Map<string, number>()
  private readonly lines = new Map<string, number[]>()
  private readonly asked = new Set<string>()
  private waiting: string[] = []
  private timer: ReturnType<typeof setTimeout> | undefined
  private base: number
  private readonly asOf: string | undefined
  private readonly onChange: () => void

  constructor(asOf: string | undefined, onChange: () => void) {
    this.asOf = asOf
    this.onChange = onChange
    const now = asOf === undefined ? serverNow() : Date.parse(asOf)
    this.base = Math.floor(now / SLOT_MS) * SLOT_MS - (SLOTS - 1) * SLOT_MS
  }

  line(location: string): readonly number[] | undefined {
    return this.lines.get(location)
  }

  /** Ask for the lines of the locations in view; those known are not asked again. */
  want(locations: readonly string[]): void {
    for (const location of locations) {
      if (this.asked.has(location)) continue
      this.asked.add(location)
      this.waiting.push(location)
    }
    if (this.waiting.length > 0 && this.timer === undefined) this.timer = setTimeout(() => this.fetch(), SETTLE_MS)
  }

  add(location: string, start: number, price: number): void {
    const line = this.lines.get(location)
    if (line === undefined) return
    this.advanceTo(start)
    const slot = (start - this.base) / SLOT_MS
    if (slot >= 0 && slot < SLOTS) line[slot] = price
    this.touch(location)
  }

  private advanceTo(start: number): void {
    const over = (start - this.base) / SLOT_MS - (SLOTS - 1)
    if (over <= 0) return
    this.base += over * SLOT_MS
    for (const [location, line] of this.lines) {
      line.splice(0, over)
      while (line.length < SLOTS) line.push(Number.NaN)
      this.touch(location)
    }
  }

  private touch(location: string): void {
    this.revision.set(location, (this.revision.get(location) ?? 0) + 1)
  }

  private fetch(): void {
    this.timer = undefined
    const batch = this.waiting.splice(0, BATCH)
    const query = {
      location: batch, market_run: 'RT5', start: isoInstant(this.base), end: isoInstant(this.base + SLOTS * SLOT_MS), as_of: this.asOf,
      columns: ['location', 'interval_start', 'price_per_mwh'], allow_partial: true,
    }
    readRows(rowsPath('markets.prices'), query).then(({ columns, count }) => {
      for (const location of batch) this.lines.set(location, Array<number>(SLOTS).fill(Number.NaN))
      for (let row = 0; row < count; row += 1) {
        this.add(textCell(columns, 'location', row), instantCell(columns, 'interval_start', row), numberCell(columns, 'price_per_mwh', row))
      }
      this.onChange()
    }, () => {
      // A line that could not be read stays blank; asking again when it next scrolls in is enough.
      for (const location of batch) this.asked.delete(location)
    })
    if (this.waiting.length > 0) this.timer = setTimeout(() => this.fetch(), SETTLE_MS)
  }
}
