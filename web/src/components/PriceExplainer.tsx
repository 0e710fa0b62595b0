import { useQuery } from '@tanstack/react-query'
import { getJson } from '@/lib/api/client'
import { snippets } from '@/lib/api/snippets'
import { type Contribution, type Explanation, type Step, barOf, waterfall } from '@/lib/grid/explained'
import { isoInstant } from '@/lib/time/format'
import { numberText, signedText } from '@/lib/units/format'
import { useScope } from '@/lib/url/scope'
import { Link } from './Link'
import { SnippetTabs } from './SnippetTabs'
import { InstantLabel } from './labels'
import { QueryStates } from './states'

const PATH = '/v1/grid/explain'

interface ExplainerProps {
  location: string
  market: string
  run: string
  /** Start of the interval. */
  start: number
  /** Programs that give the same figures; left out where another panel has them. */
  withPrograms?: boolean
}

function Bar({ step, steps }: { step: Step; steps: readonly Step[] }) {
  const { start, width, zero } = barOf(step, steps)
  const tone = step.kind === 'rest' ? 'rest' : step.kind === 'constraint' ? (step.value < 0 ? 'down' : 'up') : 'whole'
  return (
    <svg className="fall-bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
      <line x1={zero * 100} x2={zero * 100} y1="0" y2="10" />
      <rect className={tone} x={start * 100} width={Math.max(0.6, width * 100)} y="1" height="8" />
    </svg>
  )
}

/** Shift factor times shadow price, with the minus of an upper limit written out. */
function productText({ direction, shift_factor, shadow_price_per_mwh }: Contribution): string {
  if (shift_factor === null) return `shift factor not known × ${numberText(shadow_price_per_mwh)}`
  const factor = numberText(shift_factor, 4)
  return `${direction === 'to_from' ? '' : '− '}${direction !== 'to_from' && shift_factor < 0 ? `(${factor})` : factor} × ${numberText(shadow_price_per_mwh)}`
}

function StepRow({ step, steps }: { step: Step; steps: readonly Step[] }) {
  const made = step.contribution
  return (
    <tr className={step.kind}>
      <th scope="row">
        {made === undefined ? step.name : <Link to="/constraints" patch={{ row: made.constraint }}>{step.name}</Link>}
        {made === undefined ? null : <div className="dim small nowrap">{productText(made)}</div>}
        {step.kind === 'rest' ? <div className="dim small">{step.name === 'Rounding' ? 'of the published figures, and parts below 0.005' : 'what the parts leave of the price'}</div> : null}
      </th>
      <td className="fall-cell"><Bar step={step} steps={steps} /></td>
      <td className="number">{step.kind === 'price' || step.kind === 'energy' ? numberText(step.value) : made?.congestion_per_mwh === null ? 'not known' : signedText(step.value)}</td>
    </tr>
  )
}

function Told({ told, market, programs }: { told: Explanation; market: string; programs: boolean }) {
  const { asOf } = useScope()
  const steps = waterfall(told)
  const unit = `${told.currency}/MWh`
  const query = { location: told.location, market_run: told.market_run, interval_start: told.interval_start, as_of: asOf ?? told.as_of }
  return (
    <>
      <table className="grid-table dense fall">
        <caption className="visually-hidden">What makes the price: energy, loss, each constraint, and what is left</caption>
        <thead><tr><th>Part, <span className="dim">shift factor × shadow price</span></th><th aria-label="Bar" /><th className="number">{unit}</th></tr></thead>
        <tbody>{steps.map((step) => <StepRow key={`${step.kind} ${step.name}`} step={step} steps={steps} />)}</tbody>
      </table>
      <dl className="facts">
        {told.energy_per_mwh === null || told.congestion_per_mwh === null ? <><dt>Parts</dt><dd>not all published with this price</dd></> : null}
        <dt>Marginal</dt><dd>{told.marginal_units === null ? <span className="dim">not known here</span> : told.marginal_units.length === 0 ? 'none' : told.marginal_units.join(', ')}</dd>
        <dt>Read as of</dt><dd><InstantLabel instant={Date.parse(told.as_of)} market={market} seconds />, run {told.market_run}</dd>
      </dl>
      {programs ? <SnippetTabs snippets={snippets(window.location.origin, PATH, query, null)} /> : null}
    </>
  )
}

/** One price taken apart: energy, loss, each constraint by shift factor and shadow price, and honestly what is left. */
export function PriceExplainer({ location, market, run, start, withPrograms = true }: ExplainerProps) {
  const { asOf } = useScope()
  const query = useQuery({
    queryKey: ['explain', location, run, start, asOf],
    queryFn: ({ signal }) => getJson<Explanation>(PATH, { location, market_run: run, interval_start: isoInstant(start), as_of: asOf }, signal),
    staleTime: 30_000,
  })
  return (
    <section className="stack explainer" aria-label={`What makes the ${run} price`}>
      <QueryStates query={query} lines={6} still="The other figures still hold.">{(told) => <Told told={told} market={market} programs={withPrograms} />}</QueryStates>
    </section>
  )
}
