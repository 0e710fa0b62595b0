import { useEffect, useRef, useState } from 'react'
import { Icon } from '@/components/Icon'
import { instantText, isoInstant } from '@/lib/time/format'
import { serverNow } from '@/lib/time/use-now'
import { DAY_MS, HOUR_MS, offsetMs } from '@/lib/time/zone'
import { useClock, useScope } from '@/lib/url/scope'
import { setParams } from '@/lib/url/use-place'

const STEPS = [['1 h ago', HOUR_MS], ['6 h ago', 6 * HOUR_MS], ['1 d ago', DAY_MS], ['7 d ago', 7 * DAY_MS]] as const

/** Opens the control from the keyboard (a). */
export const OPEN_AS_OF = 'pd-open-as-of'

/** Read what a wall clock of `zone` showed as YYYY-MM-DDTHH:MM; undefined when it is no such text. */
function fromWall(zone: string, text: string): number | undefined {
  const wall = Date.parse(`${text}Z`)
  if (Number.isNaN(wall)) return undefined
  return wall - offsetMs(zone, wall - offsetMs(zone, wall))
}

/** The switch "as known at": a moment, and every panel of every page shows only what was published by then. */
export function AsOfControl() {
  const { asOf } = useScope()
  const clock = useClock()
  const [open, setOpen] = useState(false)
  const [text, setText] = useState('')
  const anchor = useRef<HTMLDivElement>(null)
  const shown = asOf === undefined ? 'now' : instantText(clock.zone, Date.parse(asOf)).slice(5)

  const show = () => {
    const instant = asOf === undefined ? serverNow() : Date.parse(asOf)
    setText(instantText(clock.zone, instant).replace(' ', 'T'))
    setOpen(true)
  }
  useEffect(() => {
    const onAsk = () => anchor.current?.querySelector('button')?.click()
    window.addEventListener(OPEN_AS_OF, onAsk)
    return () => window.removeEventListener(OPEN_AS_OF, onAsk)
  }, [])

  const choose = (instant: number | undefined) => {
    setParams({ as_of: instant === undefined ? null : isoInstant(Math.floor(instant / 1000) * 1000) })
    setOpen(false)
  }
  const typed = fromWall(clock.zone, text)
  return (
    <div className="anchor" ref={anchor} onKeyDown={(event) => {
      if (event.key !== 'Escape' || !open) return
      event.preventDefault()
      setOpen(false)
    }}>
      <button type="button" className={asOf === undefined ? 'chip' : 'chip active'} aria-expanded={open} aria-haspopup="dialog" onClick={() => (open ? setOpen(false) : show())}>
        <Icon name="clock" size={14} /><span className="name">As known at</span> {shown}
      </button>
      {open ? (
        <form className="menu as-of-menu" role="dialog" aria-label="As known at" onSubmit={(event) => {
          event.preventDefault()
          if (typed !== undefined) choose(typed)
        }}>
          <p className="small dim">Show only what was published by this moment. Live updates stop.</p>
          <label className="row"><span className="visually-hidden">Moment in {clock.abbreviation}</span>
            <input className="input" type="datetime-local" autoFocus value={text} onChange={(event) => setText(event.target.value)} />
            <span className="dim">{clock.abbreviation}</span>
          </label>
          <div className="row">
            {STEPS.map(([words, back_ms]) => <button key={words} type="button" className="button small" onClick={() => choose(serverNow() - back_ms)}>{words}</button>)}
          </div>
          <div className="row">
            <button type="submit" className="button primary" disabled={typed === undefined}>Show</button>
            {asOf === undefined ? null : <button type="button" className="button" onClick={() => choose(undefined)}>Back to now</button>}
          </div>
        </form>
      ) : null}
    </div>
  )
}
