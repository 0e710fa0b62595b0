import type { Rows } from '@/lib/api/dataset-rows'

export interface Bus {
  name: string
  /** MARKET:NAME, where its price is settled. */
  location: string
  /** Own layout, 0 to 1, y upwards. */
  x: number
  y: number
  base_kv: number
}

export interface Branch {
  name: string
  /** Positions in `buses`. */
  from: number
  to: number
  /** NaN: none. */
  rating_mw: number
}

export interface Generator {
  name: string
  location: string
  capacity_mw: number
  fuel: string
}

/** A grid as the map draws it: buses that have a place, branches between them. */
export interface Network {
  name: string
  /** The instant from which it holds; NaN where that is not known. */
  since: number
  buses: readonly Bus[]
  branches: readonly Branch[]
  generators: readonly Generator[]
  /** Buses without a place in the layout, and branches whose ends are not both on the map. */
  unplaced: number
  /** Position of a bus by location. */
  busAt: ReadonlyMap<string, number>
  branchAt: ReadonlyMap<string, number>
}

/** Return the network with the most rows; a market may have several. O(n). */
export function networkOf(rows: Rows<'grid.networks'>): Network | undefined {
  const counts = new Map<string, number>()
  for (let row = 0; row < rows.count; row += 1) counts.set(rows.text('network', row), (counts.get(rows.text('network', row)) ?? 0) + 1)
  const name = [...counts].sort((a, b) => b[1] - a[1])[0]?.[0]
  if (name === undefined) return undefined
  const of = (kind: string) => Array.from({ length: rows.count }, (_, row) => row).filter((row) => rows.text('network', row) === name && rows.text('kind', row) === kind)
  let unplaced = 0
  const buses: Bus[] = []
  const busAt = new Map<string, number>()
  for (const row of of('bus')) {
    const bus = { name: rows.text('element', row), location: rows.text('location', row), x: rows.number('x', row), y: rows.number('y', row), base_kv: rows.number('base_kv', row) }
    if (!Number.isFinite(bus.x + bus.y)) unplaced += 1
    else {
      busAt.set(bus.location, buses.length)
      buses.push(bus)
    }
  }
  const branches: Branch[] = []
  const branchAt = new Map<string, number>()
  for (const row of of('branch')) {
    const from = busAt.get(rows.text('from_bus', row))
    const to = busAt.get(rows.text('to_bus', row))
    if (from === undefined || to === undefined) {
      unplaced += 1
      continue
    }
    branchAt.set(rows.text('element', row), branches.length)
    branches.push({ name: rows.text('element', row), from, to, rating_mw: rows.number('rating_mw', row) })
  }
  const generators = of('generator').map((row) => ({ name: rows.text('element', row), location: rows.text('location', row), capacity_mw: rows.number('capacity_mw', row), fuel: rows.text('fuel', row) }))
  const since = Math.max(...of('bus').map((row) => rows.instant('interval_start', row)))
  return { name, since, buses, branches, generators, unplaced, busAt, branchAt }
}

/** A limit on a branch. */
export interface Constraint {
  name: string
  monitored: string
  direction: string
  /** Empty: the base case. */
  contingency: string
  limit_mw: number
  from: string
  to: string
}

export function constraintsOf(rows: Rows<'grid.constraints'>): Map<string, Constraint> {
  const found = new Map<string, Constraint>()
  for (let row = 0; row < rows.count; row += 1) {
    const name = rows.text('constraint', row)
    found.set(name, {
      name, monitored: rows.text('monitored', row), direction: rows.text('direction', row), contingency: rows.text('contingency', row), limit_mw: rows.number('limit_mw', row),
      from: rows.text('from_bus', row), to: rows.text('to_bus', row),
    })
  }
  return found
}
