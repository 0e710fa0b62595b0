/** The window on a map: layout coordinates 0..1 (y upwards) to CSS pixels (y downwards), and back. */
export interface View {
  /** Layout point in the middle of the window. */
  x: number
  y: number
  /** Pixels per unit of the layout. */
  scale: number
}

export interface Size {
  width: number
  height: number
}

export interface Point {
  x: number
  y: number
}

const MARGIN_PX = 44
const MOST_ZOOM = 64

export function toScreen(view: View, size: Size, point: Point): Point {
  return { x: size.width / 2 + (point.x - view.x) * view.scale, y: size.height / 2 - (point.y - view.y) * view.scale }
}

export function toLayout(view: View, size: Size, point: Point): Point {
  return { x: view.x + (point.x - size.width / 2) / view.scale, y: view.y - (point.y - size.height / 2) / view.scale }
}

/** Return the view that shows all points, as large as the window allows; a single point is shown in the middle. */
export function fitted(points: readonly Point[], size: Size): View {
  let [left, right, low, high] = [Infinity, -Infinity, Infinity, -Infinity]
  for (const { x, y } of points) {
    left = Math.min(left, x)
    right = Math.max(right, x)
    low = Math.min(low, y)
    high = Math.max(high, y)
  }
  if (left > right) return { x: 0.5, y: 0.5, scale: Math.min(size.width, size.height) }
  const across = Math.max(1, size.width - 2 * MARGIN_PX) / Math.max(right - left, 1e-6)
  const up = Math.max(1, size.height - 2 * MARGIN_PX) / Math.max(high - low, 1e-6)
  return { x: (left + right) / 2, y: (low + high) / 2, scale: Math.min(across, up, 1e6) }
}

/** Return the view `factor` times as large with the layout point under `at` where it is; between the fitted view and 64 times it. */
export function zoomed(view: View, size: Size, at: Point, factor: number, whole: View): View {
  const scale = Math.max(whole.scale, Math.min(whole.scale * MOST_ZOOM, view.scale * factor))
  const held = toLayout(view, size, at)
  return { x: held.x - (at.x - size.width / 2) / scale, y: held.y + (at.y - size.height / 2) / scale, scale }
}

/** Return the view moved by pixels; its middle never leaves the layout. */
export function panned(view: View, by: Point): View {
  return { ...view, x: Math.max(0, Math.min(1, view.x - by.x / view.scale)), y: Math.max(0, Math.min(1, view.y + by.y / view.scale)) }
}

const PLAIN = { x: 1, y: 1 }

/** Return the text of a view for the address: middle in the layout as it was declared, which this window `shrunk`, and zoom against the fitted view. */
export function formatView(view: View, whole: View, shrunk: Point = PLAIN): string | undefined {
  const zoom = view.scale / whole.scale
  if (Math.abs(zoom - 1) < 1e-3 && Math.abs(view.x - whole.x) + Math.abs(view.y - whole.y) < 1e-3) return undefined
  return `${(view.x * shrunk.x).toFixed(4)},${(view.y * shrunk.y).toFixed(4)},${zoom.toFixed(2)}`
}

export function parseView(text: string | undefined, whole: View, shrunk: Point = PLAIN): View {
  const [x, y, zoom] = (text ?? '').split(',').map(Number)
  if (x === undefined || y === undefined || zoom === undefined || !Number.isFinite(x + y + zoom)) return whole
  return { x: Math.max(0, Math.min(1, x / shrunk.x)), y: Math.max(0, Math.min(1, y / shrunk.y)), scale: whole.scale * Math.max(1, Math.min(MOST_ZOOM, zoom)) }
}
