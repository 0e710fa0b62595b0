/** The answer of GET /v1/grid/explain: what made one price. */
export interface Explanation {
  location: string
  market_run: string
  interval_start: string
  interval_end: string
  as_of: string
  currency: string
  price_per_mwh: number
  energy_per_mwh: number | null
  loss_per_mwh: number | null
  ghg_per_mwh: number | null
  congestion_per_mwh: number | null
  /** Largest first. */
  contributions: Contribution[]
  /** What rounding of published figures can leave. */
  tolerance_per_mwh: number
  verdict: 'explained' | 'unexplained' | 'no-congestion-part'
  /** Null: not known to the caller. */
  marginal_units: string[] | null
}

export interface Contribution {
  constraint: string
  contingency: string | null
  direction: string
  shadow_price_per_mwh: number
  /** Null: that it bound is known, what it did here is not. */
  shift_factor: number | null
  congestion_per_mwh: number | null
}

/** One bar of the waterfall: where it begins and ends on the price axis. */
export interface Step {
  kind: 'energy' | 'loss' | 'ghg' | 'constraint' | 'rest' | 'price'
  name: string
  value: number
  from: number
  to: number
  contribution?: Contribution
}

/** Below half of the last shown decimal there is nothing to tell. */
export const LEAST = 0.005

/** Return the bars from zero to the price: energy, loss, each constraint largest first, what they leave, the price. Contributions too small to show are in what is left. */
export function waterfall(told: Explanation): Step[] {
  const steps: Step[] = []
  let level = 0
  const add = (kind: Step['kind'], name: string, value: number, contribution?: Contribution) => {
    steps.push({ kind, name, value, from: level, to: level + value, ...(contribution === undefined ? {} : { contribution }) })
    level += value
  }
  if (told.energy_per_mwh !== null) add('energy', 'Energy', told.energy_per_mwh)
  if (told.loss_per_mwh !== null) add('loss', 'Loss', told.loss_per_mwh)
  if (told.ghg_per_mwh !== null) add('ghg', 'Greenhouse gas', told.ghg_per_mwh)
  for (const one of told.contributions) {
    if (one.congestion_per_mwh === null || Math.abs(one.congestion_per_mwh) >= LEAST) add('constraint', one.constraint, one.congestion_per_mwh ?? 0, one)
  }
  const rest = told.price_per_mwh - level
  if (Math.abs(rest) >= LEAST) add('rest', told.verdict === 'explained' && Math.abs(rest) <= told.tolerance_per_mwh ? 'Rounding' : 'Not explained', rest)
  steps.push({ kind: 'price', name: 'Price', value: told.price_per_mwh, from: 0, to: told.price_per_mwh })
  return steps
}

/** Return the shares of the width, 0 to 1, at which a bar begins and ends, and where zero lies. */
export function barOf(step: Step, steps: readonly Step[]): { start: number; width: number; zero: number } {
  const all = steps.flatMap(({ from, to }) => [from, to])
  const low = Math.min(0, ...all)
  const span = Math.max(0, ...all) - low || 1
  return { start: (Math.min(step.from, step.to) - low) / span, width: Math.abs(step.value) / span, zero: -low / span }
}
