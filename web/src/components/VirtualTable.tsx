import { useVirtualizer } from '@tanstack/react-virtual'
import { type CSSProperties, type ReactNode, useEffect, useRef, useState } from 'react'
import { type Space, fitting } from '@/lib/columns'
import { isElsewhere, rowStep } from '@/lib/row-keys'
import type { Sort } from '@/lib/sorting'
import { useWidth } from '@/lib/use-width'
import { Icon } from './Icon'

const AROUND_PX = 28

export interface TableColumn<Row> extends Space {
  id: string
  name: string
  note?: string
  meaning?: string
  grow: number
  isNumber: boolean
  /** What it is sorted by; none: it is not. */
  value?: (row: Row) => number | string
  cell: (row: Row) => ReactNode
}

interface TableProps<Row> {
  label: string
  columns: readonly TableColumn<Row>[]
  rows: readonly Row[]
  id: (row: Row) => string
  sort: Sort
  onSort: (column: string, isNumber: boolean) => void
  selected: string | undefined
  onOpen: (id: string) => void
  row_px?: number
  /** Extra class of a row. */
  tone?: (row: Row) => string
  /** Called with the ids of the rows that are there, when they change. */
  onShown?: (ids: readonly string[]) => void
}

/** A table of any length: only rows in view exist, columns give way by weight, j k and arrows walk, Enter opens; an open detail follows the row. */
export function VirtualTable<Row>({ label, columns, rows, id, sort, onSort, selected, onOpen, row_px = 28, tone, onShown }: TableProps<Row>) {
  const scroller = useRef<HTMLDivElement>(null)
  const width = useWidth(scroller)
  const [active, setActive] = useState(-1)
  const virtual = useVirtualizer({ count: rows.length, getScrollElement: () => scroller.current, estimateSize: () => row_px, overscan: 4 })
  const items = virtual.getVirtualItems()
  const shown = fitting(columns, width - AROUND_PX)
  const at = Math.min(active, rows.length - 1)
  const template = shown.map((one) => (one.grow === 0 ? `${one.least}px` : `minmax(${one.least}px, ${one.grow}fr)`)).join(' ')
  const inView = items.flatMap((item) => (rows[item.index] === undefined ? [] : [id(rows[item.index] as Row)])).join('\n')

  useEffect(() => {
    if (inView !== '') onShown?.(inView.split('\n'))
  }, [inView, onShown])
  useEffect(() => {
    if (at >= 0) virtual.scrollToIndex(at, { align: 'auto' })
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the virtualiser is stable; only a new active row scrolls
  }, [at])
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isElsewhere(event.target)) return
      const by = rowStep(event.key)
      const isOnControl = event.target instanceof HTMLElement && event.target.closest('button, a') !== null
      if (by !== undefined && rows.length > 0) {
        const next = Math.max(0, Math.min(rows.length - 1, at < 0 ? 0 : at + by))
        setActive(next)
        if (selected !== undefined) onOpen(id(rows[next] as Row))
      } else if (event.key === 'Enter' && !isOnControl && at >= 0) onOpen(id(rows[at] as Row))
      else return
      event.preventDefault()
    }
    window.addEventListener('keydown', onKey)
    return () => window.removeEventListener('keydown', onKey)
  }, [at, id, onOpen, rows, selected])

  return (
    <div ref={scroller} className="vtable" role="grid" tabIndex={0} data-table aria-label={label} aria-rowcount={rows.length + 1} aria-colcount={shown.length} style={{ '--columns': template, '--row-px': `${row_px}px` } as CSSProperties}
      aria-activedescendant={items.some((item) => item.index === at) ? `table-row-${at}` : undefined}>
      <div className="vtable-head" role="row" aria-rowindex={1}>
        {shown.map(({ id: column, name, note, meaning, isNumber, value }) => {
          const isHeld = sort.column === column
          const words = <><span className="title">{name}{isHeld ? <Icon name={sort.descending ? 'sort_down' : 'sort_up'} size={11} /> : null}</span><span className="note">{note}</span></>
          return (
            <div key={column} role="columnheader" title={meaning} aria-sort={value === undefined ? undefined : isHeld ? (sort.descending ? 'descending' : 'ascending') : 'none'} className={isNumber ? 'cell number' : 'cell'}>
              {value === undefined ? <span>{words}</span> : <button type="button" tabIndex={-1} onClick={() => onSort(column, isNumber)}>{words}</button>}
            </div>
          )
        })}
      </div>
      <div className="vtable-body" role="rowgroup" style={{ height: virtual.getTotalSize() }}>
        {items.map((item) => {
          const row = rows[item.index]
          if (row === undefined) return null
          const name = id(row)
          return (
            <div key={item.index} role="row" id={`table-row-${item.index}`} aria-rowindex={item.index + 2} aria-selected={name === selected} style={{ transform: `translateY(${item.start}px)` }}
              className={`vtable-row${item.index === at ? ' active' : ''}${name === selected ? ' selected' : ''} ${tone?.(row) ?? ''}`} onClick={() => {
                setActive(item.index)
                onOpen(name)
              }}>
              {shown.map((one) => <div key={one.id} role="gridcell" className={one.isNumber ? 'cell number' : 'cell'}>{one.cell(row)}</div>)}
            </div>
          )
        })}
      </div>
    </div>
  )
}
