import { memo, useState } from 'react'
import { Icon } from '@/components/Icon'
import { Sparkline } from '@/components/Sparkline'
import { AgeLabel, type FreshnessRule, ageTone } from '@/components/labels'
import { intervalText } from '@/lib/time/format'
import { chosenClock, type ZoneChoice } from '@/lib/time/markets'
import { useNowEvery } from '@/lib/time/use-now'
import { hourEndingLabel } from '@/lib/time/zone'
import { direction, numberText, signedText } from '@/lib/units/format'
import type { ColumnId, Figures } from './rows'

const ARROWS = { up: '↑', down: '↓', flat: '' } as const

/** A difference by sign, arrow and colour. */
export function Difference({ value }: { value: number }) {
  const way = direction(value)
  return <span className={way === 'flat' ? undefined : way}><span className="arrow" aria-hidden="true">{ARROWS[way]}</span>{signedText(value)}</span>
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
  column: ColumnId | undefined
  selected: boolean
  pinned: boolean
  onOpen: (id: string) => void
  onPin: (id: string) => void
}

function sameRow(a: RowProps, b: RowProps): boolean {
  const names = Object.keys(a) as (keyof RowProps)[]
  return names.every((name) => (name === 'found'
    ? (Object.keys(a.found) as (keyof Figures)[]).every((part) => Object.is(a.found[part], b.found[part]))
    : Object.is(a[name], b[name])))
}

export const PriceRow = memo(function PriceRow(props: RowProps) {
  const { id, found, bump, tz, market, rule, asOf } = props
  // A row that scrolls into view has not just ticked: only what changes while it is mounted flashes.
  const [firstBump] = useState(bump)
  const now = useNowEvery(10_000)
  const age_ms = (asOf === undefined ? now : Date.parse(asOf)) - found.end
  const stale = ageTone(age_ms, rule) === 'alarm'
  const flash = bump === firstBump ? '' : ` flash-${bump % 2}`
  const clock = chosenClock(tz, market)
  const classes = `price-row${props.active ? ' active' : ''}${props.selected ? ' selected' : ''}${stale ? ' stale' : ''}${props.pinned ? ' pinned' : ''}`
  const cell = (column: ColumnId, more = '') => (props.column === column
    ? { role: 'gridcell', id: 'price-cell-active', className: `cell ${more} at` }
    : { role: 'gridcell', className: `cell ${more}` })
  return (
    <div role="row" id={props.domId} aria-rowindex={props.index + 2} aria-selected={props.selected} className={classes} style={{ transform: `translateY(${props.top}px)` }} onClick={() => props.onOpen(id)}>
      <div {...cell('name', 'name')}>
        <button type="button" tabIndex={-1} className="pin" aria-pressed={props.pinned} aria-label={`Pin ${props.name}`} onClick={(event) => {
          event.stopPropagation()
          props.onPin(id)
        }}><Icon name="star" size={13} filled={props.pinned} /></button>
        <span className="text" title={id}>{props.name}</span>
        <span className="kind">{props.showMarket ? `${market} ${props.kind}` : props.kind}</span>
      </div>
      <div {...cell('rt', `number strong${flash}`)}>{numberText(found.rt)}</div>
      <div {...cell('change', 'number')}><Difference value={found.change} /></div>
      <div {...cell('da', 'number')}>{numberText(found.da)}</div>
      <div {...cell('dart', `number${flash}`)}><Difference value={found.dart} /></div>
      <div {...cell('congestion', 'number')}>{numberText(found.congestion)}</div>
      <div {...cell('loss', 'number wide')}>{numberText(found.loss)}</div>
      <div {...cell('spark', 'middle')}>{props.spark === undefined ? null : <Sparkline values={props.spark} />}</div>
      <div {...cell('interval', 'number widest')}>
        <span className="dim">{tz === 'market' ? `${hourEndingLabel(clock.zone, found.start)}  ` : ''}</span>{intervalText(clock.zone, found.start, found.end)}{props.showMarket && tz === 'market' ? <span className="dim"> {clock.abbreviation}</span> : null}
      </div>
      <div {...cell('age', 'number')}><AgeLabel instant={found.end} rule={rule} /></div>
    </div>
  )
}, sameRow)
