import { DayInput } from '@/components/DayInput'
import { Icon } from '@/components/Icon'
import { addDays } from '@/lib/time/zone'
import { setParams } from '@/lib/url/use-place'

/** Show another operating day; undefined follows the day that runs. */
export const goToDay = (day: string | undefined) => setParams({ day, at: null }, 'replace')

/** Do what a key means for the day in view; false when it means nothing. */
export function onDayKey(key: string, day: string): boolean {
  const next = { '{': addDays(day, -1), '}': addDays(day, 1), t: undefined }
  if (!(key in next)) return false
  goToDay(next[key as keyof typeof next])
  return true
}

/** The operating day in view, and the ways to others. */
export function DayTools({ day, today }: { day: string; today: string }) {
  return (
    <>
      <button type="button" className="button small" onClick={() => goToDay(addDays(day, -1))} aria-label="One day back ({)"><Icon name="left" size={14} /></button>
      <DayInput day={day} choose={goToDay} />
      <button type="button" className="button small" onClick={() => goToDay(addDays(day, 1))} aria-label="One day on (})"><Icon name="right" size={14} /></button>
      <button type="button" className="button small quiet" disabled={day === today} onClick={() => goToDay(undefined)}>Today</button>
    </>
  )
}
