import { Suspense, lazy, useEffect, useMemo } from 'react'
import { Drawer } from '@/components/Drawer'
import { Icon } from '@/components/Icon'
import { AsOfBadge } from '@/components/labels'
import { EmptyState, QueryStates, Skeleton } from '@/components/states'
import type { Location } from '@/lib/api/types'
import { chosenClock } from '@/lib/time/markets'
import { useNowEvery } from '@/lib/time/use-now'
import { addDays, dayHours, dayOf } from '@/lib/time/zone'
import { useScope } from '@/lib/url/scope'
import { setParams, useParam } from '@/lib/url/use-place'
import { DayTable } from './DayTable'
import { Explain } from './Explain'
import { type PriceDay, usePriceDay } from './day-data'

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
  onClose: () => void
}

/** One location's operating day: charts, hours, revisions of the chosen interval, and where the number came from. */
export function PriceDrawer({ id, location, unit, onClose }: DrawerProps) {
  const { asOf, tz } = useScope()
  const market = location?.market ?? id.slice(0, id.indexOf(':'))
  const clock = useMemo(() => chosenClock(tz, market), [tz, market])
  const now = useNowEvery(60_000)
  const today = dayOf(clock.zone, asOf === undefined ? now : Date.parse(asOf))
  const day = useParam('day') ?? today
  const at = useParam('at')
  const hours = useMemo(() => dayHours(clock.zone, day), [clock.zone, day])
  const query = usePriceDay(id, day, hours, asOf)

  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.ctrlKey || event.target instanceof HTMLInputElement) return
      if (event.key === '[') setParams({ day: addDays(day, -1), at: null }, 'replace')
      else if (event.key === ']') setParams({ day: addDays(day, 1), at: null }, 'replace')
      else if (event.key === 't') setParams({ day: null, at: null }, 'replace')
    }
    window.addEventListener('keydown', onKey)
    return () => window.removeEventListener('keydown', onKey)
  }, [day])

  const title = (
    <div className="drawer-title">
      <h2>{location?.name ?? id}</h2>
      <span className="dim small">{market} {location?.kind}</span>
      <AsOfBadge market={market} />
    </div>
  )
  return (
    <Drawer title={title} onClose={onClose}>
      <div className="day-tools">
        <button type="button" className="button small" onClick={() => setParams({ day: addDays(day, -1), at: null }, 'replace')} aria-label="One day back"><Icon name="left" size={14} /></button>
        <input className="input" type="date" aria-label="Operating day" value={day} onChange={(event) => setParams({ day: event.target.value, at: null }, 'replace')} />
        <button type="button" className="button small" onClick={() => setParams({ day: addDays(day, 1), at: null }, 'replace')} aria-label="One day on"><Icon name="right" size={14} /></button>
        <button type="button" className="button small quiet" disabled={day === today} onClick={() => setParams({ day: null, at: null }, 'replace')}>Today</button>
        <span className="dim small">{hours.length} hours{hours.length === 25 ? ', clocks go back' : hours.length === 23 ? ', clocks go forward' : ''}</span>
      </div>
      <QueryStates query={query} lines={12} still="The grid beside keeps its last prices.">
        {(data) => {
          if (data.rtCount === 0 && !data.da.some(Number.isFinite)) {
            return <EmptyState title="Nothing known for this day" action={<button type="button" className="button" onClick={() => setParams({ day: null }, 'replace')}>Today</button>}>No price of {id} on {day} was published{asOf === undefined ? '' : ' by the chosen moment'}.</EmptyState>
          }
          const chosen = at === undefined ? newestStart(data) : Date.parse(at)
          return (
            <>
              <Suspense fallback={<Skeleton lines={10} />}>
                <DayCharts day={data} hours={hours} clock={clock} market={market} tz={tz} unit={unit} at={chosen} />
              </Suspense>
              {chosen === undefined ? null : <Explain id={id} market={market} start={chosen} unit={unit} clock={clock} />}
              <DayTable day={data} hours={hours} clock={clock} tz={tz} unit={unit} />
            </>
          )
        }}
      </QueryStates>
    </Drawer>
  )
}
