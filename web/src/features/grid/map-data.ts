import { useMemo } from 'react'
import { useUnit } from '@/lib/api/queries'
import { type Binding, bindingsOf } from '@/lib/grid/binding'
import { type Run, stepMs } from '@/lib/grid/intervals'
import { loading } from '@/lib/grid/loading'
import type { Constraint, Network } from '@/lib/grid/network'
import { type Snapshot, useConstraints, useShadowPrices, useSnapshot } from '@/lib/grid/queries'
import { type HeatScale, heatScale } from '@/lib/units/heat'
import type { Cursor } from './cursor'

/** Prices that differ by less than this on both sides of the middle are not blown up into all nine colours. */
const LEAST_REACH = 5

export interface MapData {
  snapshot: Snapshot | undefined
  /** True while the chosen interval is not there yet and another one is shown. */
  isLoading: boolean
  error: Error | null
  /** Dearest binding limit by branch. */
  binding: ReadonlyMap<number, Binding>
  bindings: readonly Binding[]
  constraints: ReadonlyMap<string, Constraint>
  scale: HeatScale
  /** Loading by branch, NaN where flow or limit is not known. */
  loadings: Float64Array
  /** Shadow prices added up, by position of the interval in the day. */
  sums: ReadonlyMap<number, number>
  unit: string
}

const NO_CONSTRAINTS: ReadonlyMap<string, Constraint> = new Map()

/** Return the branch that a constraint limits: by its declaration, or by its own name where there is none. */
function branchOf(name: string, constraints: ReadonlyMap<string, Constraint>, network: Network): number | undefined {
  return network.branchAt.get(constraints.get(name)?.monitored ?? name)
}

export function useMapData(network: Network | undefined, market: string | undefined, run: Run, cursor: Cursor, newest: number | undefined): MapData {
  const query = useSnapshot(network, market, run, cursor.at, newest)
  const shadows = useShadowPrices(market, [run], cursor.dayStart, cursor.dayEnd, newest)
  const constraints = useConstraints(market).data ?? NO_CONSTRAINTS
  const snapshot = cursor.at === undefined ? undefined : query.data?.get(cursor.at)
  const ofDay = useMemo(() => bindingsOf(shadows.data), [shadows.data])
  const unit = useUnit('grid.shadow_prices', 'shadow_price_per_mwh', [shadows.data?.count === 0 ? 'USD' : shadows.data?.text('currency', 0) ?? 'USD'])
  const { dayStart, dayEnd, at } = cursor
  const bindings = useMemo(() => ofDay.filter((one) => one.start === at).sort((a, b) => b.shadow - a.shadow), [ofDay, at])
  const sums = useMemo(() => {
    const found = new Map<number, number>()
    for (const one of ofDay) {
      const slot = Math.round((one.start - dayStart) / stepMs(run))
      if (slot >= 0 && one.start < dayEnd) found.set(slot, (found.get(slot) ?? 0) + one.shadow)
    }
    return found
  }, [ofDay, dayStart, dayEnd, run])
  const binding = useMemo(() => {
    const found = new Map<number, Binding>()
    for (const one of bindings) {
      const branch = network === undefined ? undefined : branchOf(one.constraint, constraints, network)
      if (branch !== undefined && !found.has(branch)) found.set(branch, one)
    }
    return found
  }, [bindings, constraints, network])
  const scale = useMemo(() => {
    const { centre, reach } = heatScale(snapshot?.price ?? [])
    return { centre, reach: Math.max(LEAST_REACH, reach) }
  }, [snapshot])
  const loadings = useMemo(() => Float64Array.from(network?.branches ?? [], (branch, index) => {
    const limit = snapshot?.limit_mw[index] ?? Number.NaN
    return loading(snapshot?.flow_mw[index] ?? Number.NaN, Number.isFinite(limit) ? limit : branch.rating_mw)
  }), [network, snapshot])
  return {
    snapshot, isLoading: query.isFetching && snapshot === undefined, error: query.error, binding, bindings, constraints, scale, loadings, sums, unit,
  }
}
