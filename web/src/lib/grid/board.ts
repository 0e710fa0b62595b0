import { HOUR_MS } from '@/lib/time/zone'
import { type Binding, congestionOf } from './binding'
import type { Constraint } from './network'

/** How a constraint stands against day-ahead in the hour that runs. */
export type Since = 'rt' | 'da' | 'both' | 'none'

export interface BoardRow {
  name: string
  constraint: Constraint | undefined
  /** Shadow price of the newest real-time interval; 0 where it does not bind, NaN before any is known. */
  now: number
  /** Shadow price of the day-ahead hour that runs. */
  da: number
  since: Since
  /** Hours bound in real time: today so far, and in seven days. */
  today_h: number
  daToday_h: number
  week_h: number
  /** Mean of the shadow price where it bound in seven days. */
  mean: number
  most: number
  /** Direction in which it bound last, in real time or else day-ahead. */
  direction: string
  /** What its effects are told by: the newest shadow price, else the mean when bound, else the dearest of day-ahead. */
  telling: number
  /** Mean shadow price in each half hour of the last 24 hours. */
  spark: number[]
}

export const SPARK_SLOTS = 48
const SPARK_MS = HOUR_MS / 2
const FIVE_MS = HOUR_MS / 12

export interface BoardSpan {
  /** Start of the newest real-time interval; NaN before one is known. */
  newest: number
  today: number
  /** Present instant: day-ahead hours after it have not been delivered. */
  now: number
}

interface Sums {
  row: BoardRow
  sum: number
  weighted_h: number
  mostDa: number
  last: number
}

/** Return a row for every constraint that bound in the span of `bindings`. O(n). */
export function boardRows(bindings: readonly Binding[], constraints: ReadonlyMap<string, Constraint>, { newest, today, now }: BoardSpan): BoardRow[] {
  const hour = Math.floor((Number.isFinite(newest) ? newest : now) / HOUR_MS) * HOUR_MS
  const from = (Math.floor(now / SPARK_MS) + 1) * SPARK_MS - SPARK_SLOTS * SPARK_MS
  /** How much of a half hour has been cleared: the running one is a mean of what there is. */
  const lengthOf = (slot: number) => Math.max(1, Math.min(SPARK_MS, Math.max(newest + FIVE_MS, now - SPARK_MS) - from - slot * SPARK_MS))
  const found = new Map<string, Sums>()
  const of = (name: string): Sums => {
    let held = found.get(name)
    if (held === undefined) {
      const row: BoardRow = { name, constraint: constraints.get(name), now: Number.isFinite(newest) ? 0 : Number.NaN, da: 0, since: 'none', today_h: 0, daToday_h: 0, week_h: 0, mean: Number.NaN, most: Number.NaN, direction: '', telling: Number.NaN, spark: Array<number>(SPARK_SLOTS).fill(0) }
      held = { row, sum: 0, weighted_h: 0, mostDa: 0, last: -Infinity }
      found.set(name, held)
    }
    return held
  }
  for (const one of bindings) {
    const held = of(one.constraint)
    const { row } = held
    const hours = (one.end - one.start) / HOUR_MS
    if (one.run === 'DA') {
      if (one.start === hour) row.da = one.shadow
      if (held.last === -Infinity && one.shadow > held.mostDa) row.direction = one.direction
      held.mostDa = Math.max(held.mostDa, one.shadow)
      if (one.start >= today && one.start < now) row.daToday_h += Math.min(hours, (now - one.start) / HOUR_MS)
      continue
    }
    if (one.start === newest) row.now = one.shadow
    if (one.start >= today) row.today_h += hours
    row.week_h += hours
    held.sum += one.shadow * hours
    held.weighted_h += hours
    row.most = Math.max(Number.isNaN(row.most) ? 0 : row.most, one.shadow)
    if (one.start > held.last) [held.last, row.direction] = [one.start, one.direction]
    const slot = Math.floor((one.start - from) / SPARK_MS)
    if (slot >= 0 && slot < SPARK_SLOTS) row.spark[slot] = (row.spark[slot] ?? 0) + (one.shadow * (one.end - one.start)) / lengthOf(slot)
  }
  return [...found.values()].map(({ row, sum, weighted_h, mostDa }) => ({
    ...row, mean: sum / weighted_h, since: row.now > 0 ? (row.da > 0 ? 'both' : 'rt') : row.da > 0 ? 'da' : 'none', telling: row.now > 0 ? row.now : weighted_h > 0 ? sum / weighted_h : mostDa,
  }))
}

export interface Effect {
  location: string
  factor: number
  /** What it adds to the price there. */
  per_mwh: number
}

/** Return the locations whose price the constraint moves most, by shift factor times `shadow`. */
export function topEffects(factors: ReadonlyMap<string, number>, direction: string, shadow: number, count: number): Effect[] {
  return [...factors].map(([location, factor]) => ({ location, factor, per_mwh: congestionOf(direction, shadow, factor) }))
    .filter((one) => Math.abs(one.per_mwh) >= 0.005).sort((a, b) => Math.abs(b.per_mwh) - Math.abs(a.per_mwh)).slice(0, count)
}
