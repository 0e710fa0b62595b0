import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { QueryStates } from '@/components/states'
import { readDataset } from '@/lib/api/dataset-rows'
import { locationsQuery } from '@/lib/api/queries'
import { isHub } from '@/lib/kinds'
import { isoInstant } from '@/lib/time/format'
import { marketClock } from '@/lib/time/markets'
import { dayStart } from '@/lib/time/zone'
import { countText, signedText } from '@/lib/units/format'
import { useScope } from '@/lib/url/scope'
import { type BasisHour, basisHours, extentOf, monthAfter } from './basis-data'

const WIDE = 100

/** The middle half as a bar within the middle nine tenths, and the median, on the scale of all hours. */
function Range({ of, low, high }: { of: BasisHour; low: number; high: number }) {
  const at = (value: number) => ((value - low) / (high - low || 1)) * WIDE
  return (
    <svg className="basis-range" viewBox={`0 0 ${WIDE} 12`} preserveAspectRatio="none" aria-hidden="true">
      <line className="zero" x1={at(0)} x2={at(0)} y1="0" y2="12" />
      <line x1={at(of.q05)} x2={at(of.q95)} y1="6" y2="6" />
      <rect x={at(of.q25)} width={Math.max(0.5, at(of.q75) - at(of.q25))} y="2" height="8" />
      <line className="middle" x1={at(of.q50)} x2={at(of.q50)} y1="0" y2="12" />
    </svg>
  )
}

function Hours({ hours }: { hours: readonly BasisHour[] }) {
  const { low, high } = extentOf(hours)
  return (
    <table className="grid-table dense">
      <thead><tr><th className="number">HE</th><th aria-label="Range" /><th className="number">5%</th><th className="number">Median</th><th className="number">95%</th><th className="number">Mean</th><th className="number">Intervals</th></tr></thead>
      <tbody>{hours.map((one) => (
        <tr key={one.block} className={one.block === 'all' ? 'strong' : undefined}>
          <td className="number">{one.block === 'all' ? 'all' : String(Number(one.block) + 1).padStart(2, '0')}</td><td className="basis-cell"><Range of={one} low={low} high={high} /></td>
          <td className="number">{signedText(one.q05)}</td><td className="number">{signedText(one.q50)}</td><td className="number">{signedText(one.q95)}</td><td className="number">{signedText(one.mean)}</td>
          <td className="number dim">{one.block === 'all' ? '' : countText(one.observations)}</td>
        </tr>
      ))}</tbody>
    </table>
  )
}

interface BasisProps {
  id: string
  market: string
  /** Its month is told. */
  day: string
  unit: string
}

/** What the location costs above a hub, hour by hour of the month, and how much that varied: read when opened. */
export function Basis({ id, market, day, unit }: BasisProps) {
  const { asOf, hub } = useScope()
  const locations = useQuery(locationsQuery).data
  const [isOpen, setOpen] = useState(false)
  const clock = marketClock(market)
  const month = day.slice(0, 7)
  const [start, end] = [dayStart(clock.zone, `${month}-01`), dayStart(clock.zone, `${monthAfter(month)}-01`)]
  const hubs = locations?.filter((one) => one.market === market && isHub(one.kind) && one.id !== id).sort((a, b) => (a.id < b.id ? -1 : 1)) ?? []
  const to = hubs.find((one) => one.id === hub) ?? hubs[0]
  const query = useQuery({
    queryKey: ['basis', id, to?.id, start, asOf], enabled: isOpen && to !== undefined, staleTime: 600_000,
    queryFn: async ({ signal }) => basisHours(await readDataset('grid.basis_surface', 'rows', { market, market_run: 'DA', hub: [to?.id ?? ''], location: [id], start: isoInstant(start), end: isoInstant(end), as_of: asOf }, signal)),
  })
  if (to === undefined) return null
  return (
    <details className="day-table" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary><h2>Basis to {to.name}</h2> <span className="dim small">DA, {month} by hour, {unit}, {clock.abbreviation}; bar: middle half, line: 5% to 95%</span></summary>
      {isOpen ? (
        <QueryStates query={query} lines={12} still="Prices above still hold.">
          {(hours) => (hours.length === 0
            ? <p className="dim">No surface of {month} is kept for this location{asOf === undefined ? '' : ' as known at the moment'}: they are made once a day of day-ahead prices, for this month and the last.</p>
            : <Hours hours={hours} />)}
        </QueryStates>
      ) : null}
    </details>
  )
}
