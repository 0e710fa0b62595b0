import { Difference } from '@/components/Difference'
import type { MarketClock, ZoneChoice } from '@/lib/time/markets'
import { clockText } from '@/lib/time/format'
import type { MarketHour } from '@/lib/time/zone'
import { numberText } from '@/lib/units/format'
import { type PriceDay, hourLines } from './day-data'

interface TableProps {
  day: PriceDay
  hours: readonly MarketHour[]
  clock: MarketClock
  tz: ZoneChoice
  unit: string
}

/** The day in numbers: every hour of it, 23, 24 or 25, the repeated one marked. */
export function DayTable({ day, hours, clock, tz, unit }: TableProps) {
  const repeated = hours.some((hour) => hour.repeated)
  return (
    <details className="day-table">
      <summary><h2>Hours</h2> <span className="dim small">DA, RT mean, DART (DA − RT), {unit}, {clock.abbreviation}{repeated ? '; * the second hour of that number' : ''}</span></summary>
      <table className="grid-table dense">
        <thead><tr><th className="number">{tz === 'market' ? 'HE' : 'Hour'}</th><th className="number">DA</th><th className="number">RT mean</th><th className="number">DART</th><th className="number">Intervals</th></tr></thead>
        <tbody>
          {hourLines(day, hours).map(({ hour, da, rt, known }) => (
            <tr key={hour.start}>
              <td className="number">{tz === 'market' ? hour.label : clockText(clock.zone, hour.start)}</td>
              <td className="number">{numberText(da)}</td><td className="number">{numberText(rt)}</td>
              <td className="number"><Difference value={da - rt} /></td>
              <td className={known < 12 ? 'number dim' : 'number'}>{known}/12</td>
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  )
}
