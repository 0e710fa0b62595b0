import { useQuery } from '@tanstack/react-query'
import { lazy, Suspense, useMemo } from 'react'
import { Drawer } from '@/components/Drawer'
import { Link } from '@/components/Link'
import { PriceExplainer } from '@/components/PriceExplainer'
import type { ChartSeries } from '@/components/TimeChart'
import { AsOfBadge } from '@/components/labels'
import { EmptyState, QueryStates, Skeleton } from '@/components/states'
import { readDataset } from '@/lib/api/dataset-rows'
import { useDataset } from '@/lib/api/queries'
import { type Run, dayIntervals, stepMs } from '@/lib/grid/intervals'
import type { Network } from '@/lib/grid/network'
import { isSameRead } from '@/lib/grid/queries'
import { hourEndingText, intervalText, isoInstant } from '@/lib/time/format'
import { numberText } from '@/lib/units/format'
import { useScope } from '@/lib/url/scope'
import { ConstraintDetail } from './ConstraintDetail'
import { slotted, ticksOf } from './chart-day'
import type { Cursor } from './cursor'
import type { MapData } from './map-data'

const TimeChart = lazy(() => import('@/components/TimeChart'))
const FLOW: ChartSeries[] = [{ label: 'Flow', color: 'accent' }, { label: 'Limit', color: 'warn', dash: [5, 3] }, { label: 'Limit back', color: 'warn', dash: [5, 3], quiet: true }]

interface DrawerProps {
  network: Network
  data: MapData
  market: string
  run: Run
  cursor: Cursor
  row: string | undefined
  line: string | undefined
  onClose: () => void
}

interface FlowPoint {
  start: number
  end: number
  flow: number
  limit: number
}

/** The day's flow on a line between its limits. */
function FlowDay({ market, branch, run, cursor }: { market: string; branch: string; run: Run; cursor: Cursor }) {
  const { asOf, tz } = useScope()
  const { dayStart: start, dayEnd: end, clock } = cursor
  const newest = cursor.intervals.at(-1)
  const queryKey = ['flow-day', market, branch, run, asOf, start, newest]
  const query = useQuery({
    queryKey, staleTime: 60_000, placeholderData: (held: FlowPoint[] | undefined, before) => (isSameRead(queryKey, before, 5) ? held : undefined),
    queryFn: async ({ signal }): Promise<FlowPoint[]> => {
      const rows = await readDataset('grid.flows', 'rows', { market, market_run: run, branch, start: isoInstant(start), end: isoInstant(end), as_of: asOf }, signal)
      return Array.from({ length: rows.count }, (_, row) => ({ start: rows.instant('interval_start', row), end: rows.instant('interval_end', row), flow: rows.number('flow_mw', row), limit: rows.number('limit_mw', row) }))
    },
  })
  const time_s = useMemo(() => dayIntervals(run, start, end).map((at) => at / 1000), [run, start, end])
  const ticks = useMemo(() => ticksOf(clock, tz, start, end), [clock, tz, start, end])
  const values = useMemo(() => {
    const lay = (value: (one: FlowPoint) => number) => slotted(run, start, end, (query.data ?? []).map((one) => ({ ...one, value: value(one) })), () => Number.NaN)
    return [lay((one) => one.flow), lay((one) => one.limit), lay((one) => -one.limit)]
  }, [query.data, run, start, end])
  return (
    <figure>
      <figcaption><h2>Flow, {run}</h2><span className="dim small">MW from the first bus to the second, {clock.abbreviation}</span></figcaption>
      <QueryStates query={query} lines={6}>
        {() => <Suspense fallback={<Skeleton lines={6} />}><TimeChart label={`Flow on ${branch}`} time_s={time_s} end_s={end / 1000} values={values} series={FLOW} ticks={ticks} unit="MW" height={150} linked="flow-day" selected_s={cursor.at === undefined ? undefined : cursor.at / 1000} /></Suspense>}
      </QueryStates>
    </figure>
  )
}

/** The detail of the chosen bus or line of the map. */
export function MapDrawer({ network, data, market, run, cursor, row, line, onClose }: DrawerProps) {
  const hasFlows = useDataset('grid.flows') !== undefined
  if (row === undefined && line === undefined) return null
  const { at, clock, day, tz } = cursor
  const when = at === undefined ? '' : `${run} ${day} ${hourEndingText(tz, clock.zone, at)}${intervalText(clock.zone, at, at + stepMs(run))} ${clock.abbreviation}`
  if (row !== undefined) {
    const bus = network.buses[network.busAt.get(row) ?? -1]
    const plants = network.generators.filter((one) => one.location === row)
    return (
      <Drawer title={<div className="drawer-title"><h2>{bus?.name ?? row}</h2><span className="dim small">{when}</span><AsOfBadge market={market} /></div>} onClose={onClose}>
        {at === undefined ? <Skeleton lines={6} /> : <PriceExplainer location={row} market={market} run={run} start={at} />}
        <dl className="facts">
          <dt>Bus</dt><dd>{bus === undefined ? 'not a bus of this network' : `${numberText(bus.base_kv, 0)} kV`}</dd>
          <dt>Generators</dt><dd>{plants.length === 0 ? 'none' : plants.map((one) => `${one.name} (${one.fuel}, ${numberText(one.capacity_mw, 0)} MW)`).join(', ')}</dd>
        </dl>
        <Link className="button" to="/prices" patch={{ row, at: run === 'RT5' && at !== undefined ? isoInstant(at) : null }}>Prices of this location</Link>
      </Drawer>
    )
  }
  const name = data.constraints.get(line ?? '')?.monitored ?? line ?? ''
  const branch = network.branches[network.branchAt.get(name) ?? -1]
  const limits = [...data.constraints.values()].filter((one) => one.monitored === name)
  const shown = limits.find((one) => one.name === line) ?? limits.find((one) => data.bindings.some((bound) => bound.constraint === one.name)) ?? limits[0]
  return (
    <Drawer title={<div className="drawer-title"><h2>{name}</h2><span className="dim small">{when}</span><AsOfBadge market={market} /></div>} onClose={onClose}>
      {branch === undefined ? <EmptyState title="No line is called that">The network {network.name} has no such branch.</EmptyState> : null}
      {hasFlows && branch !== undefined ? <FlowDay market={market} branch={name} run={run} cursor={cursor} /> : null}
      {shown === undefined ? <p className="dim">No limit on this line is declared as a constraint.</p> : (
        <>
          <div className="constraint-links">{limits.map((one) => <Link key={one.name} className="button small" aria-current={one.name === shown.name ? 'true' : undefined} to="/constraints" patch={{ row: one.name }}>{one.name}</Link>)}</div>
          <ConstraintDetail market={market} constraint={shown} day={cursor.day} at={at} run={run} newest={cursor.intervals.at(-1)} unit={data.unit} />
        </>
      )}
    </Drawer>
  )
}
