import { InstantLabel, StatusPill, type Tone } from '@/components/labels'
import type { EntitlementTuple, Grant } from '@/lib/api/types'
import { useNowEvery } from '@/lib/time/use-now'
import { type Intent, type LineState, lineOf, lineText, speaksOf, stateOf } from './lines'

const TONES: Record<LineState, Tone> = { 'in force': 'ok', 'to come': 'warn', ended: 'dim' }
const code = (text: string) => (text === '*' ? <span className="dim">every</span> : text)

interface TableProps {
  grants: readonly Grant[]
  /** Lines that speak of this cell of the matrix are marked. */
  chosen: EntitlementTuple | undefined
  /** Absent for those who may only look. */
  act: ((intent: Intent) => void) | undefined
}

/** The lines that make the matrix what it is, in their order. */
export function LinesTable({ grants, chosen, act }: TableProps) {
  const now = useNowEvery(1000)
  return (
    <table className="grid-table access-table lines-table">
      <thead><tr><th>Effect</th><th>Market</th><th>Product</th><th>Channel</th><th>From</th><th>To</th><th>State</th><th><span className="visually-hidden">Actions</span></th></tr></thead>
      <tbody>
        {grants.map((grant, index) => {
          const line = lineOf(grant)
          const state = stateOf(line, now)
          const marked = chosen !== undefined && speaksOf(line, chosen)
          return (
            <tr key={index} className={`${state === 'ended' ? 'gone' : ''}${marked ? ' marked' : ''}`}>
              <td data-head="Effect"><span className={line.deny ? 'warn' : undefined}>{line.deny ? 'deny' : 'grant'}</span>{marked ? <span className="visually-hidden">, speaks of the chosen cell</span> : null}</td>
              <td data-head="Market">{code(line.market)}</td><td data-head="Product">{code(line.product)}</td><td data-head="Channel">{code(line.channel)}</td>
              <td data-head="From">{line.valid_from === null ? <span className="dim">always</span> : <InstantLabel instant={Date.parse(line.valid_from)} />}</td>
              <td data-head="To">{line.valid_to === null ? <span className="dim">no end</span> : <InstantLabel instant={Date.parse(line.valid_to)} />}</td>
              <td data-head="State"><StatusPill tone={TONES[state]}>{state}</StatusPill></td>
              <td className="number actions">
                {act === undefined ? null : state === 'ended'
                  ? <button type="button" className="button small quiet" aria-label={`Remove ${lineText(line)}`} onClick={() => act({ verb: 'remove', line })}>Remove…</button>
                  : <button type="button" className="button small quiet" aria-label={`End ${lineText(line)}`} onClick={() => act({ verb: 'end', line })}>End…</button>}
              </td>
            </tr>
          )
        })}
      </tbody>
    </table>
  )
}
