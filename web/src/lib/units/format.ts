/** Numbers as the desk reads them: fixed decimals so that columns align, a true minus sign, never a bare NaN. */

const MINUS = '−'
/** Between thousands: a narrow space that does not break, the same on every page and read alike in America and Europe. */
const GROUP = '\u202f'
const ABSENT = '–'

const fixed = new Map<number, Intl.NumberFormat>()

function formatterOf(decimals: number): Intl.NumberFormat {
  let found = fixed.get(decimals)
  if (found === undefined) {
    found = new Intl.NumberFormat('en-US', { minimumFractionDigits: decimals, maximumFractionDigits: decimals })
    fixed.set(decimals, found)
  }
  return found
}

/** Return the number with `decimals`; a missing value is a dash, never a zero; minus zero loses its sign. */
export function numberText(value: number | null | undefined, decimals = 2): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return ABSENT
  const text = formatterOf(decimals).format(Math.abs(value)).replaceAll(',', GROUP)
  const isZero = !/[1-9]/.test(text)
  return value < 0 && !isZero ? `${MINUS}${text}` : text
}

/** Return the number with an explicit sign, as differences are written. */
export function signedText(value: number | null | undefined, decimals = 2): string {
  const text = numberText(value, decimals)
  if (text === ABSENT || text.startsWith(MINUS) || !/[1-9]/.test(text)) return text
  return `+${text}`
}

/** Return a plain decimal for clipboards and files: ASCII minus, no grouping, empty when missing. */
export function plainNumber(value: number | null | undefined): string {
  return value === null || value === undefined || !Number.isFinite(value) ? '' : String(value)
}

export type Direction = 'up' | 'down' | 'flat'

/** Return the direction of a difference; below half of the last shown decimal nothing moved. */
export function direction(difference: number | null | undefined, decimals = 2): Direction {
  if (difference === null || difference === undefined || !Number.isFinite(difference)) return 'flat'
  if (Math.abs(difference) < 0.5 * 10 ** -decimals) return 'flat'
  return difference > 0 ? 'up' : 'down'
}

/** Return a count: 18 502. */
export function countText(value: number): string {
  return numberText(value, 0)
}

/** Return a share as a percentage; 99.97 never rounds up to 100, because 100 means nothing is missing. */
export function shareText(share: number | null | undefined): string {
  if (share === null || share === undefined || !Number.isFinite(share)) return ABSENT
  if (share >= 1) return '100%'
  return `${formatterOf(1).format(Math.floor(share * 1000) / 10)}%`
}

/** A declared unit in the currency of the rows shown: `currency/MWh` of USD rows is `USD/MWh`. */
export function unitIn(unit: string, currencies: Iterable<string>): string {
  const known = [...new Set(currencies)].filter(Boolean)
  return known.length === 1 ? unit.replace('currency', known[0] ?? 'currency') : unit
}

/** Return a length of time that a rule states: minutes below two hours, hours to two days, days above. */
export function spanText(seconds: number): string {
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`
  return seconds <= 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} d`
}
