import { lazy, Suspense, useMemo } from 'react'
import { Link } from '@/components/Link'
import type { ChartBand, ChartSeries } from '@/components/TimeChart'
import { InstantLabel } from '@/components/labels'
import { QueryStates, Skeleton } from '@/components/states'
import { type ForecastHour, useForecast } from '@/lib/grid/forecast'
import { type Run, dayIntervals } from '@/lib/grid/intervals'
import type { MarketClock } from '@/lib/time/markets'
import { useNowEvery } from '@/lib/time/use-now'
import { HOUR_MS } from '@/lib/time/zone'
import { useScope } from '@/lib/url/scope'
import { slotted, ticksOf } from './chart-day'

const TimeChart = lazy(() => import('@/components/TimeChart'))
const BOTH: readonly Run[] = ['DA', 'RT5']
const CHANCE: ChartSeries[] = [{ label: 'DA', color: 'dim', dash: [5, 3] }, { label: 'RT5', color: 'accent' }]
const SHADOW: ChartSeries[] = [{ label: 'RT5 mean', color: 'accent' }, { label: '10%', color: 'dim', width: 0 }, { label: '90%', color: 'dim', width: 0 }]
const SPREAD: ChartBand[] = [{ series: [3, 2], color: 'accent' }]

interface ForecastProps {
  market: string
  constraint: string
  unit: string
  clock: MarketClock
}

function Charts({ hours, constraint, unit, clock }: Omit<ForecastProps, 'market'> & { hours: readonly ForecastHour[] }) {
  const { tz } = useScope()
  const start = Math.min(...hours.map((one) => one.start))
  const end = Math.max(...hours.map((one) => one.end))
  const time_s = useMemo(() => dayIntervals('DA', start, end).map((at) => at / 1000), [start, end])
  const ticks = useMemo(() => ticksOf(clock, tz, start, end), [clock, tz, start, end])
  const [chance, shadow] = useMemo(() => {
    const lay = (run: Run, value: (one: ForecastHour) => number) => slotted('DA', start, end, hours.filter((one) => one.run === run).map((one) => ({ ...one, value: value(one) })), () => Number.NaN)
    return [BOTH.map((run) => lay(run, (one) => one.chance * 100)), [(one: ForecastHour) => one.mean, (one: ForecastHour) => one.low, (one: ForecastHour) => one.high].map((value) => lay('RT5', value))] as const
  }, [hours, start, end])
  const common = { time_s, end_s: end / 1000, ticks, linked: `forecast ${constraint}` }
  return (
    <Suspense fallback={<Skeleton lines={6} />}>
      <figure>
        <figcaption><h3>Chance that it binds</h3><span className="dim small">%, {clock.abbreviation}</span></figcaption>
        <TimeChart {...common} label={`Chance that ${constraint} binds`} values={chance} series={CHANCE} unit="%" height={120} />
      </figure>
      <figure>
        <figcaption><h3>Shadow price</h3><span className="dim small">{unit}, mean and 10% to 90%, zero where it does not bind</span></figcaption>
        <TimeChart {...common} label={`Shadow price forecast for ${constraint}`} values={shadow} series={SHADOW} bands={SPREAD} unit={unit} height={120} />
      </figure>
    </Suspense>
  )
}

/** What the newest issue of the forecast says of a constraint from this hour on. */
export function Forecast({ market, constraint, unit, clock }: ForecastProps) {
  const { asOf } = useScope()
  const now = useNowEvery(HOUR_MS)
  const query = useForecast(market, BOTH, asOf === undefined ? now : Math.floor(Date.parse(asOf) / HOUR_MS) * HOUR_MS, constraint)
  const issued = Math.max(...(query.data ?? []).map((one) => one.issued))
  return (
    <section className="explain" aria-label="Forecast">
      <div><h2>Forecast</h2>{query.data === undefined || query.data.length === 0 ? null : <span className="dim small">issued <InstantLabel instant={issued} market={market} />, for the hours from now on</span>}</div>
      <QueryStates query={query} lines={6} still="The history above still holds.">
        {(hours) => (hours.length === 0
          ? <p className="dim">None for the hours from now on. One is issued at 10:00 each day for the next, once two days are known, of constraints that have bound in 90 days. <Link to="/datasets/grid.binding_forecast">Look at the dataset</Link></p>
          : <Charts hours={hours} constraint={constraint} unit={unit} clock={clock} />)}
      </QueryStates>
    </section>
  )
}
