/** The nine steps of the diverging scale, centred on a chosen reference. */
export const HEAT_STEPS = 9

export interface HeatScale {
  centre: number
  /** Distance from the centre at which the last step is reached; positive. */
  reach: number
}

/** Return the step 0..8 of `value`; the centre falls in step 4. */
export function heatStep(scale: HeatScale, value: number): number {
  const share = (value - scale.centre) / scale.reach
  return Math.max(0, Math.min(HEAT_STEPS - 1, Math.round(4 + share * 4)))
}

/**
 * Return a scale centred on the median (or on `centre`) that reaches the 95th percentile of distances, so that
 * one spike does not flatten the rest. Values that are not finite are left out. O(n log n).
 */
export function heatScale(values: Iterable<number>, centre?: number): HeatScale {
  const finite = [...values].filter(Number.isFinite).sort((a, b) => a - b)
  const middle = centre ?? finite[Math.floor(finite.length / 2)] ?? 0
  const distances = finite.map((value) => Math.abs(value - middle)).sort((a, b) => a - b)
  const reach = distances[Math.floor(0.95 * (distances.length - 1))] ?? 0
  return { centre: middle, reach: reach > 0 ? reach : 1 }
}
