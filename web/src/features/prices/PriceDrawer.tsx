import { Suspense, lazy, useEffect, useMemo } from 'react'
import { Drawer } from '@/components/Drawer'
import { Difference } from '@/components/Difference'
import { AgeLabel, AsOfBadge, type FreshnessRule, KeyFigure, ageTone } from '@/components/labels'
import { EmptyState, QueryStates, Skeleton } from '@/components/states'
import type { Location } from '@/lib/api/types'
import { isoInstant } from '@/lib/time/format'
import { chosenClock } from '@/lib/time/markets'
import { useNowEvery } from '@/lib/time/use-now'
import { dayHours, dayOf } from '@/lib/time/zone'
import { useDayParam, useInstantParam, useScope } from '@/lib/url/scope'
import { numberText } from '@/lib/units/format'
import { setParams } from '@/lib/url/use-place'
import { Basis } from './Basis'
import { DayTable } from './DayTable'
import { DayTools, goToDay, onDayKey } from './DayTools'
import { Explain } from './Explain'
import { type PriceDay, usePriceDay } from './day-data'
import type { Figures } from './rows'

const SLOT_MS = 300_000

const DayCharts = lazy(() => import('./DayCharts'))

function newestStart(day: PriceDay): number | undefined {
  const slot = day.rt.findLastIndex(Number.isFinite)
  const at_s = day.time_s[slot]
  return at_s === undefined ? undefined : at_s * 1000
}

interface DrawerProps {
  id: string
  location: Location | undefined
  unit: string
  /** What the grid shows of it now. */
  found: Figures | undefined
  rule: FreshnessRule | undefined
  onClose: () => void
}

/** The newest figures, so that the detail needs no look back at the grid: on a phone it covers it. */
function Newest({ found, unit, rule, isStale }: { found: Figures; unit: string; rule: FreshnessRule | undefined; isStale: boolean }) {
  return (
    <dl className={isStale ? 'figures stale' : 'figures'}>
      <KeyFigure name="RT5" unit={unit} note={<AgeLabel instant={found.end} rule={rule} />}>{numberText(found.rt)}</KeyFigure>
      <KeyFigure name="DA, this hour" unit={unit}>{numberText(found.da)}</KeyFigure>
      <KeyFigure name="DART" unit={unit} note="DA − RT"><Difference value={found.dart} /></KeyFigure>
    </dl>
  )
}

/** One location's operating day: charts, hours, revisions of the chosen interval, and where the number came from. */
export function PriceDrawer({ id, location, unit, found, rule, onClose }: DrawerProps) {
  const { asOf, tz } = useScope()
  const market = location?.market ?? id.slice(0, id.indexOf(':'))
  const clock = useMemo(() => chosenClock(tz, market), [tz, market])
  const now = useNowEvery(60_000)
  const today = dayOf(clock.zone, asOf === undefined ? now : Date.parse(asOf))
  const day = useDayParam('day') ?? today
  const at = useInstantParam('at')
  const hours = useMemo(() => dayHours(clock.zone, day), [clock.zone, day])
  const query = usePriceDay(id, day, hours, asOf)

  const chosen = at ?? (query.data && newestStart(query.data))
  useEffect(() => {
    const step = (by: number) => {
      if (chosen === undefined) return
      const next = chosen + by * SLOT_MS
      const nextDay = dayOf(clock.zone, next)
      setParams({ at: isoInstant(next), day: nextDay === today ? null : nextDay }, 'replace')
    }
    const onKey = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.ctrlKey || event.target instanceof HTMLInputElement) return
      if (event.key === '[') step(-1)
      else if (event.key === ']') step(1)
      else onDayKey(event.key, day)
    }
    window.addEventListener('keydown', onKey)
    return () => window.removeEventListener('keydown', onKey)
  }, [day, chosen, clock.zone, today])

  const title = (
    <div className="drawer-title">
      <h2>{location?.name ?? id}</h2>
      <span className="dim small">{market} {location?.kind}</span>
      <AsOfBadge market={market} />
    </div>
  )
  return (
    <Drawer title={title} onClose={onClose}>
      {found === undefined ? null : <Newest found={found} unit={unit} rule={rule} isStale={ageTone((asOf === undefined ? now : Date.parse(asOf)) - found.end, rule) === 'alarm'} />}
      <div className="day-tools">
        <DayTools day={day} today={today} />
        <span className="dim small">{hours.length} hours{hours.length === 25 ? ', clocks go back' : hours.length === 23 ? ', clocks go forward' : ''}</span>
      </div>
      <QueryStates query={query} lines={12} still="The grid beside keeps its last prices.">
        {(data) => {
          if (data.rtCount === 0 && !data.da.some(Number.isFinite)) {
            return <EmptyState title="Nothing known for this day" action={<button type="button" className="button" onClick={() => goToDay(undefined)}>Today</button>}>No price of {id} on {day} was published{asOf === undefined ? '' : ' by the chosen moment'}.</EmptyState>
          }
          return (
            <>
              <Suspense fallback={<Skeleton lines={10} />}>
                <DayCharts day={data} hours={hours} clock={clock} market={market} tz={tz} unit={unit} at={chosen} />
              </Suspense>
              {chosen === undefined ? null : <Explain id={id} market={market} start={chosen} unit={unit} clock={clock} />}
              <DayTable day={data} hours={hours} clock={clock} tz={tz} unit={unit} />
              <Basis id={id} market={market} day={day} unit={unit} />
            </>
          )
        }}
      </QueryStates>
    </Drawer>
  )
}
