import { useQuery } from '@tanstack/react-query'
import { useEffect, useMemo, useSyncExternalStore } from 'react'
import { instantCell, numberCell, readRows, rowsPath, textCell } from '@/lib/api/rows'
import { useStream } from '@/lib/stream/stream-context'
import { isoInstant } from '@/lib/time/format'
import { useNowEvery } from '@/lib/time/use-now'
import { HOUR_MS } from '@/lib/time/zone'
import { DATASET, PricesModel } from './model'

/** The model of the scope, followed live or read once as of a past moment; renders at most four times a second. */
export function usePricesModel(market: string | undefined, asOf: string | undefined): { model: PricesModel; version: number } {
  const stream = useStream()
  // A new scope starts from nothing: figures of another market never linger under its name.
  // eslint-disable-next-line react-hooks/exhaustive-deps -- market is part of the model's identity
  const model = useMemo(() => new PricesModel(asOf), [market, asOf])
  useEffect(() => (asOf === undefined ? model.follow(stream, market) : model.readPast(asOf, market)), [model, stream, market, asOf])
  const version = useSyncExternalStore(model.watch, model.getVersion)
  return { model, version }
}

/** Day-ahead prices by location and hour: `${location}|${hour start in ms}`. */
export type DayAhead = ReadonlyMap<string, number>

/** Day-ahead prices come once a day; a correction is seen within this time. */
const DAY_AHEAD_EVERY_MS = 600_000

const NO_PRICES: DayAhead = new Map()

export function dayAheadOf(prices: DayAhead, location: string, interval_start: number): number {
  return prices.get(`${location}|${Math.floor(interval_start / HOUR_MS) * HOUR_MS}`) ?? Number.NaN
}

/** The day-ahead prices of this hour and the one before it, for every location in scope. */
export function useDayAhead(market: string | undefined, asOf: string | undefined): DayAhead {
  const hourNow = useNowEvery(HOUR_MS)
  const hour = asOf === undefined ? hourNow : Math.floor(Date.parse(asOf) / HOUR_MS) * HOUR_MS
  const { data } = useQuery({
    queryKey: ['day-ahead', market, asOf, hour],
    queryFn: async ({ signal }) => {
      const { columns, count } = await readRows(rowsPath(DATASET), {
        market, market_run: 'DA', start: isoInstant(hour - HOUR_MS), end: isoInstant(hour + HOUR_MS), as_of: asOf,
        columns: ['location', 'interval_start', 'price_per_mwh'], allow_partial: true,
      }, signal)
      const prices = new Map<string, number>()
      for (let row = 0; row < count; row += 1) {
        prices.set(`${textCell(columns, 'location', row)}|${instantCell(columns, 'interval_start', row)}`, numberCell(columns, 'price_per_mwh', row))
      }
      return prices
    },
    staleTime: 300_000,
    refetchInterval: asOf === undefined ? DAY_AHEAD_EVERY_MS : false,
    placeholderData: (previous) => previous,
  })
  return data ?? NO_PRICES
}
