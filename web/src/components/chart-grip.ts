import uPlot from 'uplot'

/** A stretch of the time axis in seconds. */
export interface Span {
  low: number
  high: number
}

const LEAST_S = 1800
const WHEEL_STEP = 1.002

/** Return the span clamped into `whole`: never shorter than half an hour, never outside. */
export function clamped({ low, high }: Span, whole: Span): Span {
  const length = Math.min(whole.high - whole.low, Math.max(LEAST_S, high - low))
  const from = Math.max(whole.low, Math.min(low, whole.high - length))
  return { low: from, high: from + length }
}

/** Return the span that keeps each held instant under its finger; one finger moves, two also stretch. Places are shares of the width. */
export function held(now: Span, instants: readonly number[], places: readonly number[]): Span {
  const [first = 0, second = first] = instants
  const [x1 = 0, x2 = x1] = places
  const length = instants.length < 2 || Math.abs(x2 - x1) < 0.01 ? now.high - now.low : Math.abs((second - first) / (x2 - x1))
  const low = first - x1 * length
  return { low, high: low + length }
}

/** Return the span made `factor` times as long around an instant. */
export function stretched({ low, high }: Span, factor: number, around: number): Span {
  return { low: around - (around - low) * factor, high: around + (high - around) * factor }
}

export function spanOf(plot: uPlot): Span {
  return { low: plot.scales['x']?.min ?? 0, high: plot.scales['x']?.max ?? 1 }
}

/** Show a span in every chart of the plot's key. */
export function show(plot: uPlot, key: string, span: Span, whole: Span): void {
  const { low, high } = clamped(span, whole)
  for (const one of new Set([plot, ...uPlot.sync(key).plots])) one.setScale('x', { min: low, max: high })
}

/** Fingers pan and pinch, Ctrl and the wheel (a trackpad's pinch too) zoom, the wheel sideways pans; the page keeps its upright scroll. */
export function grip(key: string, whole: () => Span): uPlot.Plugin {
  const fingers = new Map<number, { place: number; instant: number }>()
  const placeOf = (plot: uPlot, clientX: number) => {
    const { left, width } = plot.over.getBoundingClientRect()
    return (clientX - left) / width
  }
  const grab = (plot: uPlot) => {
    const { low, high } = spanOf(plot)
    for (const finger of fingers.values()) finger.instant = low + finger.place * (high - low)
  }
  return {
    hooks: {
      ready: (plot) => {
        const { over } = plot
        over.addEventListener('pointerdown', (event) => {
          if (event.pointerType !== 'touch') return
          fingers.set(event.pointerId, { place: placeOf(plot, event.clientX), instant: 0 })
          grab(plot)
        })
        over.addEventListener('pointermove', (event) => {
          const finger = fingers.get(event.pointerId)
          if (finger === undefined) return
          finger.place = placeOf(plot, event.clientX)
          const all = [...fingers.values()]
          show(plot, key, held(spanOf(plot), all.map((one) => one.instant), all.map((one) => one.place)), whole())
        })
        for (const end of ['pointerup', 'pointercancel'] as const) {
          over.addEventListener(end, (event) => {
            fingers.delete(event.pointerId)
            grab(plot)
          })
        }
        over.addEventListener('wheel', (event) => {
          const now = spanOf(plot)
          const length = now.high - now.low
          const isPan = !event.ctrlKey && Math.abs(event.deltaX) > Math.abs(event.deltaY)
          if (!event.ctrlKey && !isPan) return
          event.preventDefault()
          const shift = (event.deltaX / over.clientWidth) * length
          const next = isPan ? { low: now.low + shift, high: now.high + shift } : stretched(now, WHEEL_STEP ** event.deltaY, now.low + placeOf(plot, event.clientX) * length)
          show(plot, key, next, whole())
        }, { passive: false })
      },
    },
  }
}
