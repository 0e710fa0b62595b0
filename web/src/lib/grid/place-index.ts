import type { Branch, Bus } from './network'
import type { Point } from './view'

/** Finds the bus or branch at a point without looking at all of them: buses and pieces of branches by square of the layout. */
export class PlaceIndex {
  private readonly side: number
  private readonly buses: readonly Bus[]
  private readonly branches: readonly Branch[]
  private readonly busCells = new Map<number, number[]>()
  private readonly branchCells = new Map<number, number[]>()

  constructor(buses: readonly Bus[], branches: readonly Branch[]) {
    this.buses = buses
    this.branches = branches
    this.side = Math.max(4, Math.min(128, Math.ceil(Math.sqrt(buses.length))))
    buses.forEach((bus, at) => push(this.busCells, this.cell(bus), at))
    branches.forEach((branch, at) => {
      const [from, to] = this.ends(branch)
      const steps = Math.max(1, Math.ceil(Math.hypot(to.x - from.x, to.y - from.y) * this.side * 2))
      const seen = new Set<number>()
      for (let step = 0; step <= steps; step += 1) seen.add(this.cell({ x: from.x + ((to.x - from.x) * step) / steps, y: from.y + ((to.y - from.y) * step) / steps }))
      for (const cell of seen) push(this.branchCells, cell, at)
    })
  }

  /** Return the nearest bus within `reach` of the layout. */
  bus(point: Point, reach: number): number | undefined {
    return this.nearest(this.busCells, point, reach, (at) => distance(point, this.buses[at]))
  }

  branch(point: Point, reach: number): number | undefined {
    return this.nearest(this.branchCells, point, reach, (at) => {
      const branch = this.branches[at]
      return branch === undefined ? Infinity : toSegment(point, ...this.ends(branch))
    })
  }

  /** Return the nearest bus from `bus` in a direction, preferring what lies straight ahead; undefined at the edge. O(n). */
  beside(bus: number, way: Point): number | undefined {
    const here = this.buses[bus]
    let best: { at: number; cost: number } | undefined
    if (here === undefined) return undefined
    this.buses.forEach((other, at) => {
      const ahead = (other.x - here.x) * way.x + (other.y - here.y) * way.y
      if (at === bus || ahead <= 0) return
      const aside = Math.abs((other.x - here.x) * way.y - (other.y - here.y) * way.x)
      const cost = ahead + 2 * aside
      if (aside <= 2 * ahead && (best === undefined || cost < best.cost)) best = { at, cost }
    })
    return best?.at
  }

  private ends(branch: Branch): [Point, Point] {
    return [this.buses[branch.from] ?? { x: 0, y: 0 }, this.buses[branch.to] ?? { x: 0, y: 0 }]
  }

  private cell({ x, y }: Point): number {
    const column = Math.max(0, Math.min(this.side - 1, Math.floor(x * this.side)))
    return Math.max(0, Math.min(this.side - 1, Math.floor(y * this.side))) * this.side + column
  }

  private nearest(cells: ReadonlyMap<number, number[]>, point: Point, reach: number, away: (at: number) => number): number | undefined {
    const around = Math.ceil(reach * this.side)
    const middle = this.cell(point)
    let best: number | undefined
    let least = reach
    for (let up = -around; up <= around; up += 1) {
      for (let across = -around; across <= around; across += 1) {
        for (const at of cells.get(middle + up * this.side + across) ?? []) {
          const found = away(at)
          if (found <= least) [best, least] = [at, found]
        }
      }
    }
    return best
  }
}

function push(cells: Map<number, number[]>, cell: number, at: number): void {
  const held = cells.get(cell)
  if (held === undefined) cells.set(cell, [at])
  else held.push(at)
}

function distance(point: Point, other: Point | undefined): number {
  return other === undefined ? Infinity : Math.hypot(point.x - other.x, point.y - other.y)
}

/** Return how far a point is from a line between two others. */
export function toSegment(point: Point, from: Point, to: Point): number {
  const length2 = (to.x - from.x) ** 2 + (to.y - from.y) ** 2
  const along = length2 === 0 ? 0 : ((point.x - from.x) * (to.x - from.x) + (point.y - from.y) * (to.y - from.y)) / length2
  const share = Math.max(0, Math.min(1, along))
  return distance(point, { x: from.x + share * (to.x - from.x), y: from.y + share * (to.y - from.y) })
}
