import { useQueries } from '@tanstack/react-query'
import { instantCell, numberCell, readRows, rowsPath, textCell } from '@/lib/api/rows'
import { isoInstant } from '@/lib/time/format'
import { HOUR_MS, type MarketHour } from '@/lib/time/zone'
import { DATASET } from './model'

export type HeatValue = 'rt' | 'da' | 'dart'

/** Locations read at once. */
export const BATCH = 12

interface Sums {
  sum: number
  count: number
}

/** Hourly means of one run by `${location}|${hour}`. */
type HourMeans = Map<string, Sums>

async function hourMeans(run: string, locations: readonly string[], start: number, end: number, asOf: string | undefined, signal: AbortSignal): Promise<HourMeans> {
  const { columns, count } = await readRows(rowsPath(DATASET), {
    location: locations, market_run: run, start: isoInstant(start), end: isoInstant(end), as_of: asOf, columns: ['location', 'interval_start', 'price_per_mwh'], allow_partial: true,
  }, signal)
  const means: HourMeans = new Map()
  for (let row = 0; row < count; row += 1) {
    const price = numberCell(columns, 'price_per_mwh', row)
    if (!Number.isFinite(price)) continue
    const key = `${textCell(columns, 'location', row)}|${Math.floor(instantCell(columns, 'interval_start', row) / HOUR_MS) * HOUR_MS}`
    const held = means.get(key)
    if (held === undefined) means.set(key, { sum: price, count: 1 })
    else {
      held.sum += price
      held.count += 1
    }
  }
  return means
}

export type HeatLookup = (location: string, hour: number) => number

/** Read the day of locations in batches, again each minute while it runs; the lookup gives NaN where nothing is known. */
export function useHeat(locations: readonly string[], hours: readonly MarketHour[], value: HeatValue, asOf: string | undefined, isRunning: boolean): { lookup: HeatLookup; loading: boolean } {
  const start = hours[0]?.start ?? 0
  const end = hours.at(-1)?.end ?? 0
  const batches: string[][] = []
  for (let from = 0; from < locations.length; from += BATCH) batches.push(locations.slice(from, from + BATCH))
  const runs = value === 'rt' ? ['RT5'] : value === 'da' ? ['DA'] : ['RT5', 'DA']
  const results = useQueries({
    queries: batches.flatMap((batch) => runs.map((run) => ({
      queryKey: ['heat', run, batch, start, end, asOf],
      queryFn: ({ signal }: { signal: AbortSignal }) => hourMeans(run, batch, start, end, asOf, signal),
      staleTime: run === 'DA' ? 300_000 : 60_000,
      refetchInterval: isRunning && run === 'RT5' ? 60_000 : (false as const),
    }))),
  })
  const of = (run: string, key: string): number => {
    for (let index = runs.indexOf(run); index < results.length; index += runs.length) {
      const found = results[index]?.data?.get(key)
      if (found !== undefined) return found.sum / found.count
    }
    return Number.NaN
  }
  const lookup: HeatLookup = (location, hour) => {
    const key = `${location}|${hour}`
    return value === 'dart' ? of('DA', key) - of('RT5', key) : of(value === 'rt' ? 'RT5' : 'DA', key)
  }
  return { lookup, loading: results.some((result) => result.isPending) }
}
