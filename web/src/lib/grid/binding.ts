import type { Rows } from '@/lib/api/dataset-rows'

/** One limit that bound in one interval. */
export interface Binding {
  constraint: string
  run: string
  start: number
  end: number
  shadow: number
  direction: string
  flow_mw: number
  limit_mw: number
}

/** Return what bound; a correction says by a price of zero that a limit did not bind after all. */
export function bindingsOf(rows: Rows<'grid.shadow_prices'> | undefined): Binding[] {
  return Array.from({ length: rows?.count ?? 0 }, (_, row) => ({
    constraint: rows?.text('constraint', row) ?? '', run: rows?.text('market_run', row) ?? '', start: rows?.instant('interval_start', row) ?? 0, end: rows?.instant('interval_end', row) ?? 0,
    shadow: rows?.number('shadow_price_per_mwh', row) ?? Number.NaN, direction: rows?.text('direction', row) ?? '', flow_mw: rows?.number('flow_mw', row) ?? Number.NaN, limit_mw: rows?.number('limit_mw', row) ?? Number.NaN,
  })).filter((one) => one.shadow > 0)
}

/** Congestion that a unit of shadow price makes where one MW injected puts `factor` on the flow: -1 at the upper limit, +1 at the lower. */
export function congestionOf(direction: string, shadow: number, factor: number): number {
  return (direction === 'to_from' ? 1 : -1) * shadow * factor
}
