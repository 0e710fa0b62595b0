import { useCallback, useEffect, useMemo, useState } from 'react'
import { type Run, dayIntervals, stepMs } from '@/lib/grid/intervals'
import { isElsewhere } from '@/lib/row-keys'
import { isoInstant } from '@/lib/time/format'
import { type MarketClock, type ZoneChoice, chosenClock } from '@/lib/time/markets'
import { useNowEvery } from '@/lib/time/use-now'
import { HOUR_MS, addDays, dayOf, dayStart } from '@/lib/time/zone'
import { useInstantParam, useScope } from '@/lib/url/scope'
import { setParams } from '@/lib/url/use-place'

const PLAY_MS = 450

export interface Cursor {
  clock: MarketClock
  tz: ZoneChoice
  day: string
  dayStart: number
  dayEnd: number
  /** Starts of the day's intervals that have been cleared. */
  intervals: readonly number[]
  /** The chosen interval's start; undefined while the newest is not known. */
  at: number | undefined
  /** Whether the newest interval is followed. */
  follows: boolean
  playing: boolean
  /** Go by intervals; into the day before or after at its ends. */
  step: (by: number) => void
  choose: (at: number | undefined) => void
  goToDay: (day: string) => void
  play: (on: boolean) => void
}

/** The interval that a page shows: in the address as `at`, or the newest one, which is followed. Day-ahead follows the hour that runs. */
export function useCursor(market: string | undefined, run: Run, newest: number | undefined): Cursor {
  const { asOf, tz } = useScope()
  const clock = useMemo(() => chosenClock(tz, market), [tz, market])
  const now = useNowEvery(60_000)
  const moment = asOf === undefined ? now : Date.parse(asOf)
  const asked = useInstantParam('at')
  const [playing, play] = useState(false)
  const step_ms = stepMs(run)
  const current = run === 'DA' ? Math.floor(moment / HOUR_MS) * HOUR_MS : newest
  const found = asked === undefined ? current : Math.floor(asked / step_ms) * step_ms
  const day = dayOf(clock.zone, found ?? moment)
  const start = dayStart(clock.zone, day)
  const end = dayStart(clock.zone, addDays(day, 1))
  const last = run === 'DA' ? end : Math.min(end, (newest ?? moment) + step_ms)
  const intervals = useMemo(() => dayIntervals(run, start, Math.max(start + step_ms, last)), [run, start, last, step_ms])

  const choose = useCallback((at: number | undefined) => setParams({ at: at === undefined ? null : isoInstant(at) }, 'replace'), [])
  const step = useCallback((by: number) => {
    if (found === undefined) return
    const next = found + by * step_ms
    if (run === 'DA' || newest === undefined || next <= newest) choose(next)
  }, [found, step_ms, run, newest, choose])
  const goToDay = useCallback((next: string) => choose(dayStart(clock.zone, next) + Math.max(0, (found ?? start) - start)), [choose, clock.zone, found, start])
  const lastInterval = intervals.at(-1)
  useEffect(() => {
    if (!playing || found === undefined || lastInterval === undefined) return undefined
    const timer = window.setTimeout(() => {
      if (found >= lastInterval) play(false)
      else choose(found + step_ms)
    }, PLAY_MS)
    return () => window.clearTimeout(timer)
  }, [playing, found, lastInterval, choose, step_ms])
  const toggle = useCallback((on: boolean) => {
    if (on && found !== undefined && lastInterval !== undefined && found >= lastInterval) choose(start)
    play(on)
  }, [found, lastInterval, choose, start])
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || (isElsewhere(event.target) && event.key !== '[' && event.key !== ']')) return
      if (event.target instanceof HTMLElement && event.target.closest('input:not([type="range"]), [role="dialog"]') !== null) return
      const isOnButton = event.target instanceof HTMLElement && event.target.closest('button, a') !== null
      if (event.key === '[') step(-1)
      else if (event.key === ']') step(1)
      else if (event.key === 't') choose(undefined)
      else if (event.key === ' ' && !isOnButton) toggle(!playing)
      else return
      event.preventDefault()
    }
    window.addEventListener('keydown', onKey)
    return () => window.removeEventListener('keydown', onKey)
  }, [step, choose, toggle, playing])
  return { clock, tz, day, dayStart: start, dayEnd: end, intervals, at: found, follows: asked === undefined, playing, step, choose, goToDay, play: toggle }
}
