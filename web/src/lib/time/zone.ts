/** Wall-clock arithmetic in a named zone, by Intl alone. Instants are milliseconds since the epoch, UTC. */

export const MINUTE_MS = 60_000
export const HOUR_MS = 3_600_000
export const DAY_MS = 86_400_000

export interface WallTime {
  year: number
  month: number
  day: number
  hour: number
  minute: number
  second: number
}

const formatters = new Map<string, Intl.DateTimeFormat>()

function formatter(zone: string): Intl.DateTimeFormat {
  let found = formatters.get(zone)
  if (found === undefined) {
    found = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    })
    formatters.set(zone, found)
  }
  return found
}

const offsets = new Map<string, Map<number, number>>()

function computeOffset(zone: string, instant: number): number {
  const parts = formatter(zone).formatToParts(instant)
  const value = (type: string) => Number(parts.find((part) => part.type === type)?.value)
  const wall = Date.UTC(value('year'), value('month') - 1, value('day'), value('hour'), value('minute'), value('second'))
  return wall - Math.floor(instant / 1000) * 1000
}

/** Return the zone's offset from UTC at `instant`, in ms. Kept per quarter hour: no zone changes inside one. */
export function offsetMs(zone: string, instant: number): number {
  if (zone === 'UTC') return 0
  let known = offsets.get(zone)
  if (known === undefined) {
    known = new Map()
    offsets.set(zone, known)
  }
  const quarter = Math.floor(instant / (15 * MINUTE_MS))
  let offset = known.get(quarter)
  if (offset === undefined) {
    if (known.size > 20_000) known.clear()
    offset = computeOffset(zone, quarter * 15 * MINUTE_MS)
    known.set(quarter, offset)
  }
  return offset
}

/** Return what a clock on the wall of `zone` shows at `instant`. */
export function wallTime(zone: string, instant: number): WallTime {
  const wall = new Date(instant + offsetMs(zone, instant))
  return {
    year: wall.getUTCFullYear(),
    month: wall.getUTCMonth() + 1,
    day: wall.getUTCDate(),
    hour: wall.getUTCHours(),
    minute: wall.getUTCMinutes(),
    second: wall.getUTCSeconds(),
  }
}

/** Return the instant at which a wall clock of `zone` showed YYYY-MM-DDTHH:MM; undefined when it is no such text. */
export function instantOfWall(zone: string, text: string): number | undefined {
  const wall = Date.parse(`${text}Z`)
  if (Number.isNaN(wall)) return undefined
  return wall - offsetMs(zone, wall - offsetMs(zone, wall))
}

/** Whether the text is a calendar day, YYYY-MM-DD; 2026-02-31 is none, though Date.parse takes it for March. */
export function isDay(text: string): boolean {
  const midnight = /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN
  return !Number.isNaN(midnight) && new Date(midnight).toISOString().startsWith(text)
}

/** Return the first instant of the local day `YYYY-MM-DD` in `zone`. */
export function dayStart(zone: string, day: string): number {
  const midnight = Date.parse(`${day}T00:00:00Z`)
  if (Number.isNaN(midnight)) throw new RangeError(`found day "${day}"; allowed: YYYY-MM-DD`)
  // Two steps: the offset at the guess may differ from the offset at local midnight itself.
  const guess = midnight - offsetMs(zone, midnight)
  return midnight - offsetMs(zone, guess)
}

/** Return the local calendar day of `instant` as YYYY-MM-DD. */
export function dayOf(zone: string, instant: number): string {
  return new Date(instant + offsetMs(zone, instant)).toISOString().slice(0, 10)
}

/** Return the calendar day `count` days after `day`. */
export function addDays(day: string, count: number): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + count * DAY_MS).toISOString().slice(0, 10)
}

export interface MarketHour {
  start: number
  end: number
  /** Hour-ending number on the wall clock, 1 to 24. */
  hourEnding: number
  /** The second of the two hours that share a number in autumn. */
  repeated: boolean
  /** Two digits, with a mark on the repeated hour: 02*. */
  label: string
}

/** Return the hours of a local day: 24, or 23 in spring (one number missing), or 25 in autumn (one repeated). */
export function dayHours(zone: string, day: string): MarketHour[] {
  const end = dayStart(zone, addDays(day, 1))
  const hours: MarketHour[] = []
  for (let start = dayStart(zone, day); start < end; start += HOUR_MS) {
    const hourEnding = wallTime(zone, start).hour + 1
    const repeated = hours.at(-1)?.hourEnding === hourEnding
    const label = `${String(hourEnding).padStart(2, '0')}${repeated ? '*' : ''}`
    hours.push({ start, end: start + HOUR_MS, hourEnding, repeated, label })
  }
  return hours
}

/** Return the hour-ending label of the hour that holds `instant`, such as 15 or 02*. */
export function hourEndingLabel(zone: string, instant: number): string {
  const start = Math.floor(instant / HOUR_MS) * HOUR_MS
  const hour = wallTime(zone, start).hour + 1
  const before = wallTime(zone, start - HOUR_MS).hour + 1
  return `${String(hour).padStart(2, '0')}${before === hour ? '*' : ''}`
}
