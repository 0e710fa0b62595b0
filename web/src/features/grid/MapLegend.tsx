import { LOADING_STEPS } from '@/lib/grid/loading'
import { HEAT_STEPS, type HeatScale } from '@/lib/units/heat'
import { numberText } from '@/lib/units/format'

/** What the colours, widths and signs of the map mean. */
export function MapLegend({ scale, unit, hasFlows }: { scale: HeatScale; unit: string; hasFlows: boolean }) {
  return (
    <div className="map-legend small">
      <span className="dim">Price, {unit}</span>
      <span className="ramp">
        <span>{numberText(scale.centre - scale.reach, 0)}</span>
        {Array.from({ length: HEAT_STEPS }, (_, step) => <i key={step} className={`dot map-heat-${step}`} />)}
        <span>{numberText(scale.centre + scale.reach, 0)}</span>
      </span>
      <span className="dim desk-only">middle {numberText(scale.centre)}: half of the buses are below it</span>
      <span className="dim">Loading</span>
      {hasFlows ? LOADING_STEPS.map((step) => <span key={step.words} className="key"><svg width="22" height="8" aria-hidden="true"><line x1="1" x2="21" y1="4" y2="4" className={step.color} strokeWidth={step.width} /></svg>{step.words}</span>) : <span>flows are not published for this market</span>}
      <span className="key"><svg width="30" height="12" aria-hidden="true"><line x1="1" x2="29" y1="6" y2="6" className="rail-out" strokeWidth="8" /><line x1="1" x2="29" y1="6" y2="6" className="rail-in" strokeWidth="5.6" /><line x1="1" x2="29" y1="6" y2="6" className="load-3" strokeWidth="3.4" /><path d="M20 6l-8-5v10z" /></svg>binds, with its direction</span>
      <span className="key desk-only"><i className="plant" />generator</span>
    </div>
  )
}
