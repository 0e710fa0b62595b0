import { useCallback, useMemo } from 'react'
import TimeChart, { type ChartBand, type ChartSeries } from '@/components/TimeChart'
import { type MarketClock, marketClock, type ZoneChoice } from '@/lib/time/markets'
import { clockText, isoInstant } from '@/lib/time/format'
import type { MarketHour } from '@/lib/time/zone'
import { setParams } from '@/lib/url/use-place'
import { type PriceDay, stacked } from './day-data'

const PRICE_SERIES: ChartSeries[] = [
  { label: 'DA', color: 'dim', dash: [5, 3], width: 1.5 },
  { label: 'RT5', color: 'accent', width: 1.5 },
]
const PARTS = [['Energy', 'dim'], ['Congestion', 'accent'], ['Loss', 'warn']] as const
/** Three outlines upward, three downward; the space between two outlines is a part. Invisible lines carry the exact parts for the legend. */
const PART_SERIES: ChartSeries[] = [
  ...PARTS.map(([label, color]): ChartSeries => ({ label, color, width: 0 })),
  ...PARTS.flatMap(([label, color], index): ChartSeries[] => [{ label: `${label} up`, color, quiet: true, ...(index === 0 ? { fill: color } : {}) }]),
  ...PARTS.flatMap(([label, color], index): ChartSeries[] => [{ label: `${label} down`, color, quiet: true, ...(index === 0 ? { fill: color } : {}) }]),
]
const PART_BANDS: ChartBand[] = [
  { series: [5, 4], color: 'accent' }, { series: [6, 5], color: 'warn' },
  { series: [7, 8], color: 'accent' }, { series: [8, 9], color: 'warn' },
]

interface ChartsProps {
  day: PriceDay
  hours: readonly MarketHour[]
  clock: MarketClock
  market: string
  tz: ZoneChoice
  unit: string
  at: number | undefined
}

/** Day-ahead against real time, and what the real-time price is made of, on one linked cursor. */
export default function DayCharts({ day, hours, clock, market, tz, unit, at }: ChartsProps) {
  const ticks = useMemo(() => hours.map((hour) => ({ at_s: hour.start / 1000, mark_s: (tz === 'market' ? hour.end : hour.start) / 1000, clock: clockText(clock.zone, hour.start).slice(0, 2), label: tz === 'market' ? hour.label : clockText(clock.zone, hour.start).slice(0, 2) })), [hours, tz, clock.zone])
  const prices = useMemo(() => [day.da, day.rt], [day])
  const parts = useMemo(() => {
    const lines = [day.energy, day.congestion, day.loss]
    const { up, down } = stacked(lines)
    return [...lines, ...up, ...down]
  }, [day])
  const pick = useCallback((at_s: number) => setParams({ at: isoInstant(at_s * 1000) }, 'replace'), [])
  const words = tz === 'market' ? `hour ending, ${marketClock(market).abbreviation}` : `hour starting, ${clock.abbreviation}`
  const common = { time_s: day.time_s, end_s: (hours.at(-1)?.end ?? 0) / 1000, ticks, unit, linked: 'price-day', selected_s: at === undefined ? undefined : at / 1000, onPick: pick }
  return (
    <>
      <figure>
        <figcaption><h2>Day-ahead against real time</h2><span className="dim small">{unit}, {words}</span></figcaption>
        <TimeChart {...common} label="Day-ahead and real-time price" values={prices} series={PRICE_SERIES} height={200} />
      </figure>
      <figure>
        <figcaption><h2>Parts of the real-time price</h2><span className="dim small">{unit}, stacked from zero</span></figcaption>
        <TimeChart {...common} label="Energy, congestion and loss" values={parts} series={PART_SERIES} bands={PART_BANDS} height={150} />
      </figure>
    </>
  )
}
