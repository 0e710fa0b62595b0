/** Fit a layout to its window: our layouts have no geography, so they may be stretched, and buses that would lie on one another moved apart. */
import type { Bus } from './network'
import { type Size, fitted } from './view'

/** Stretched further than this the shape of the grid is no longer recognised. */
const MOST_STRETCH = 1.8
/** Distance between two buses in the fitted view, where there is room for it, in pixels. */
const APART_PX = 27
const MOST_MOVED = 400
const TURNS = 40

export interface Layout {
  buses: readonly Bus[]
  /** What the layout's coordinates were divided by: `x` in a tall window, `y` in a wide one. */
  shrunk: { x: number; y: number }
  /** Extent in layout units squared. */
  area: number
}

function extentOf(values: readonly number[]): number {
  return Math.max(1e-6, Math.max(...values) - Math.min(...values))
}

/** Move buses nearer than `least` away from one another, both by half. O(turns n²). */
function apart(places: { x: number; y: number }[], least: number): void {
  for (let turn = 0; turn < TURNS; turn += 1) {
    let isMoved = false
    for (let a = 0; a < places.length; a += 1) {
      for (let b = a + 1; b < places.length; b += 1) {
        const [one, other] = [places[a], places[b]]
        if (one === undefined || other === undefined) continue
        const [dx, dy] = [other.x - one.x, other.y - one.y]
        const distance = Math.hypot(dx, dy)
        if (distance >= least * 0.999) continue
        // Buses at the same place part sideways.
        const [ux, uy] = distance === 0 ? [1, 0] : [dx / distance, dy / distance]
        const by = (least - distance) / 2
        one.x -= ux * by
        one.y -= uy * by
        other.x += ux * by
        other.y += uy * by
        isMoved = true
      }
    }
    if (!isMoved) return
  }
}

const inside = (value: number) => Math.max(0, Math.min(1, value))

/** Return the layout as this window shows it: as wide as the window where the grid's shape allows, its buses apart. */
export function spread(buses: readonly Bus[], size: Size): Layout {
  const none = { buses, shrunk: { x: 1, y: 1 }, area: 1 }
  if (buses.length < 2 || size.width === 0 || size.height === 0) return none
  const [wide, high] = [extentOf(buses.map(({ x }) => x)), extentOf(buses.map(({ y }) => y))]
  const ratio = size.width / wide / (size.height / high)
  const shrunk = { x: Math.min(MOST_STRETCH, Math.max(1, 1 / ratio)), y: Math.min(MOST_STRETCH, Math.max(1, ratio)) }
  const places = buses.map((bus) => ({ x: bus.x / shrunk.x, y: bus.y / shrunk.y }))
  const area = (wide / shrunk.x) * (high / shrunk.y)
  if (buses.length <= MOST_MOVED) {
    const { scale } = fitted(places, size)
    apart(places, Math.min(APART_PX / scale, 0.5 * Math.sqrt(area / buses.length)))
  }
  return { buses: buses.map((bus, at) => ({ ...bus, x: inside(places[at]?.x ?? bus.x), y: inside(places[at]?.y ?? bus.y) })), shrunk, area }
}
