import { useQuery } from '@tanstack/react-query'
import { lazy, Suspense, useMemo } from 'react'
import { Difference } from '@/components/Difference'
import { Link } from '@/components/Link'
import { SnippetTabs } from '@/components/SnippetTabs'
import type { ChartSeries } from '@/components/TimeChart'
import { EmptyState, QueryStates, Skeleton } from '@/components/states'
import { readDataset } from '@/lib/api/dataset-rows'
import { rowsPath } from '@/lib/api/rows'
import { snippets } from '@/lib/api/snippets'
import { type Binding, bindingsOf } from '@/lib/grid/binding'
import { topEffects } from '@/lib/grid/board'
import { type Run, dayIntervals } from '@/lib/grid/intervals'
import type { Constraint } from '@/lib/grid/network'
import { isSameRead, useShadowPrices } from '@/lib/grid/queries'
import { nameOf } from '@/lib/kinds'
import { isoInstant } from '@/lib/time/format'
import { type MarketClock, chosenClock } from '@/lib/time/markets'
import { addDays, dayStart } from '@/lib/time/zone'
import { numberText } from '@/lib/units/format'
import { useScope } from '@/lib/url/scope'
import { setParams, useParam } from '@/lib/url/use-place'
import { Forecast } from './Forecast'
import { slotted, ticksOf } from './chart-day'
import { useFactors } from './factors'

const TimeChart = lazy(() => import('@/components/TimeChart'))
const SPANS = [['1', 'Day'], ['7', '7 days']] as const
const SHADOW: ChartSeries[] = [{ label: 'DA', color: 'dim', dash: [5, 3] }, { label: 'RT5', color: 'accent' }]
const MOST_EFFECTS = 14

interface DetailProps {
  market: string
  constraint: Constraint
  /** Last day that the charts show, and the interval whose effects are told. */
  day: string
  at: number | undefined
  run: Run
  newest: number | undefined
  unit: string
}

/** Which intervals of both runs have been cleared: those in which the price at a bus of the constraint is known. Only there is "did not bind" a zero. */
function useCleared(location: string, start: number, end: number, newest: number | undefined) {
  const { asOf } = useScope()
  const queryKey = ['cleared', location, asOf, start, end, newest !== undefined && newest >= start ? newest : undefined]
  return useQuery({
    queryKey, enabled: location !== '', staleTime: 60_000, placeholderData: (held: Set<string> | undefined, before) => (isSameRead(queryKey, before, 3) ? held : undefined),
    queryFn: async ({ signal }) => {
      const rows = await readDataset('markets.prices', 'rows', { location, market_run: ['DA', 'RT5'], start: isoInstant(start), end: isoInstant(end), as_of: asOf, columns: ['market_run', 'interval_start'] }, signal)
      return new Set(Array.from({ length: rows.count }, (_, row) => `${rows.text('market_run', row)}|${rows.instant('interval_start', row)}`))
    },
  }).data
}

function line(run: Run, bindings: readonly Binding[], cleared: ReadonlySet<string> | undefined, start: number, end: number): number[] {
  const hourly = slotted(run, start, end, bindings.filter((one) => one.run === run).map(({ start: from, end: to, shadow }) => ({ start: from, end: to, value: shadow })), (at) => (cleared?.has(`${run}|${at}`) === true ? 0 : Number.NaN))
  return run === 'RT5' ? hourly : hourly.flatMap((value) => Array<number>(12).fill(value))
}

function History({ market, constraint, day, at, newest, unit, clock }: DetailProps & { clock: MarketClock }) {
  const { asOf, tz } = useScope()
  const span = useParam('span') ?? '7'
  const start = dayStart(clock.zone, span === '1' ? day : addDays(day, -6))
  const end = dayStart(clock.zone, addDays(day, 1))
  const query = useShadowPrices(market, ['DA', 'RT5'], start, end, newest, constraint.name)
  const cleared = useCleared(constraint.from, start, end, newest)
  const bindings = useMemo(() => bindingsOf(query.data), [query.data])
  const time_s = useMemo(() => dayIntervals('RT5', start, end).map((at) => at / 1000), [start, end])
  const values = useMemo(() => [line('DA', bindings, cleared, start, end), line('RT5', bindings, cleared, start, end)], [bindings, cleared, start, end])
  const ticks = useMemo(() => ticksOf(clock, tz, start, end), [clock, tz, start, end])
  return (
    <figure>
      <figcaption>
        <h2>Shadow price</h2><span className="dim small">{unit}, {clock.abbreviation}, zero where it did not bind</span>
        <span className="segmented" role="group" aria-label="Span">{SPANS.map(([id, words]) => <button key={id} type="button" className="button small" aria-pressed={span === id} onClick={() => setParams({ span: id === '7' ? null : id }, 'replace')}>{words}</button>)}</span>
      </figcaption>
      <QueryStates query={query} lines={6} still="The board keeps its figures.">
        {() => <Suspense fallback={<Skeleton lines={6} />}><TimeChart label={`Shadow price of ${constraint.name}`} time_s={time_s} end_s={end / 1000} values={values} series={SHADOW} ticks={ticks} unit={unit} height={170} linked={`constraint ${constraint.name}`} selected_s={at === undefined ? undefined : at / 1000} /></Suspense>}
      </QueryStates>
      <SnippetTabs snippets={snippets(window.location.origin, rowsPath('grid.shadow_prices'), { market, constraint: [constraint.name], start: isoInstant(start), end: isoInstant(end), as_of: asOf })} />
    </figure>
  )
}

function Effects({ market, constraint, at, run, unit, newest }: DetailProps) {
  const from = at ?? newest ?? 0
  const shadows = useShadowPrices(market, [run], from, at === undefined && newest === undefined ? from : from + 1, newest, constraint.name)
  const names = useMemo(() => new Set([constraint.name]), [constraint.name])
  const factors = useFactors(market, [constraint.name], names).get(constraint.name)
  const now = bindingsOf(shadows.data).find((one) => one.start === from)
  if (factors === undefined || shadows.data === undefined || shadows.isPlaceholderData) return <Skeleton lines={4} />
  const isBound = now !== undefined
  const direction = now?.direction ?? (constraint.direction === 'to_from' ? 'to_from' : 'from_to')
  const effects = topEffects(factors, direction, isBound ? now.shadow : 1, MOST_EFFECTS)
  return (
    <section className="explain" aria-label="Affected locations">
      <div><h2>Affected locations</h2><span className="dim small">{isBound ? `shift factor × ${numberText(now.shadow)}, ${run}` : `It does not bind in this ${run} interval: for each 1.00 of shadow price.`}</span></div>
      {effects.length === 0 ? <EmptyState title="No location is moved by it">Its shift factors are zero or not published.</EmptyState> : (
        <table className="grid-table dense">
          <thead><tr><th>Location</th><th className="number">Shift factor</th><th className="number">{unit}</th></tr></thead>
          <tbody>{effects.map((one) => (
            <tr key={one.location}>
              <td><Link to="/map" patch={{ row: one.location, run: run === 'DA' ? 'DA' : null, at: at === undefined ? null : isoInstant(at) }}>{nameOf(one.location)}</Link></td>
              <td className="number">{numberText(one.factor, 4)}</td><td className="number"><Difference value={one.per_mwh} /></td>
            </tr>
          ))}</tbody>
        </table>
      )}
    </section>
  )
}

/** One constraint: what it limits, how it was priced, whom it moves. */
export function ConstraintDetail(props: DetailProps) {
  const { constraint, market } = props
  const { tz } = useScope()
  const clock = useMemo(() => chosenClock(tz, market), [tz, market])
  return (
    <>
      <dl className="facts">
        <dt>Limits</dt><dd>{constraint.monitored === '' ? 'not published' : constraint.monitored}{constraint.from === '' ? '' : `, flow ${constraint.direction === 'to_from' ? `${nameOf(constraint.to)} → ${nameOf(constraint.from)}` : constraint.direction === 'both' ? 'both ways' : `${nameOf(constraint.from)} → ${nameOf(constraint.to)}`}`}</dd>
        <dt>Case</dt><dd>{constraint.contingency === '' ? 'base case, nothing out' : `after the loss of ${constraint.contingency}`}</dd>
        <dt>Limit</dt><dd>{numberText(constraint.limit_mw, 1)} MW as declared</dd>
      </dl>
      <History {...props} clock={clock} />
      <Forecast market={market} constraint={constraint.name} unit={props.unit} clock={clock} />
      <Effects {...props} />
    </>
  )
}
