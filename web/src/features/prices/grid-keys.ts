import { useEffect } from 'react'
import { isElsewhere, rowStep } from '@/lib/row-keys'
import type { ColumnId } from './rows'

interface GridKeys {
  count: number
  active: number
  setActive: (index: number) => void
  /** The column of the active cell; none while whole rows are walked. */
  column: ColumnId | undefined
  setColumn: (column: ColumnId | undefined) => void
  id: (index: number) => string | undefined
  isOpen: boolean
  open: (id: string) => void
  pin: (id: string) => void
  tsv: () => string
}

/** The columns in view, as the grid's head shows them; narrow windows hide some. */
function columnsInView(): ColumnId[] {
  return [...document.querySelectorAll<HTMLElement>('[data-price-grid] [data-column]')].filter((head) => head.offsetWidth > 0).map((head) => head.dataset['column'] as ColumnId)
}

/** Return the column `by` steps beside; left of the first is the whole row. */
function columnBeside(column: ColumnId | undefined, by: number): ColumnId | undefined {
  const columns = columnsInView()
  const at = column === undefined ? -1 : columns.indexOf(column)
  return columns[Math.min(columns.length - 1, at + by)]
}

/** j and k (and up and down) move by row, left and right by cell, Enter opens, p pins, Ctrl-C copies the rows; an open drawer follows the row. */
export function useGridKeys(keys: GridKeys): void {
  useEffect(() => {
    const { count, active, setActive, column, setColumn, id, isOpen, open, pin, tsv } = keys
    const move = (by: number) => {
      const next = Math.max(0, Math.min(count - 1, active < 0 ? 0 : active + by))
      setActive(next)
      const found = id(next)
      if (isOpen && found !== undefined) open(found)
    }
    const onKey = (event: KeyboardEvent) => {
      if (event.defaultPrevented || isElsewhere(event.target)) return
      if (event.key === 'c' && (event.ctrlKey || event.metaKey)) {
        if (document.getSelection()?.toString() === '') void navigator.clipboard.writeText(tsv())
        return
      }
      if (event.ctrlKey || event.metaKey || event.altKey) return
      const onControl = event.target instanceof HTMLElement && event.target.closest('button, a') !== null
      const by = rowStep(event.key)
      const found = id(active)
      const aside = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0
      if (by !== undefined) move(by)
      else if (aside !== 0 && count > 0) {
        if (active < 0) setActive(0)
        setColumn(columnBeside(column, aside))
      }
      else if (event.key === 'Enter' && !onControl && found !== undefined) open(found)
      else if (event.key === 'p' && found !== undefined) pin(found)
      else return
      event.preventDefault()
    }
    window.addEventListener('keydown', onKey)
    return () => window.removeEventListener('keydown', onKey)
  }, [keys])
}
