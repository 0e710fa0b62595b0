import { type KeyboardEvent, useEffect, useRef } from 'react'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import './time-chart.css'
import { token, useTheme } from '@/lib/theme'
import { numberText } from '@/lib/units/format'
import { grip, show, spanOf, stretched } from './chart-grip'

export interface ChartSeries {
  label: string
  /** A token name: accent, dim, warn. */
  color: string
  width?: number
  dash?: number[]
  /** Token of the area below, at 40 percent. */
  fill?: string
  /** Leave out of the legend: outlines that only carry a band. */
  quiet?: boolean
}

export interface ChartBand {
  series: [number, number]
  color: string
}

export interface ChartTick {
  at_s: number
  /** Where the label stands: an hour-ending label at the end of its hour. */
  mark_s: number
  /** Empty: an hour that only the legend tells. */
  label: string
  /** Two digits of the hour on the wall, for the legend. */
  clock: string
}

interface TimeChartProps {
  label: string
  time_s: number[]
  values: number[][]
  /** Until when the last value holds. */
  end_s: number
  series: ChartSeries[]
  bands?: ChartBand[]
  ticks: ChartTick[]
  unit: string
  height: number
  /** Charts of one key share the cursor. */
  linked: string
  selected_s?: number | undefined
  onPick?: ((at_s: number) => void) | undefined
}

function markerColor(props: { series: readonly ChartSeries[] }, index: number): string {
  const one = props.series[index - 1]
  return one === undefined ? 'transparent' : token(one.color)
}

const FONT = '11px "Inter Variable", system-ui, sans-serif'
const LABEL_PX = 34
const alpha = (color: string, share: number) => `color-mix(in srgb, ${color} ${Math.round(share * 100)}%, transparent)`

function tellChosen(plot: uPlot, selected_s: number | undefined): void {
  const idx = selected_s === undefined ? -1 : plot.data[0].indexOf(selected_s)
  if (idx >= 0) plot.setLegend({ idx }, false)
}

/** Draw the chosen interval as a line, and zero when it is in range. */
function marks(selected_s: number | undefined): uPlot.Plugin {
  return {
    hooks: {
      // With no cursor over the chart the legend tells the chosen interval.
      setCursor: (plot) => {
        if (plot.cursor.idx === null || plot.cursor.idx === undefined) tellChosen(plot, selected_s)
      },
      drawClear: (plot) => {
        const { ctx, bbox } = plot
        const zero = plot.valToPos(0, 'y', true)
        ctx.save()
        if (zero > bbox.top && zero < bbox.top + bbox.height) {
          // Filled, not stroked: a stroke takes the width that the last draw left behind.
          ctx.fillStyle = token('line-strong')
          ctx.fillRect(bbox.left, Math.round(zero), bbox.width, window.devicePixelRatio)
        }
        const at = selected_s === undefined ? Number.NaN : plot.valToPos(selected_s, 'x', true)
        if (at >= bbox.left && at <= bbox.left + bbox.width) {
          ctx.fillStyle = alpha(token('accent'), 0.35)
          ctx.fillRect(Math.round(at), bbox.top, 2 * window.devicePixelRatio, bbox.height)
        }
        ctx.restore()
      },
    },
  }
}

/** Decimals that tell the marks of an axis apart: 2.5 apart needs one. */
export function decimalsFor(step: number): number {
  return [0, 1, 2].find((decimals) => Math.abs(step * 10 ** decimals - Math.round(step * 10 ** decimals)) < 1e-6) ?? 3
}

/** Steps while each has room; where many fall on one pixel uPlot's line, which draws least and most of each pixel, looks the same and costs a tenth. */
function pathsOf(): uPlot.Series.PathBuilder {
  const stepped = uPlot.paths.stepped?.({ align: 1 })
  const line = uPlot.paths.linear?.()
  return (plot, index, from, to) => ((to - from > plot.bbox.width ? line : stepped)?.(plot, index, from, to)) ?? null
}

/** The interval of a point; the last point is only the end of the last one. */
const intervalAt = (plot: uPlot, index: number) => Math.max(0, Math.min(index, plot.data[0].length - 2))

function wholeOf({ time_s, end_s }: TimeChartProps) {
  return { low: time_s[0] ?? 0, high: end_s }
}

function options(props: TimeChartProps, width: number): uPlot.Options {
  const paths = pathsOf()
  const axis = { stroke: token('dim'), font: FONT, grid: { stroke: token('line'), width: 1 }, ticks: { show: false } }
  const marked = props.ticks.filter((tick) => tick.label !== '')
  const every = Math.max(1, Math.ceil((marked.length * LABEL_PX) / width))
  const labels = new Map(props.ticks.map((tick) => [tick.mark_s, tick.label]))
  const whole = wholeOf(props)
  return {
    width, height: props.height, padding: [8, 8, 0, 0],
    cursor: { sync: { key: props.linked }, dataIdx: (plot, _series, index) => intervalAt(plot, index), points: { size: 6 }, drag: { x: true, y: false } },
    legend: { show: true, live: true, markers: { show: true, width: 2, stroke: (_plot, index) => markerColor(props, index), fill: (_plot, index) => markerColor(props, index) } },
    plugins: [marks(props.selected_s), grip(props.linked, () => whole)],
    scales: { x: { time: false, range: (_plot, low, high) => [low, high] } },
    axes: [
      {
        ...axis, size: 24, values: (_plot, splits) => splits.map((at) => labels.get(at) ?? ''),
        splits: (_plot, _index, low, high) => {
          const near = Math.max(1, Math.ceil(every * (high - low) / (whole.high - whole.low)))
          return marked.filter((tick, index) => index % near === near - 1 && tick.mark_s >= low && tick.mark_s <= high).map((tick) => tick.mark_s)
        },
      },
      { ...axis, size: 46, space: 32, values: (_plot, splits) => splits.map((value) => numberText(value, decimalsFor((splits[1] ?? 1) - (splits[0] ?? 0)))) },
    ],
    series: [
      { label: 'Interval', value: (_plot, value) => (typeof value === 'number' ? tickOf(props.ticks, value) : '–') },
      ...props.series.map((one): uPlot.Series => ({
        label: one.label, paths, width: one.width ?? 1.5, points: { show: false }, stroke: one.quiet === true ? 'transparent' : token(one.color),
        ...(one.dash === undefined ? {} : { dash: one.dash }), ...(one.fill === undefined ? {} : { fill: alpha(token(one.fill), 0.4) }),
        class: one.quiet === true ? 'quiet' : 'said', value: (_plot, value) => numberText(value),
      })),
    ],
    bands: props.bands?.map((band) => ({ series: band.series, fill: alpha(token(band.color), 0.4) })) ?? [],
  }
}

/** The start of a slot on the wall, such as 14:35. */
function tickOf(ticks: readonly ChartTick[], at_s: number): string {
  const tick = ticks.findLast((one) => one.at_s <= at_s)
  return tick === undefined ? '–' : `${tick.clock}:${String(Math.round((at_s - tick.at_s) / 60)).padStart(2, '0')}`
}

/** Series over time by uPlot: stepped because a price holds for its interval; NaN is drawn as a gap. Drag, pinch and + zoom, two fingers pan, double click and 0 reset, arrows choose the interval. */
export default function TimeChart(props: TimeChartProps) {
  const host = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | undefined>(undefined)
  const theme = useTheme()
  const { time_s, end_s, values, onPick, selected_s } = props
  const shape = JSON.stringify([props.series, props.bands, props.ticks[0], props.ticks.length, props.end_s, props.selected_s, props.height, theme])

  useEffect(() => {
    const node = host.current
    if (node === null) return undefined
    const chart = new uPlot(options(props, node.clientWidth), [[], ...props.series.map(() => [])], node)
    plot.current = chart
    const watcher = new ResizeObserver(() => {
      if (node.clientWidth > 0 && node.clientWidth !== chart.width) chart.setSize({ width: node.clientWidth, height: props.height })
    })
    watcher.observe(node)
    const pick = () => {
      const index = chart.cursor.idx
      const at_s = index === null || index === undefined ? undefined : chart.data[0][intervalAt(chart, index)]
      if (at_s !== undefined && chart.select.width < 4) onPick?.(at_s)
    }
    chart.over.addEventListener('click', pick)
    return () => {
      watcher.disconnect()
      plot.current = undefined
      chart.destroy()
    }
    // eslint-disable-next-line react-hooks/exhaustive-deps -- `shape` names everything that needs a new chart; data is set below
  }, [shape, onPick])

  useEffect(() => {
    // The last interval has a width too: its value stands until its end.
    const gapped = values.map((line) => line.concat(line.at(-1) ?? Number.NaN).map((value) => (Number.isFinite(value) ? value : null)))
    const chart = plot.current
    if (chart === undefined) return
    chart.setData([time_s.concat(end_s), ...gapped])
    if (chart.cursor.idx === null || chart.cursor.idx === undefined) tellChosen(chart, selected_s)
  }, [time_s, end_s, values, shape, selected_s])

  const onKey = (event: KeyboardEvent) => {
    const chart = plot.current
    if (chart === undefined || event.ctrlKey || event.altKey || event.metaKey) return
    const whole = wholeOf(props)
    const now = spanOf(chart)
    const factor = { '+': 0.5, '=': 0.5, '-': 2 }[event.key]
    const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -12, PageDown: 12 }[event.key]
    if (step !== undefined) {
      const at = time_s.findLastIndex((one) => one <= (selected_s ?? whole.high))
      const next = time_s[Math.max(0, Math.min(time_s.length - 1, at + step))]
      if (next !== undefined) onPick?.(next)
    } else if (factor !== undefined) show(chart, props.linked, stretched(now, factor, selected_s ?? (now.low + now.high) / 2), whole)
    else if (event.key === '0') show(chart, props.linked, whole, whole)
    else return
    event.preventDefault()
  }
  const label = `${props.label}, ${props.unit}`
  if (onPick === undefined) return <div ref={host} className="time-chart" role="img" aria-label={label} />
  const at = selected_s ?? time_s[0] ?? 0
  const row = time_s.indexOf(at)
  const told = props.series.flatMap((one, index) => (one.quiet === true ? [] : [`${one.label} ${numberText(values[index]?.[row])}`]))
  return (
    <div ref={host} className="time-chart" role="slider" tabIndex={0} onKeyDown={onKey} aria-label={label} aria-valuemin={time_s[0] ?? 0} aria-valuemax={time_s.at(-1) ?? 0} aria-valuenow={at}
      aria-valuetext={`${tickOf(props.ticks, at)}, ${told.join(', ')}`} />
  )
}
