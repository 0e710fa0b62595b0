import { type KeyboardEvent, type PointerEvent, type ReactNode, useEffect, useState } from 'react'
import { Icon } from './Icon'

const LEAST = 360
const STEP = 24

/** The detail of the selected thing beside the page; a full sheet on a phone. Esc closes, the left edge resizes. */
export function Drawer({ title, onClose, children }: { title: ReactNode; onClose: () => void; children: ReactNode }) {
  const [width, setWidth] = useState(520)
  const resize = (next: number) => setWidth(Math.max(LEAST, Math.min(window.innerWidth * 0.7, next)))

  useEffect(() => {
    const onKey = (event: globalThis.KeyboardEvent) => {
      if (event.key === 'Escape' && !event.defaultPrevented) onClose()
    }
    window.addEventListener('keydown', onKey)
    return () => window.removeEventListener('keydown', onKey)
  }, [onClose])

  const onGripKey = (event: KeyboardEvent) => {
    if (event.key === 'ArrowLeft') resize(width + STEP)
    else if (event.key === 'ArrowRight') resize(width - STEP)
    else return
    event.preventDefault()
  }
  const onGripMove = (event: PointerEvent) => {
    if (event.currentTarget.hasPointerCapture(event.pointerId)) resize(window.innerWidth - event.clientX)
  }

  return (
    <aside className="drawer" style={{ width }} aria-label="Detail">
      <div className="grip" role="separator" aria-orientation="vertical" aria-label="Width of the detail" aria-valuenow={Math.round(width)} aria-valuemin={LEAST} aria-valuemax={2000} tabIndex={0}
        onKeyDown={onGripKey} onPointerMove={onGripMove} onPointerDown={(event) => event.currentTarget.setPointerCapture(event.pointerId)} />
      <header>
        {title}
        <button type="button" className="button quiet small" onClick={onClose} aria-label="Close the detail (Esc)"><Icon name="close" /></button>
      </header>
      <div className="body">{children}</div>
    </aside>
  )
}
