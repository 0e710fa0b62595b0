import { useEffect } from 'react'

interface GridKeys {
  count: number
  active: number
  setActive: (index: number) => void
  id: (index: number) => string | undefined
  isOpen: boolean
  open: (id: string) => void
  pin: (id: string) => void
  tsv: () => string
}

const PAGE_STEP = 20

function step(key: string): number | undefined {
  switch (key) {
    case 'j': case 'ArrowDown': return 1
    case 'k': case 'ArrowUp': return -1
    case 'PageDown': return PAGE_STEP
    case 'PageUp': return -PAGE_STEP
    case 'Home': return -Infinity
    case 'End': return Infinity
    default: return undefined
  }
}

function isElsewhere(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false
  if (['INPUT', 'SELECT', 'TEXTAREA'].includes(target.tagName)) return true
  return target.closest('[role="dialog"], .drawer, .u-over') !== null
}

/** j and k (and arrows) move, Enter opens, p pins, Ctrl-C copies the rows; an open drawer follows the row. */
export function useGridKeys(keys: GridKeys): void {
  useEffect(() => {
    const { count, active, setActive, id, isOpen, open, pin, tsv } = keys
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
      const by = step(event.key)
      const found = id(active)
      if (by !== undefined) move(by)
      else if (event.key === 'Enter' && !onControl && found !== undefined) open(found)
      else if (event.key === 'p' && found !== undefined) pin(found)
      else return
      event.preventDefault()
    }
    window.addEventListener('keydown', onKey)
    return () => window.removeEventListener('keydown', onKey)
  }, [keys])
}
