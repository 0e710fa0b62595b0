import { type UseQueryResult, useQuery } from '@tanstack/react-query'
import { type Rows, readDataset } from '@/lib/api/dataset-rows'
import { instantCell } from '@/lib/api/rows'
import { isoInstant } from '@/lib/time/format'
import { HOUR_MS } from '@/lib/time/zone'
import { useScope } from '@/lib/url/scope'
import type { Run } from './intervals'

/** What an issue of the forecast says of one constraint in one hour. */
export interface ForecastHour {
  constraint: string
  run: Run
  start: number
  end: number
  /** Chance that it binds, 0 to 1. */
  chance: number
  /** Shadow price: its mean, and the quantiles 0.1 and 0.9. */
  mean: number
  low: number
  high: number
  issued: number
}

const PREFIX = 'regression-'
/** An issue ends 38 hours after it is made. */
const AHEAD_MS = 38 * HOUR_MS
const AGAIN_MS = 600_000

export function forecastHours(rows: Rows<'grid.binding_forecast'>): ForecastHour[] {
  return Array.from({ length: rows.count }, (_, row) => ({
    constraint: rows.text('constraint', row), run: rows.text('forecast_run', row) === `${PREFIX}DA` ? 'DA' as const : 'RT5' as const, start: rows.instant('interval_start', row), end: rows.instant('interval_end', row),
    chance: rows.number('binding_probability', row), mean: rows.number('shadow_price_mean_per_mwh', row), low: rows.number('shadow_price_q10_per_mwh', row), high: rows.number('shadow_price_q90_per_mwh', row),
    issued: instantCell(rows.answer.columns, 'published_at', row),
  }))
}

/** Return by constraint the hour that most likely binds; of equals the first. O(n). */
export function likeliest(hours: readonly ForecastHour[]): Map<string, ForecastHour> {
  const found = new Map<string, ForecastHour>()
  for (const one of hours) {
    const held = found.get(one.constraint)
    if (held === undefined || one.chance > held.chance || (one.chance === held.chance && one.start < held.start)) found.set(one.constraint, one)
  }
  return found
}

/** The forecast in force of the hours from `hour` on, of every constraint or of one. */
export function useForecast(market: string | undefined, runs: readonly Run[], hour: number, constraint?: string): UseQueryResult<ForecastHour[]> {
  const { asOf } = useScope()
  return useQuery({
    queryKey: ['binding-forecast', market, runs.join(','), asOf, constraint, hour], enabled: market !== undefined, staleTime: AGAIN_MS, refetchInterval: asOf === undefined ? AGAIN_MS : false,
    queryFn: async ({ signal }) => forecastHours(await readDataset('grid.binding_forecast', 'rows', {
      market, forecast_run: runs.map((run) => `${PREFIX}${run}`), start: isoInstant(hour), end: isoInstant(hour + AHEAD_MS), as_of: asOf, constraint: constraint === undefined ? undefined : [constraint],
    }, signal)),
  })
}
