import { type ReactNode, useEffect, useRef } from 'react'

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
        if (event.key === 'Escape') {
          event.preventDefault()
          close()
        }
        if (event.key === 'Tab' && dialog.current?.querySelectorAll('input, button, a').length === 1) event.preventDefault()
      }}>
        {children}
      </div>
    </div>
  )
}
