import { useVirtualizer } from '@tanstack/react-virtual'
import { type CSSProperties, type MouseEvent, type RefObject, useEffect, useMemo } from 'react'
import { Icon } from '@/components/Icon'
import type { FreshnessRule } from '@/components/labels'
import type { Location } from '@/lib/api/types'
import { nameOf } from '@/lib/kinds'
import { useScope } from '@/lib/url/scope'
import { PriceRow } from './PriceRow'
import type { ColumnFace } from './columns'
import type { PricesModel } from './model'
import { type ColumnId, type SortKey, figures } from './rows'
import type { DayAhead } from './use-prices'

const ROW_PX = 28

interface GridProps {
  /** The columns that find room, in order. */
  faces: readonly ColumnFace[]
  scroller: RefObject<HTMLDivElement | null>
  model: PricesModel
  version: number
  rows: readonly number[]
  names: ReadonlyMap<string, Location>
  prices: DayAhead
  unit: string
  rule: FreshnessRule | undefined
  sort: readonly SortKey[]
  pins: readonly string[]
  active: number
  /** The column of the active cell, when cells are walked. */
  column: ColumnId | undefined
  selected: string | undefined
  onSort: (column: ColumnId, add: boolean) => void
  onOpen: (id: string) => void
  onPin: (id: string) => void
}

/** The virtualised grid: only rows in view exist, and a row that gets another location keeps its elements; the active row is announced by aria-activedescendant. */
export function PriceGrid(props: GridProps) {
  const { model, rows, names, prices, active, faces, scroller } = props
  const { market, tz, asOf } = useScope()
  const virtual = useVirtualizer({ count: rows.length, getScrollElement: () => scroller.current, estimateSize: () => ROW_PX, overscan: 4 })
  const items = virtual.getVirtualItems()
  const inView = items.map((item) => model.store.keys[rows[item.index] ?? -1] ?? '').filter((id) => id !== '')
  const wanted = inView.join(',')

  const order = faces.map((face) => face.id).join(',')
  const columns = useMemo(() => order.split(',') as ColumnId[], [order])
  const template = faces.map((face) => (face.grow === 0 ? `${face.least}px` : `minmax(${face.least}px, ${face.grow}fr)`)).join(' ')

  useEffect(() => {
    if (wanted !== '') model.sparks.want(wanted.split(','))
  }, [model, wanted])
  useEffect(() => {
    if (active >= 0) virtual.scrollToIndex(active, { align: 'auto' })
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the virtualiser is stable; only a new active row scrolls
  }, [active])

  return (
    <div ref={scroller} className="price-grid" role="grid" tabIndex={0} data-price-grid style={{ '--columns': template } as CSSProperties} aria-label="Live prices by location" aria-rowcount={rows.length + 1} aria-colcount={faces.length}
      aria-activedescendant={items.some((item) => item.index === active) ? (props.column === undefined ? `price-row-${active}` : 'price-cell-active') : undefined}>
      <div className="price-head" role="row" aria-rowindex={1}>
        {faces.map((face) => {
          const at = props.sort.findIndex((key) => key.column === face.id)
          const key = props.sort[at]
          const order = key === undefined ? 'none' : key.descending ? 'descending' : 'ascending'
          const words = <><span className="title">{face.name}{key === undefined ? null : <><Icon name={key.descending ? 'sort_down' : 'sort_up'} size={11} />{props.sort.length > 1 ? <sub>{at + 1}</sub> : null}</>}</span><span className="note">{face.note}</span></>
          return (
            <div key={face.id} role="columnheader" data-column={face.id} title={face.meaning} aria-sort={face.sortable ? order : undefined} className={`cell${face.isNumber ? ' number' : ''}`}>
              {face.sortable ? <button type="button" tabIndex={-1} title="Sort; with Shift, add to the sort" onClick={(event: MouseEvent) => props.onSort(face.id, event.shiftKey)}>{words}</button> : <span>{words}</span>}
            </div>
          )
        })}
      </div>
      <div className="price-body" role="rowgroup" style={{ height: virtual.getTotalSize() }}>
        {items.map((item) => {
          const row = rows[item.index]
          if (row === undefined) return null
          const id = model.store.keys[row] ?? ''
          const location = names.get(id)
          const ofMarket = model.store.text('market', row)
          return (
            <PriceRow key={item.index} id={id} domId={`price-row-${item.index}`} name={location?.name ?? nameOf(id)} kind={location?.kind ?? ''} market={ofMarket} showMarket={market === undefined}
              tz={tz} bump={model.store.bumps[row] ?? 0} found={figures(model.store, row, prices)} spark={model.sparks.line(id)} sparkRevision={model.sparks.revision.get(id) ?? 0}
              rule={props.rule} asOf={asOf} index={item.index} top={item.start} columns={columns} active={item.index === active} column={item.index === active ? props.column : undefined} selected={props.selected === id} pinned={props.pins.includes(id)} onOpen={props.onOpen} onPin={props.onPin} />
          )
        })}
      </div>
    </div>
  )
}
