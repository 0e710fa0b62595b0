import { useEffect, useRef } from 'react'
import { addDays, isDay } from '@/lib/time/zone'
import { Icon } from './Icon'

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'] as const

function weekday(day: string): string {
  return DAYS[new Date(`${day}T00:00:00Z`).getUTCDay()] ?? ''
}

interface DayProps {
  day: string
  choose: (day: string) => void
}

/** An operating day as the desk writes it everywhere, YYYY-MM-DD with its weekday, where the browser's own field follows the machine's country; up and down go by days. */
export function DayInput({ day, choose }: DayProps) {
  const calendar = useRef<HTMLInputElement>(null)
  const text = useRef<HTMLInputElement>(null)
  useEffect(() => {
    if (text.current !== null) text.current.value = day
  }, [day])
  return (
    <span className="day-input">
      <input ref={text} className="input" type="text" inputMode="numeric" aria-label="Operating day, YYYY-MM-DD" defaultValue={day} maxLength={10} onFocus={(event) => event.currentTarget.select()}
        onBlur={(event) => {
          if (!accept(event.currentTarget.value, day, choose)) event.currentTarget.value = day
        }}
        onKeyDown={(event) => {
          if (event.key === 'Enter') event.currentTarget.blur()
          else if (event.key === 'Escape') event.currentTarget.value = day
          else if (event.key === 'ArrowUp') choose(addDays(day, 1))
          else if (event.key === 'ArrowDown') choose(addDays(day, -1))
          else return
          event.preventDefault()
        }} />
      <span className="dim small" aria-hidden="true">{weekday(day)}</span>
      <button type="button" className="button small quiet" aria-label="Calendar" onClick={() => calendar.current?.showPicker()}><Icon name="calendar" size={14} /></button>
      <input ref={calendar} type="date" className="day-calendar" tabIndex={-1} aria-hidden="true" value={day} onChange={(event) => {
        if (event.target.value !== '') choose(event.target.value)
      }} />
    </span>
  )
}

/** Take a typed day when it is one. */
function accept(text: string, day: string, choose: (day: string) => void): boolean {
  const typed = text.trim()
  if (typed === day) return true
  if (!isDay(typed)) return false
  choose(typed)
  return true
}
