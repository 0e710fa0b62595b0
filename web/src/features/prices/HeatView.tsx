import { useVirtualizer } from '@tanstack/react-virtual'
import { useEffect, useRef } from 'react'
import type { Location } from '@/lib/api/types'
import { isElsewhere } from '@/lib/row-keys'
import type { SeriesStore } from '@/lib/stream/series-store'
import { chosenClock } from '@/lib/time/markets'
import { clockText, hourEndingText, intervalText } from '@/lib/time/format'
import { useNowEvery } from '@/lib/time/use-now'
import { dayHours, dayOf } from '@/lib/time/zone'
import { numberText, signedText } from '@/lib/units/format'
import { heatScale, heatStep } from '@/lib/units/heat'
import { useDayParam, useScope } from '@/lib/url/scope'
import { setParams, useParam } from '@/lib/url/use-place'
import { DayTools, onDayKey } from './DayTools'
import { BATCH, type HeatValue, useHeat } from './heat-data'

const ROW_PX = 24
const VALUES: readonly [HeatValue, string][] = [['rt', 'RT, hour mean'], ['da', 'DA'], ['dart', 'DART, DA − RT']]

interface HeatProps {
  store: SeriesStore
  rows: readonly number[]
  names: ReadonlyMap<string, Location>
  unit: string
  /** The row that keys walk. */
  active: number
  selected: string | undefined
  onOpen: (id: string) => void
}

/** Hours of an operating day by location, coloured on a diverging scale; negative prices are hatched. */
export function HeatView({ store, rows, names, unit, active, selected, onOpen }: HeatProps) {
  const { market, asOf, tz } = useScope()
  const asked = useParam('heat')
  const value: HeatValue = asked === 'da' || asked === 'dart' ? asked : 'rt'
  const now = useNowEvery(60_000)
  const scroller = useRef<HTMLDivElement>(null)
  const virtual = useVirtualizer({ count: rows.length, getScrollElement: () => scroller.current, estimateSize: () => ROW_PX, overscan: 4 })
  const firstRow = rows[0] ?? 0
  const ofMarket = market ?? store.text('market', firstRow)
  const clock = chosenClock(tz, ofMarket)
  const moment = asOf === undefined ? now : Date.parse(asOf)
  const today = dayOf(clock.zone, moment)
  const day = useDayParam('day') ?? today
  const hours = dayHours(clock.zone, day)
  const items = virtual.getVirtualItems()
  const named = (from: readonly number[]) => from.flatMap((row) => store.keys[row] ?? [])
  // Batches begin at fixed places of the list, so that scrolling asks for the next one and not for all anew.
  const [first, last] = [items[0]?.index ?? 0, items.at(-1)?.index ?? -1]
  const near = named(rows.slice(Math.floor(first / BATCH) * BATCH, Math.ceil((last + 1) / BATCH) * BATCH))
  const { lookup, loading } = useHeat(near, hours, value, asOf, asOf === undefined && day === today)
  const shown = named(rows.slice(first, last + 1)).flatMap((id) => hours.map((hour) => lookup(id, hour.start)))
  const scale = heatScale(shown, value === 'dart' ? 0 : undefined)
  const grid = { gridTemplateColumns: `minmax(128px, 1.6fr) repeat(${hours.length}, minmax(34px, 1fr))` }
  const text = value === 'dart' ? signedText : numberText
  useEffect(() => {
    if (active >= 0) virtual.scrollToIndex(active, { align: 'auto' })
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the virtualiser is stable; only a new active row scrolls
  }, [active])
  const isAlone = selected === undefined
  useEffect(() => {
    // With a detail open its own keys go by days: both show the same one.
    const onKey = (event: KeyboardEvent) => {
      if (!isAlone || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isElsewhere(event.target)) return
      if (onDayKey(event.key, day)) event.preventDefault()
    }
    window.addEventListener('keydown', onKey)
    return () => window.removeEventListener('keydown', onKey)
  }, [day, isAlone])
  return (
    <div className="heat">
      <div className="heat-tools">
        <div className="segmented" role="group" aria-label="Value">
          {VALUES.map(([name, words]) => <button key={name} type="button" className="button small" aria-pressed={value === name} onClick={() => setParams({ heat: name === 'rt' ? null : name }, 'replace')}>{words}</button>)}
        </div>
        <div className="day-tools"><DayTools day={day} today={today} /></div>
        <span className="dim small">{tz === 'market' ? 'hour ending' : 'hour starting'} {clock.abbreviation}, {unit}{loading ? ', loading' : ''}</span>
        <span className="heat-legend small" aria-hidden="true">
          <span>{numberText(scale.centre - scale.reach, 0)}</span>{Array.from({ length: 9 }, (_, step) => <i key={step} className={`heat-${step}`} />)}<span>{numberText(scale.centre + scale.reach, 0)}</span>
          <i className="heat-4 negative" /> below zero
        </span>
      </div>
      <div ref={scroller} className="heat-scroll" tabIndex={0} role="table" aria-label="Prices by hour and location" aria-rowcount={rows.length + 1}>
        <div role="row" className="heat-row heat-head" style={grid}>
          <div role="columnheader">Location</div>
          {hours.map((hour) => <div role="columnheader" key={hour.start} title={hour.repeated ? 'The second hour of this number: clocks went back' : undefined}>{tz === 'market' ? hour.label : clockText(clock.zone, hour.start).slice(0, 2)}</div>)}
        </div>
        <div role="rowgroup" className="heat-body" style={{ height: virtual.getTotalSize() }}>
          {items.map((item) => {
            const id = store.keys[rows[item.index] ?? -1] ?? ''
            return (
              <div role="row" key={id} aria-rowindex={item.index + 2} className={`heat-row${id === selected ? ' selected' : ''}${item.index === active ? ' active' : ''}`} style={{ ...grid, transform: `translateY(${item.start}px)` }} onClick={() => onOpen(id)}>
                <div role="rowheader" className="heat-name"><button type="button" onClick={() => onOpen(id)}>{names.get(id)?.name ?? id}</button></div>
                {hours.map((hour) => {
                  const found = lookup(id, hour.start)
                  const known = Number.isFinite(found)
                  const classes = known ? `heat-${heatStep(scale, found)}${found < 0 ? ' negative' : ''}` : hour.end <= moment ? 'absent past' : 'absent'
                  return <div role="cell" key={hour.start} className={classes} title={`${id}, ${day} ${hourEndingText(tz, clock.zone, hour.start)}${intervalText(clock.zone, hour.start, hour.end)} ${clock.abbreviation}: ${text(found)} ${unit}`}>{known ? text(found, 0) : ''}</div>
                })}
              </div>
            )
          })}
        </div>
      </div>
    </div>
  )
}
