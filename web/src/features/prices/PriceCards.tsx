import { useVirtualizer } from '@tanstack/react-virtual'
import { useEffect, useRef } from 'react'
import { Difference } from '@/components/Difference'
import { Sparkline } from '@/components/Sparkline'
import { AgeLabel, type FreshnessRule, ageTone } from '@/components/labels'
import type { Location } from '@/lib/api/types'
import { useNowEvery } from '@/lib/time/use-now'
import { numberText } from '@/lib/units/format'
import { useScope } from '@/lib/url/scope'
import type { PricesModel } from './model'
import { figures } from './rows'
import type { DayAhead } from './use-prices'

const CARD_PX = 60

interface CardsProps {
  model: PricesModel
  rows: readonly number[]
  names: ReadonlyMap<string, Location>
  prices: DayAhead
  unit: string
  rule: FreshnessRule | undefined
  onOpen: (id: string) => void
}

/** The phone's grid: name, price, change against day-ahead, line, age. */
export function PriceCards({ model, rows, names, prices, unit, rule, onOpen }: CardsProps) {
  const now = useNowEvery(10_000)
  const { asOf } = useScope()
  const scroller = useRef<HTMLDivElement>(null)
  const virtual = useVirtualizer({ count: rows.length, getScrollElement: () => scroller.current, estimateSize: () => CARD_PX, overscan: 8 })
  const items = virtual.getVirtualItems()
  const wanted = items.map((item) => model.store.keys[rows[item.index] ?? -1] ?? '').join(',')
  useEffect(() => {
    if (wanted !== '') model.sparks.want(wanted.split(','))
  }, [model, wanted])
  return (
    <div ref={scroller} className="price-cards">
      <ul style={{ height: virtual.getTotalSize() }} aria-label="Live prices by location">
        {items.map((item) => {
          const row = rows[item.index]
          if (row === undefined) return null
          const id = model.store.keys[row] ?? ''
          const found = figures(model.store, row, prices)
          const location = names.get(id)
          return (
            <li key={id} className={ageTone((asOf === undefined ? now : Date.parse(asOf)) - found.end, rule) === 'alarm' ? 'stale' : ''} style={{ transform: `translateY(${item.start}px)` }}>
              <button type="button" onClick={() => onOpen(id)}>
                <span className="name"><span className="text">{location?.name ?? id}</span><span className="dim small">{model.store.text('market', row)} {location?.kind}, <AgeLabel instant={found.end} rule={rule} /></span></span>
                <Sparkline values={model.sparks.line(id) ?? []} />
                <span className="price"><span className="strong">{numberText(found.rt)} <span className="dim small">{unit}</span></span><span className="small"><span className="dim">DART </span><Difference value={found.dart} /></span></span>
              </button>
            </li>
          )
        })}
      </ul>
    </div>
  )
}
