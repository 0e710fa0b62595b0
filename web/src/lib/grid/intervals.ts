import { HOUR_MS, MINUTE_MS } from '@/lib/time/zone'

export const RUNS = ['RT5', 'DA'] as const
export type Run = (typeof RUNS)[number]

export const stepMs = (run: Run) => (run === 'DA' ? HOUR_MS : 5 * MINUTE_MS)

export const runOf = (text: string | undefined): Run => (text === 'DA' ? 'DA' : 'RT5')

/** Return the starts of a day's intervals; 23, 24 or 25 hours of them. */
export function dayIntervals(run: Run, start: number, end: number): number[] {
  const step = stepMs(run)
  return Array.from({ length: Math.max(0, Math.round((end - start) / step)) }, (_, at) => start + at * step)
}

const PAGE = 5000
/** Intervals read at once: what divides twelve, so that pieces lie on whole hours. */
const PIECES = [12, 6, 4, 3, 2, 1]

/** Return the stretch around an instant that is read at once: as many intervals as fill a page of `series` each. */
export function pieceOf(run: Run, instant: number, series: number): { start: number; end: number } {
  const length = (PIECES.find((count) => count * series <= PAGE) ?? 1) * stepMs(run)
  const start = Math.floor(instant / length) * length
  return { start, end: start + length }
}
