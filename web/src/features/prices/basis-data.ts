import type { Rows } from '@/lib/api/dataset-rows'

/** How a location stood against a hub in one hour of the day, over a month. */
export interface BasisHour {
  /** Local hour 00 to 23 at its start, or all. */
  block: string
  q05: number
  q25: number
  q50: number
  q75: number
  q95: number
  mean: number
  observations: number
}

const LEVELS = { '0.05': 'q05', '0.25': 'q25', '0.5': 'q50', '0.75': 'q75', '0.95': 'q95', mean: 'mean' } as const

/** Return the hours of a surface in their order, and the whole day after them. */
export function basisHours(rows: Rows<'grid.basis_surface'>): BasisHour[] {
  const found = new Map<string, BasisHour>()
  for (let row = 0; row < rows.count; row += 1) {
    const block = rows.text('hour_block', row)
    const level = LEVELS[rows.text('quantile', row) as keyof typeof LEVELS] as (typeof LEVELS)[keyof typeof LEVELS] | undefined
    const held = found.get(block) ?? { block, q05: Number.NaN, q25: Number.NaN, q50: Number.NaN, q75: Number.NaN, q95: Number.NaN, mean: Number.NaN, observations: Number.NaN }
    held.observations = rows.number('observations', row)
    if (level !== undefined) held[level] = rows.number('basis_per_mwh', row)
    found.set(block, held)
  }
  return [...found.values()].filter(({ block }) => block === 'all' || /^\d\d$/.test(block)).sort((a, b) => (a.block < b.block ? -1 : 1))
}

/** Return the span that the ranges and zero lie in. */
export function extentOf(hours: readonly BasisHour[]): { low: number; high: number } {
  const known = hours.flatMap((one) => [one.q05, one.q95]).filter(Number.isFinite)
  return { low: Math.min(0, ...known), high: Math.max(0, ...known) }
}

/** Return the month after, YYYY-MM. */
export function monthAfter(month: string): string {
  const [year = 0, number = 0] = month.split('-').map(Number)
  return number === 12 ? `${year + 1}-01` : `${year}-${String(number + 1).padStart(2, '0')}`
}
