import { type KeyboardEvent, type ReactNode, useEffect, useRef } from 'react'

const STOPS = 'input:not(:disabled), select, button:not(:disabled), a[href], summary, [tabindex="0"]'

/** Tab goes round inside the dialog. */
function keepInside(event: KeyboardEvent<HTMLElement>): void {
  const stops = [...event.currentTarget.querySelectorAll<HTMLElement>(STOPS)]
  const [first] = stops
  const last = stops.at(-1)
  const leaving = event.shiftKey ? first : last
  if (document.activeElement !== leaving && document.activeElement !== event.currentTarget) return
  event.preventDefault()
  ;(event.shiftKey ? last : first)?.focus()
}

/** A dialog over the page: Esc or a click outside closes it, focus returns to where it was. */
export function Modal({ label, className, close, children }: { label: string; className: string; close: () => void; children: ReactNode }) {
  const dialog = useRef<HTMLDivElement>(null)
  useEffect(() => {
    const before = document.activeElement
    const inside = dialog.current
    if (inside !== null && !inside.contains(document.activeElement)) inside.focus()
    return () => {
      if (before instanceof HTMLElement) before.focus()
    }
  }, [])
  return (
    <div className="overlay" onMouseDown={(event) => {
      if (event.target === event.currentTarget) close()
    }}>
      <div ref={dialog} className={`dialog ${className}`} role="dialog" aria-modal="true" aria-label={label} tabIndex={-1} onKeyDown={(event) => {
        if (event.key === 'Tab') keepInside(event)
        if (event.key !== 'Escape') return
        event.preventDefault()
        close()
      }}>
        {children}
      </div>
    </div>
  )
}
