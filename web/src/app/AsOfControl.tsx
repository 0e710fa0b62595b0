import { useState } from 'react'
import { Icon } from '@/components/Icon'
import { Popover } from '@/components/Popover'
import { instantText, isoInstant } from '@/lib/time/format'
import { serverNow } from '@/lib/time/use-now'
import { DAY_MS, HOUR_MS, instantOfWall, isDay } from '@/lib/time/zone'
import { useClock, useScope } from '@/lib/url/scope'
import { setParams } from '@/lib/url/use-place'

const STEPS = [['1 h ago', HOUR_MS], ['6 h ago', 6 * HOUR_MS], ['1 d ago', DAY_MS], ['7 d ago', 7 * DAY_MS]] as const

const WALL = /^\d{4}-\d{2}-\d{2} \d{2}:\d{2}$/

/** The switch "as known at": a moment, and every panel of every page shows only what was published by then. */
export function AsOfControl() {
  const { asOf } = useScope()
  const clock = useClock()
  const [text, setText] = useState('')
  const shown = asOf === undefined ? 'now' : instantText(clock.zone, Date.parse(asOf)).slice(5)

  const show = () => setText(instantText(clock.zone, asOf === undefined ? serverNow() : Date.parse(asOf)))
  const choose = (instant: number | undefined, close: () => void) => {
    setParams({ as_of: instant === undefined ? null : isoInstant(Math.floor(instant / 1000) * 1000) })
    close()
  }
  const typed = WALL.test(text.trim()) && isDay(text.trim().slice(0, 10)) ? instantOfWall(clock.zone, text.trim().replace(' ', 'T')) : undefined
  return (
    <Popover name="As known at" hotkey="a" buttonClass={asOf === undefined ? 'chip' : 'chip active'} menuClass="as-of-menu" onOpen={show} button={<><Icon name="clock" size={14} /><span className="name">As known at</span> {shown}</>}>
      {(close) => (
        <form onSubmit={(event) => {
          event.preventDefault()
          if (typed !== undefined) choose(typed, close)
        }}>
          <p className="small dim">Show only what was published by this moment. Live updates stop.</p>
          <label className="row"><span className="visually-hidden">Moment in {clock.abbreviation}</span>
            <input className="input" type="text" placeholder="YYYY-MM-DD HH:MM" autoFocus value={text} onChange={(event) => setText(event.target.value)} />
            <span className="dim">{clock.abbreviation}</span>
          </label>
          <div className="row">
            {STEPS.map(([words, back_ms]) => <button key={words} type="button" className="button small" onClick={() => choose(serverNow() - back_ms, close)}>{words}</button>)}
          </div>
          <div className="row">
            <button type="submit" className="button primary" disabled={typed === undefined}>Show</button>
            {asOf === undefined ? null : <button type="button" className="button" onClick={() => choose(undefined, close)}>Back to now</button>}
          </div>
        </form>
      )}
    </Popover>
  )
}
