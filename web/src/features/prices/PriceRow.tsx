import { type ReactNode, memo, useState } from 'react'
import { Icon } from '@/components/Icon'
import { Sparkline } from '@/components/Sparkline'
import { Difference } from '@/components/Difference'
import { AgeLabel, type FreshnessRule, ageTone } from '@/components/labels'
import { intervalText } from '@/lib/time/format'
import { chosenClock, type ZoneChoice } from '@/lib/time/markets'
import { useNowEvery } from '@/lib/time/use-now'
import { hourEndingLabel } from '@/lib/time/zone'
import { numberText } from '@/lib/units/format'
import type { ColumnId, Figures } from './rows'

const CLASSES: Record<ColumnId, string> = {
  name: 'name', rt: 'number strong', change: 'number', da: 'number', dart: 'number', congestion: 'number', loss: 'number', energy: 'number',
  spark: 'middle', interval: 'number', age: 'number age',
}

interface RowProps {
  id: string
  domId: string
  name: string
  kind: string
  market: string
  showMarket: boolean
  tz: ZoneChoice
  bump: number
  found: Figures
  spark: readonly number[] | undefined
  sparkRevision: number
  rule: FreshnessRule | undefined
  asOf: string | undefined
  index: number
  top: number
  active: boolean
  columns: readonly ColumnId[]
  /** The column of the active cell. */
  column: ColumnId | undefined
  selected: boolean
  pinned: boolean
  onOpen: (id: string) => void
  onPin: (id: string) => void
}

function Name({ row }: { row: RowProps }) {
  return (
    <>
      <button type="button" tabIndex={-1} className="pin" aria-pressed={row.pinned} aria-label={`Pin ${row.name}`} onClick={(event) => {
        event.stopPropagation()
        row.onPin(row.id)
      }}><Icon name="star" size={13} filled={row.pinned} /></button>
      <span className="text" title={row.id}>{row.name}</span>
      <span className="kind">{row.showMarket ? `${row.market} ${row.kind}` : row.kind}</span>
    </>
  )
}

function Interval({ row: { found, tz, market, showMarket } }: { row: RowProps }) {
  const clock = chosenClock(tz, market)
  return (
    <>
      <span className="dim">{tz === 'market' ? `${hourEndingLabel(clock.zone, found.start)}  ` : ''}</span>{intervalText(clock.zone, found.start, found.end)}
      {showMarket && tz === 'market' ? <span className="dim"> {clock.abbreviation}</span> : null}
    </>
  )
}

function Content({ column, row }: { column: ColumnId; row: RowProps }): ReactNode {
  const { found } = row
  switch (column) {
    case 'name': return <Name row={row} />
    case 'change': case 'dart': return <Difference value={found[column]} />
    case 'spark': return row.spark === undefined ? null : <Sparkline values={row.spark} />
    case 'interval': return <Interval row={row} />
    case 'age': return <AgeLabel instant={found.end} rule={row.rule} />
    default: return numberText(found[column])
  }
}

function sameRow(a: RowProps, b: RowProps): boolean {
  const names = Object.keys(a) as (keyof RowProps)[]
  return names.every((name) => (name === 'found'
    ? (Object.keys(a.found) as (keyof Figures)[]).every((part) => Object.is(a.found[part], b.found[part]))
    : Object.is(a[name], b[name])))
}

export const PriceRow = memo(function PriceRow(props: RowProps) {
  const { id, found, bump, rule, asOf } = props
  // A location that comes into view has not just ticked: only what changes while it is in this row flashes.
  const [first, setFirst] = useState({ id, bump })
  if (first.id !== id) setFirst({ id, bump })
  const now = useNowEvery(10_000)
  const age_ms = (asOf === undefined ? now : Date.parse(asOf)) - found.end
  const stale = ageTone(age_ms, rule) === 'alarm'
  const flash = first.id !== id || bump === first.bump ? '' : ` flash-${bump % 2}`
  const classes = `price-row${props.active ? ' active' : ''}${props.selected ? ' selected' : ''}${stale ? ' stale' : ''}${props.pinned ? ' pinned' : ''}`
  return (
    <div role="row" id={props.domId} aria-rowindex={props.index + 2} aria-selected={props.selected} className={classes} style={{ transform: `translateY(${props.top}px)` }} onClick={() => props.onOpen(id)}>
      {props.columns.map((column) => (
        <div key={column} role="gridcell" id={props.column === column ? 'price-cell-active' : undefined} className={`cell ${CLASSES[column]}${column === 'rt' || column === 'dart' ? flash : ''}${props.column === column ? ' at' : ''}`}>
          <Content column={column} row={props} />
        </div>
      ))}
    </div>
  )
}, sameRow)
