import type { Binding } from '@/lib/grid/binding'
import type { Network } from '@/lib/grid/network'
import type { Snapshot } from '@/lib/grid/queries'
import type { View } from '@/lib/grid/view'
import type { HeatScale } from '@/lib/units/heat'

/** A bus or a branch by position. */
export interface Mark {
  kind: 'bus' | 'branch'
  at: number
}

export interface Scene {
  /** The network laid out for its window. */
  network: Network
  /** Extent of the layout, in its units squared. */
  area: number
  snapshot: Snapshot | undefined
  /** Binding limits by branch; of several on one the dearest. */
  binding: ReadonlyMap<number, Binding>
  scale: HeatScale
  /** Buses with a generator. */
  plants: ReadonlySet<number>
  /** What a search found, when there is one; the rest is drawn faint. */
  found: ReadonlySet<number> | undefined
  selected: readonly Mark[]
  focus: Mark | undefined
}

export function isSame(a: Mark | undefined, b: Mark | undefined): boolean {
  return a?.kind === b?.kind && a?.at === b?.at
}

/** Return the room around a bus in pixels, on average. */
export function roomOf({ network, area }: Pick<Scene, 'network' | 'area'>, view: View): number {
  return view.scale * Math.sqrt(area / Math.max(1, network.buses.length))
}

/** Return the radius of a bus in pixels: large where there is room, never so small that it vanishes. */
export function busRadius(room: number): number {
  return Math.max(1.4, Math.min(8, 0.16 * room))
}
