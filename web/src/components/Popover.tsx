import { type ReactNode, useEffect, useRef, useState } from 'react'

interface PopoverProps {
  /** What the panel is called by screen readers. */
  name: string
  button: ReactNode
  buttonClass: string
  menuClass?: string
  /** A page key opens the panel by clicking the button with this name. */
  hotkey?: string
  onOpen?: () => void
  children: (close: () => void) => ReactNode
}

/** A small panel below its button: Esc and a press elsewhere close it, and the focus goes back to the button. */
export function Popover({ name, button, buttonClass, menuClass = '', hotkey, onOpen, children }: PopoverProps) {
  const [open, setOpen] = useState(false)
  const anchor = useRef<HTMLDivElement>(null)
  const close = () => setOpen(false)
  useEffect(() => {
    const whole = anchor.current
    if (!open || whole === null) return undefined
    const onPress = (event: PointerEvent) => {
      if (event.target instanceof Node && !whole.contains(event.target)) setOpen(false)
    }
    document.addEventListener('pointerdown', onPress)
    return () => {
      document.removeEventListener('pointerdown', onPress)
      // What had the focus is gone with the panel: it goes back to the button rather than nowhere.
      if (document.activeElement === document.body) whole.querySelector('button')?.focus()
    }
  }, [open])
  return (
    <div className="anchor" ref={anchor} onKeyDown={(event) => {
      if (event.key !== 'Escape' || !open) return
      event.preventDefault()
      close()
    }}>
      <button type="button" className={buttonClass} data-hotkey={hotkey} aria-expanded={open} aria-haspopup="dialog" onClick={() => {
        if (!open) onOpen?.()
        setOpen(!open)
      }}>{button}</button>
      {open ? <div className={`menu ${menuClass}`} role="dialog" aria-label={name}>{children(close)}</div> : null}
    </div>
  )
}
