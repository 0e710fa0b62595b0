import { type UseQueryResult, useQuery } from '@tanstack/react-query'
import { instantCell, numberCell, readRows, rowsPath, textCell } from '@/lib/api/rows'
import type { Columns } from '@/lib/api/types'
import { isoInstant } from '@/lib/time/format'
import { HOUR_MS, type MarketHour } from '@/lib/time/zone'
import { DATASET } from './model'

const SLOT_MS = 300_000

/** One operating day of a location on five-minute slots; NaN where nothing is known, so that gaps are drawn as gaps. */
export interface PriceDay {
  /** Slot starts in seconds, as the chart wants them. */
  time_s: number[]
  rt: number[]
  da: number[]
  energy: number[]
  congestion: number[]
  loss: number[]
  rtCount: number
}

export function priceDay(columns: Columns['columns'], count: number, hours: readonly MarketHour[]): PriceDay {
  const start = hours[0]?.start ?? 0
  const slots = (hours.length * HOUR_MS) / SLOT_MS
  const blank = () => Array<number>(slots).fill(Number.NaN)
  const day: PriceDay = { time_s: Array.from({ length: slots }, (_, slot) => (start + slot * SLOT_MS) / 1000), rt: blank(), da: blank(), energy: blank(), congestion: blank(), loss: blank(), rtCount: 0 }
  for (let row = 0; row < count; row += 1) {
    const from = (instantCell(columns, 'interval_start', row) - start) / SLOT_MS
    const to = (instantCell(columns, 'interval_end', row) - start) / SLOT_MS
    const isDa = textCell(columns, 'market_run', row) === 'DA'
    if (!isDa) day.rtCount += 1
    for (let slot = Math.max(0, from); slot < Math.min(slots, to); slot += 1) {
      if (isDa) day.da[slot] = numberCell(columns, 'price_per_mwh', row)
      else {
        day.rt[slot] = numberCell(columns, 'price_per_mwh', row)
        day.energy[slot] = numberCell(columns, 'energy_per_mwh', row)
        day.congestion[slot] = numberCell(columns, 'congestion_per_mwh', row)
        day.loss[slot] = numberCell(columns, 'loss_per_mwh', row)
      }
    }
  }
  return day
}

/** Return the outlines of parts stacked away from zero: positive parts upward, negative parts downward. */
export function stacked(parts: readonly (readonly number[])[]): { up: number[][]; down: number[][] } {
  const length = parts[0]?.length ?? 0
  const outline = (sign: 1 | -1): number[][] => {
    const sum = Array<number>(length).fill(0)
    return parts.map((part) => part.map((value, index) => {
      if (!Number.isFinite(value)) return Number.NaN
      const next = (sum[index] ?? 0) + (Math.sign(value) === sign ? value : 0)
      sum[index] = next
      return next
    }))
  }
  return { up: outline(1), down: outline(-1) }
}

export interface HourLine {
  hour: MarketHour
  da: number
  /** Mean of the real-time intervals that are known. */
  rt: number
  known: number
}

export function hourLines(day: PriceDay, hours: readonly MarketHour[]): HourLine[] {
  const perHour = HOUR_MS / SLOT_MS
  return hours.map((hour, index) => {
    const rt = day.rt.slice(index * perHour, (index + 1) * perHour).filter(Number.isFinite)
    return { hour, da: day.da[index * perHour] ?? Number.NaN, rt: rt.reduce((sum, value) => sum + value, 0) / rt.length, known: rt.length }
  })
}

export function usePriceDay(location: string, day: string, hours: readonly MarketHour[], asOf: string | undefined): UseQueryResult<PriceDay> {
  return useQuery({
    queryKey: ['price-day', location, day, hours[0]?.start, asOf],
    queryFn: async ({ signal }) => {
      const { columns, count } = await readRows(rowsPath(DATASET), {
        location, market_run: ['DA', 'RT5'], start: isoInstant(hours[0]?.start ?? 0), end: isoInstant(hours.at(-1)?.end ?? 0), as_of: asOf,
      }, signal)
      return priceDay(columns, count, hours)
    },
    refetchInterval: asOf === undefined ? 20_000 : false,
  })
}
