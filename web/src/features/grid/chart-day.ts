import type { ChartTick } from '@/components/TimeChart'
import type { Run } from '@/lib/grid/intervals'
import { dayIntervals, stepMs } from '@/lib/grid/intervals'
import { clockText } from '@/lib/time/format'
import type { MarketClock, ZoneChoice } from '@/lib/time/markets'
import { addDays, dayHours, dayOf } from '@/lib/time/zone'

/** The hours of a span as ticks of a chart: hour-ending labels in the market's clock, days where there are several. */
export function ticksOf(clock: MarketClock, tz: ZoneChoice, start: number, end: number): ChartTick[] {
  const days: string[] = []
  for (let day = dayOf(clock.zone, start); day <= dayOf(clock.zone, end - 1); day = addDays(day, 1)) days.push(day)
  const isLong = days.length > 1
  return days.flatMap((day) => dayHours(clock.zone, day).map((hour, index) => ({
    at_s: hour.start / 1000, mark_s: (tz === 'market' && !isLong ? hour.end : hour.start) / 1000, clock: `${isLong ? `${day.slice(5)} ` : ''}${clockText(clock.zone, hour.start).slice(0, 2)}`,
    label: isLong ? (index === 0 ? day.slice(5) : '') : tz === 'market' ? hour.label : clockText(clock.zone, hour.start).slice(0, 2),
  })))
}

/** Lay values on the intervals of a span; NaN where nothing is known, `fill` where nothing bound. */
export function slotted(run: Run, start: number, end: number, values: readonly { start: number; end: number; value: number }[], fill: (at: number) => number): number[] {
  const step = stepMs(run)
  const line = dayIntervals(run, start, end).map(fill)
  for (const one of values) {
    for (let slot = Math.max(0, Math.round((one.start - start) / step)); slot < Math.min(line.length, Math.round((one.end - start) / step)); slot += 1) line[slot] = one.value
  }
  return line
}
