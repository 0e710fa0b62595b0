import { type SyntheticEvent, useState } from 'react'
import type { EntitlementTuple, Entitlements } from '@/lib/api/types'
import { isoInstant } from '@/lib/time/format'
import { instantOfWall } from '@/lib/time/zone'
import { useClock } from '@/lib/url/scope'
import type { Line } from './lines'

interface FormProps {
  answer: Entitlements
  /** The tuple to begin with, and whether to deny it. */
  begin: EntitlementTuple & { deny: boolean }
  onLine: (line: Line) => void
  onCancel: () => void
}

const optional = (zone: string, text: string) => (text === '' ? null : isoInstant(instantOfWall(zone, text) ?? Number.NaN))

function Codes({ label, codes, value, set }: { label: string; codes: readonly string[]; value: string; set: (code: string) => void }) {
  return (
    <label>{label}
      <select className="input" value={value} onChange={(event) => set(event.target.value)}>
        <option value="*">every {label.toLowerCase()}</option>
        {codes.map((code) => <option key={code}>{code}</option>)}
      </select>
    </label>
  )
}

/** One line: grant or deny, for what, by which channel, from when to when. */
export function LineForm({ answer, begin, onLine, onCancel }: FormProps) {
  const clock = useClock()
  const [line, setLine] = useState(begin)
  const [from, setFrom] = useState('')
  const [to, setTo] = useState('')
  const disordered = from !== '' && to !== '' && to <= from
  const submit = (event: SyntheticEvent) => {
    event.preventDefault()
    onLine({ ...line, valid_from: optional(clock.zone, from), valid_to: optional(clock.zone, to) })
  }
  return (
    <form className="key-form body line-form" aria-label="New line" onSubmit={submit} onKeyDown={(event) => {
      if (event.key !== 'Escape') return
      event.preventDefault()
      onCancel()
    }}>
      <label>Effect
        <select className="input" autoFocus value={line.deny ? 'deny' : 'grant'} onChange={(event) => setLine({ ...line, deny: event.target.value === 'deny' })}>
          <option value="grant">grant</option><option value="deny">deny</option>
        </select>
      </label>
      <Codes label="Market" codes={answer.markets} value={line.market} set={(market) => setLine({ ...line, market })} />
      <Codes label="Product" codes={answer.products} value={line.product} set={(product) => setLine({ ...line, product })} />
      <Codes label="Channel" codes={answer.channels} value={line.channel} set={(channel) => setLine({ ...line, channel })} />
      <label>From, {clock.abbreviation}<input className="input" type="datetime-local" value={from} onChange={(event) => setFrom(event.target.value)} /></label>
      <label>To, {clock.abbreviation}<input className="input" type="datetime-local" value={to} aria-invalid={disordered} onChange={(event) => setTo(event.target.value)} /></label>
      <button type="submit" className="button primary" disabled={disordered}>See what turns</button>
      <button type="button" className="button quiet" onClick={onCancel}>Cancel</button>
      <p className={disordered ? 'alarm small' : 'dim small'} role="status">{disordered ? 'The line would end before it begins.' : 'Without From it begins now, without To it does not end. A denial beats every grant; api carries stream, excel, graphql, flight and sdk.'}</p>
    </form>
  )
}
