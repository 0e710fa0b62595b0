import type { Point, Size } from '@/lib/grid/view'

const FONT = '11px "Inter Variable", system-ui, sans-serif'
const HALO_PX = 3
const HALF_PX = 6
const CELL_PX = 64
/** A label that crosses more than this is left out: pointing at the bus or looking closer tells it. */
const MOST_CROSSED = 2.5
/** Where a label may stand against its point: beside, then at the corners, then above and below. */
const SIDES: readonly (readonly [across: number, up: number])[] = [[1, 0], [-1, 0], [1, -1], [1, 1], [-1, -1], [-1, 1], [0, -1], [0, 1]]

export interface Box {
  left: number
  right: number
  top: number
  bottom: number
}

interface Crossed {
  a: Point
  b: Point
  weight: number
}

interface Look {
  color: string
  halo: string
}

const overlap = (one: Box, other: Box) => one.left < other.right && one.right > other.left && one.top < other.bottom && one.bottom > other.top

/** Whether the line from `a` to `b` enters the box (Liang and Barsky 1984). */
export function crosses(box: Box, a: Point, b: Point): boolean {
  const [dx, dy] = [b.x - a.x, b.y - a.y]
  let [from, to] = [0, 1]
  for (const [step, room] of [[-dx, a.x - box.left], [dx, box.right - a.x], [-dy, a.y - box.top], [dy, box.bottom - a.y]] as const) {
    if (step === 0) {
      if (room < 0) return false
    } else if (step < 0) from = Math.max(from, room / step)
    else to = Math.min(to, room / step)
  }
  return from <= to
}

/** Things by square of the window, so that a label looks only at what is near. */
class Near<Thing> {
  private readonly cells = new Map<number, Thing[]>()

  add(box: Box, thing: Thing): void {
    this.visit(box, (cell) => {
      const held = this.cells.get(cell)
      if (held === undefined) this.cells.set(cell, [thing])
      else held.push(thing)
    })
  }

  in(box: Box): Set<Thing> {
    const found = new Set<Thing>()
    this.visit(box, (cell) => this.cells.get(cell)?.forEach((thing) => found.add(thing)))
    return found
  }

  private visit(box: Box, each: (cell: number) => void): void {
    for (let row = Math.floor(box.top / CELL_PX); row <= Math.floor(box.bottom / CELL_PX); row += 1) {
      for (let column = Math.floor(box.left / CELL_PX); column <= Math.floor(box.right / CELL_PX); column += 1) each(row * 4096 + column)
    }
  }
}

/** Writes beside points where least lies below: never over a bus, another label or the edge, over lines only where no side is free. */
export class Labels {
  private readonly ctx: CanvasRenderingContext2D
  private readonly size: Size
  private readonly look: Look
  private readonly taken = new Near<Box>()
  private readonly lines = new Near<Crossed>()

  constructor(ctx: CanvasRenderingContext2D, size: Size, look: Look) {
    this.ctx = ctx
    this.size = size
    this.look = look
    ctx.font = FONT
    ctx.textBaseline = 'middle'
  }

  /** Keep labels off a mark. */
  block({ x, y }: Point, radius: number): void {
    const box = { left: x - radius, right: x + radius, top: y - radius, bottom: y + radius }
    this.taken.add(box, box)
  }

  /** Keep labels off a line where they can; `weight` says how much it is worth. */
  line(a: Point, b: Point, weight: number): void {
    const steps = Math.max(1, Math.ceil(Math.hypot(b.x - a.x, b.y - a.y) / CELL_PX))
    const line = { a, b, weight }
    for (let step = 0; step < steps; step += 1) {
      const [p, q] = [step, step + 1].map((one) => ({ x: a.x + ((b.x - a.x) * one) / steps, y: a.y + ((b.y - a.y) * one) / steps })) as [Point, Point]
      const piece = { left: Math.min(p.x, q.x), right: Math.max(p.x, q.x), top: Math.min(p.y, q.y), bottom: Math.max(p.y, q.y) }
      if (overlap(piece, { left: 0, top: 0, right: this.size.width, bottom: this.size.height })) this.lines.add(piece, line)
    }
  }

  /** Write beside a point, `gap` pixels away; `must` writes over lines rather than not at all. */
  write(point: Point, text: string, gap: number, must: boolean): void {
    const width = this.ctx.measureText(text).width
    let best: Box | undefined
    let least = must ? Infinity : MOST_CROSSED
    SIDES.forEach(([across, up], rank) => {
      const box = this.boxOf(point, width, gap, across, up)
      const cost = rank * 0.1 + this.cost(box)
      if (cost < least) [best, least] = [box, cost]
    })
    if (best === undefined) return
    this.taken.add(best, best)
    const { ctx, look } = this
    const [x, y] = [best.left + 1, (best.top + best.bottom) / 2]
    ctx.lineWidth = HALO_PX
    ctx.strokeStyle = look.halo
    ctx.strokeText(text, x, y)
    ctx.fillStyle = look.color
    ctx.fillText(text, x, y)
  }

  private boxOf({ x, y }: Point, width: number, far: number, across: number, up: number): Box {
    const gap = across !== 0 && up !== 0 ? far * 0.75 : far
    const left = across > 0 ? x + gap : across < 0 ? x - gap - width : x - width / 2
    const middle = up === 0 ? y : y + up * (across === 0 ? gap + HALF_PX : gap)
    return { left: left - 1, right: left + width + 1, top: middle - HALF_PX, bottom: middle + HALF_PX }
  }

  private cost(box: Box): number {
    if (box.left < 0 || box.top < 0 || box.right > this.size.width || box.bottom > this.size.height) return Infinity
    for (const one of this.taken.in(box)) if (overlap(one, box)) return Infinity
    let cost = 0
    for (const { a, b, weight } of this.lines.in(box)) if (crosses(box, a, b)) cost += weight
    return cost
  }
}
