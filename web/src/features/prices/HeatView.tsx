import { useVirtualizer } from '@tanstack/react-virtual'
import { useRef } from 'react'
import type { Location } from '@/lib/api/types'
import type { SeriesStore } from '@/lib/stream/series-store'
import { chosenClock, marketClock } from '@/lib/time/markets'
import { clockText, intervalText } from '@/lib/time/format'
import { useNowEvery } from '@/lib/time/use-now'
import { dayHours, dayOf } from '@/lib/time/zone'
import { numberText, signedText } from '@/lib/units/format'
import { heatScale, heatStep } from '@/lib/units/heat'
import { useScope } from '@/lib/url/scope'
import { setParams, useParam } from '@/lib/url/use-place'
import { type HeatValue, useHeat } from './heat-data'

const ROW_PX = 24
const VALUES: readonly [HeatValue, string][] = [['rt', 'RT, hour mean'], ['da', 'DA'], ['dart', 'DART, DA − RT']]

interface HeatProps {
  store: SeriesStore
  rows: readonly number[]
  names: ReadonlyMap<string, Location>
  unit: string
  selected: string | undefined
  onOpen: (id: string) => void
}

/** Hours of the operating day by location, coloured on a diverging scale; negative prices are hatched. */
export function HeatView({ store, rows, names, unit, selected, onOpen }: HeatProps) {
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
  const day = dayOf(clock.zone, moment)
  const hours = dayHours(clock.zone, day)
  const items = virtual.getVirtualItems()
  const inView = items.map((item) => store.keys[rows[item.index] ?? -1] ?? '').filter((id) => id !== '')
  const { lookup, loading } = useHeat(inView, hours, value, asOf)
  const shown = inView.flatMap((id) => hours.map((hour) => lookup(id, hour.start)))
  const scale = heatScale(shown, value === 'dart' ? 0 : undefined)
  const grid = { gridTemplateColumns: `minmax(128px, 1.6fr) repeat(${hours.length}, minmax(34px, 1fr))` }
  const text = value === 'dart' ? signedText : numberText
  return (
    <div className="heat">
      <div className="heat-tools">
        <div className="segmented" role="group" aria-label="Value">
          {VALUES.map(([name, words]) => <button key={name} type="button" className="button small" aria-pressed={value === name} onClick={() => setParams({ heat: name === 'rt' ? null : name }, 'replace')}>{words}</button>)}
        </div>
        <span className="dim small">{day}, {tz === 'market' ? `hour ending ${marketClock(ofMarket).abbreviation}` : `hour starting ${clock.abbreviation}`}, {unit}{loading ? ', loading' : ''}</span>
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
              <div role="row" key={id} className={id === selected ? 'heat-row selected' : 'heat-row'} style={{ ...grid, transform: `translateY(${item.start}px)` }} onClick={() => onOpen(id)}>
                <div role="rowheader" className="heat-name"><button type="button" onClick={() => onOpen(id)}>{names.get(id)?.name ?? id}</button></div>
                {hours.map((hour) => {
                  const found = lookup(id, hour.start)
                  const known = Number.isFinite(found)
                  const classes = known ? `heat-${heatStep(scale, found)}${found < 0 ? ' negative' : ''}` : hour.end <= moment ? 'absent past' : 'absent'
                  return <div role="cell" key={hour.start} className={classes} title={`${id}, ${tz === 'market' ? `HE ${hour.label}` : intervalText(clock.zone, hour.start, hour.end)}: ${text(found)} ${unit}`}>{known ? text(found, 0) : ''}</div>
                })}
              </div>
            )
          })}
        </div>
      </div>
    </div>
  )
}
