import type { ZoneChoice } from './markets'
import { DAY_MS, HOUR_MS, MINUTE_MS, dayOf, hourEndingLabel, wallTime } from './zone'

const two = (value: number) => String(value).padStart(2, '0')

/** Return HH:MM, or HH:MM:SS, on the wall of `zone`. */
export function clockText(zone: string, instant: number, withSeconds = false): string {
  const wall = wallTime(zone, instant)
  const minutes = `${two(wall.hour)}:${two(wall.minute)}`
  return withSeconds ? `${minutes}:${two(wall.second)}` : minutes
}

/** Return YYYY-MM-DD HH:MM on the wall of `zone`. */
export function instantText(zone: string, instant: number, withSeconds = false): string {
  return `${dayOf(zone, instant)} ${clockText(zone, instant, withSeconds)}`
}

/** Return the interval as HH:MM-HH:MM; an end at midnight reads 24:00 because the day is the start's. */
export function intervalText(zone: string, start: number, end: number): string {
  const closing = clockText(zone, end)
  return `${clockText(zone, start)}–${closing === '00:00' ? '24:00' : closing}`
}

/** Return the hour-ending number where the market's own clock is told, such as `HE 20, `; nothing in UTC or local time, whose hours no market numbers. */
export function hourEndingText(tz: ZoneChoice, zone: string, instant: number): string {
  return tz === 'market' ? `HE ${hourEndingLabel(zone, instant)}, ` : ''
}

/** Return a short length of time: 8 s, 4 min, 3 h, 2 d. Negative lengths read "in 3 h". */
export function ageText(age_ms: number): string {
  if (age_ms < 0) return `in ${ageText(-age_ms)}`
  if (age_ms < MINUTE_MS) return `${Math.floor(age_ms / 1000)} s`
  if (age_ms < HOUR_MS) return `${Math.floor(age_ms / MINUTE_MS)} min`
  if (age_ms < 2 * DAY_MS) return `${Math.floor(age_ms / HOUR_MS)} h`
  return `${Math.floor(age_ms / DAY_MS)} d`
}

/** Return an RFC 3339 instant with Z; fractions only when present, as the server writes them. */
export function isoInstant(instant: number): string {
  const text = new Date(instant).toISOString()
  return text.endsWith('.000Z') ? `${text.slice(0, -5)}Z` : text
}

/** Whether the text is an instant: a day and a time with an offset. */
export function isInstant(text: string): boolean {
  return /^\d{4}-\d{2}-\d{2}T.*(Z|[+-]\d{2}:?\d{2})$/.test(text) && !Number.isNaN(Date.parse(text))
}

/** Parse an instant of the API; NaN is refused because a silent NaN becomes a blank cell. */
export function parseInstant(text: string): number {
  const instant = Date.parse(text)
  if (Number.isNaN(instant)) throw new RangeError(`found instant "${text}"; allowed: RFC 3339 with an offset`)
  return instant
}
