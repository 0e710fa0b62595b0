import { Difference } from '@/components/Difference'
import { Sparkline } from '@/components/Sparkline'
import type { TableColumn } from '@/components/VirtualTable'
import { type BoardRow, type Since, topEffects } from '@/lib/grid/board'
import { nameOf } from '@/lib/kinds'
import { numberText } from '@/lib/units/format'
import type { ForecastHour } from '@/lib/grid/forecast'
import type { Factors } from './factors'

const SINCE_WORDS: Record<Since, string> = { rt: 'RT, not DA', da: 'DA, not RT', both: 'RT and DA', none: '' }
const SINCE_RANK: Record<Since, number> = { rt: 3, da: 2, both: 1, none: 0 }
const SHOWN_EFFECTS = 4

/** The locations moved most: by the newest shadow price where it binds now, else dimmed by what it was when it bound. */
function Effects({ row, factors }: { row: BoardRow; factors: Factors }) {
  const found = factors.get(row.name)
  if (found === undefined) return null
  const effects = topEffects(found, row.direction, row.telling, SHOWN_EFFECTS)
  return <span className={row.now > 0 ? 'effects' : 'effects dim'}>{effects.map((one) => <span key={one.location}>{nameOf(one.location)} <Difference value={one.per_mwh} /></span>)}</span>
}

function SinceTag({ since }: { since: Since }) {
  return since === 'none' ? <span className="dim">–</span> : <span className={`tag since-${since}`}>{SINCE_WORDS[since]}</span>
}

const base = { grow: 0.6, isNumber: true }

/** The most likely hour of a constraint among those to come, where a forecast has one. */
export type Likely = ReadonlyMap<string, ForecastHour>

/** `hourText` tells an hour in the clock of the page. */
export function boardColumns(unit: string, factors: Factors, likely: Likely, hourText: (start: number) => string): TableColumn<BoardRow>[] {
  const chance = (row: BoardRow) => likely.get(row.name)?.chance ?? Number.NaN
  return [
    { id: 'name', name: 'Constraint', note: 'contingency', least: 196, grow: 2, weight: 99, isNumber: false, value: (row) => row.name, cell: (row) => <span className="two-lines"><span className="strong" title={row.name}>{row.name}</span><span className="dim small">{row.constraint === undefined ? 'not declared' : row.constraint.contingency === '' ? 'base case' : `after ${row.constraint.contingency}`}</span></span> },
    { ...base, id: 'now', name: 'Now', note: unit, least: 82, weight: 95, meaning: 'Shadow price of the newest real-time interval', value: (row) => row.now, cell: (row) => (row.now > 0 ? <span className="strong">{numberText(row.now)}</span> : <span className="dim">{Number.isNaN(row.now) ? '–' : 'slack'}</span>) },
    { ...base, id: 'da', name: 'DA, this hour', note: unit, least: 92, weight: 70, value: (row) => row.da, cell: (row) => (row.da > 0 ? numberText(row.da) : <span className="dim">slack</span>) },
    { id: 'since', name: 'Against DA', note: 'this hour', least: 104, grow: 0, weight: 85, isNumber: false, meaning: 'What binds in real time and not day-ahead, or the reverse', value: (row) => SINCE_RANK[row.since], cell: (row) => <SinceTag since={row.since} /> },
    {
      ...base, id: 'likely', name: 'Forecast, RT', note: 'most likely hour', least: 108, weight: 65, meaning: 'Greatest chance that it binds in real time in an hour to come, by the newest forecast, and which hour', value: chance,
      cell: (row) => <>{numberText(chance(row) * 100, 0)}{likely.has(row.name) ? <>% <span className="dim">{hourText(likely.get(row.name)?.start ?? Number.NaN)}</span></> : null}</>,
    },
    { ...base, id: 'today', name: 'Today, RT', note: 'hours bound', least: 78, weight: 60, meaning: 'Hours bound in real time today so far', value: (row) => row.today_h, cell: (row) => numberText(row.today_h, 1) },
    { ...base, id: 'daToday', name: 'Today, DA', note: 'hours so far', least: 82, weight: 40, value: (row) => row.daToday_h, cell: (row) => numberText(row.daToday_h, 1) },
    { ...base, id: 'week', name: '7 days, RT', note: 'hours bound', least: 82, weight: 55, meaning: 'Hours bound in real time in the seven days', value: (row) => row.week_h, cell: (row) => numberText(row.week_h, 1) },
    { ...base, id: 'mean', name: 'Mean, RT', note: 'when bound', least: 82, weight: 50, meaning: 'Mean shadow price where it bound in real time in the seven days', value: (row) => row.mean, cell: (row) => numberText(row.mean) },
    { ...base, id: 'most', name: 'Most, RT', note: '7 days', least: 78, weight: 20, meaning: 'Greatest shadow price in real time in the seven days', value: (row) => row.most, cell: (row) => numberText(row.most) },
    { id: 'effects', name: 'Moves most', note: `${unit}, now or when bound`, least: 250, grow: 2, weight: 45, isNumber: false, meaning: 'Locations by shift factor times shadow price: the newest, else the mean when bound, else the dearest of day-ahead', cell: (row) => <Effects row={row} factors={factors} /> },
    { id: 'spark', name: 'Last 24 h', note: 'RT5', least: 120, grow: 0, weight: 30, isNumber: false, cell: (row) => <Sparkline values={row.spark} /> },
  ]
}
