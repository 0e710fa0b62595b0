import { DayInput } from '@/components/DayInput'
import { Icon } from '@/components/Icon'
import type { Run } from '@/lib/grid/intervals'
import { stepMs } from '@/lib/grid/intervals'
import { hourEndingText, intervalText } from '@/lib/time/format'
import { addDays } from '@/lib/time/zone'
import type { Cursor } from './cursor'

const STRIP_HEIGHT = 18

/** How much bound in each interval of the day, as bars: the sum of shadow prices, by its square root so that small ones show. */
function Strip({ sums, count }: { sums: ReadonlyMap<number, number>; count: number }) {
  const most = Math.sqrt(Math.max(1, ...sums.values()))
  let path = ''
  for (const [at, sum] of sums) path += `M${at + 0.5} ${STRIP_HEIGHT}V${(STRIP_HEIGHT * (1 - Math.sqrt(sum) / most)).toFixed(2)}`
  return <svg className="slider-strip" viewBox={`0 0 ${Math.max(1, count)} ${STRIP_HEIGHT}`} preserveAspectRatio="none" aria-hidden="true"><path d={path} /></svg>
}

interface SliderProps {
  cursor: Cursor
  run: Run
  unit: string
  /** Shadow prices added up, by position of the interval in the day. */
  sums: ReadonlyMap<number, number>
}

/** The day of the map: play, step, drag; the strip tells where it is worth looking. */
export function TimeSlider({ cursor, run, unit, sums }: SliderProps) {
  const { clock, intervals, at, playing } = cursor
  const index = at === undefined ? 0 : Math.max(0, intervals.findLastIndex((start) => start <= at))
  const words = at === undefined ? 'no interval yet' : `${cursor.day} ${hourEndingText(cursor.tz, clock.zone, at)}${intervalText(clock.zone, at, at + stepMs(run))} ${clock.abbreviation}`
  const total = (cursor.dayEnd - cursor.dayStart) / stepMs(run)
  return (
    <div className="slider">
      <button type="button" className="button small" onClick={() => cursor.play(!playing)} aria-label={playing ? 'Pause (Space)' : 'Play the day (Space)'}><Icon name={playing ? 'pause' : 'play'} size={14} /></button>
      <button type="button" className="button small" onClick={() => cursor.step(-1)} aria-label="One interval back ([)"><Icon name="left" size={14} /></button>
      <button type="button" className="button small" onClick={() => cursor.step(1)} aria-label="One interval on (])"><Icon name="right" size={14} /></button>
      <div className="slider-track">
        <Strip sums={sums} count={total} />
        <input type="range" min={0} max={Math.max(1, total - 1)} value={index} aria-label="Interval of the day" aria-valuetext={words} title={`Bars: shadow prices of the interval added up, ${unit}`} onChange={(event) => {
          const wanted = Math.min(Number(event.target.value), intervals.length - 1)
          const start = intervals[wanted]
          if (start !== undefined) cursor.choose(start)
        }} />
      </div>
      <DayInput day={cursor.day} choose={cursor.goToDay} />
      <button type="button" className="button small quiet desk-only" onClick={() => cursor.goToDay(addDays(cursor.day, -1))}>Day before</button>
      <button type="button" className="button small" disabled={cursor.follows} onClick={() => cursor.choose(undefined)}>{run === 'DA' ? 'This hour' : 'Newest'}</button>
    </div>
  )
}
