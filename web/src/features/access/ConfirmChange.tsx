import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { InstantLabel } from '@/components/labels'
import { Modal } from '@/components/Modal'
import { ProblemPanel, QueryStates } from '@/components/states'
import { send } from '@/lib/api/client'
import { problemOf } from '@/lib/api/problem'
import { serverNow } from '@/lib/time/use-now'
import { instantOfWall } from '@/lib/time/zone'
import { useClock } from '@/lib/url/scope'
import { type Intent, changesOf, lineText } from './lines'
import type { Verdict } from './Matrix'

type Moved = Verdict & { at: string }

const SHOWN = 12
const WORDS: Record<Intent['verb'], [title: (deny: boolean) => string, button: (deny: boolean) => string]> = {
  add: [(deny) => (deny ? 'Deny' : 'Grant'), (deny) => (deny ? 'Deny it' : 'Grant it')],
  end: [(deny) => (deny ? 'End the denial of' : 'End the grant of'), () => 'End it'],
  remove: [() => 'Remove from the list:', () => 'Remove it'],
}

function Turns({ moved, now }: { moved: readonly Moved[]; now: number }) {
  if (moved.length === 0) return <p className="dim">No cell of the matrix turns: other lines say the same already, or this one says nothing while it lasts.</p>
  return (
    <>
      <ul className="turns" aria-label="What turns">
        {moved.slice(0, SHOWN).map((one) => (
          <li key={`${one.at}${lineText(one)}`}>
            <span className={one.allowed ? 'ok' : 'warn'}>{one.allowed ? 'becomes allowed' : 'becomes refused'}</span> <code>{lineText(one)}</code>
            {Date.parse(one.at) <= now + 1000 ? <span className="dim"> now</span> : <span className="dim"> on <InstantLabel instant={Date.parse(one.at)} /></span>}
          </li>
        ))}
      </ul>
      {moved.length > SHOWN ? <p className="dim">and {moved.length - SHOWN} more</p> : null}
    </>
  )
}

/** Say what a change turns and for whom, as the server reckons it, before anything is done. */
export function ConfirmChange({ intent, tenant, close, onDone }: { intent: Intent; tenant: string; close: () => void; onDone: (words: string) => void }) {
  const client = useQueryClient()
  const clock = useClock()
  const [opened] = useState(serverNow)
  const [text, setText] = useState('')
  const { line, verb } = intent
  const at = text === '' ? opened : (instantOfWall(clock.zone, text) ?? opened)
  const changes = changesOf(intent, at)
  const path = `/v1/entitlements/${encodeURIComponent(tenant)}`
  const preview = useQuery({ queryKey: ['entitlement-preview', tenant, changes], queryFn: () => send<{ moved: Moved[] }>('POST', `${path}/preview`, changes), staleTime: 0, gcTime: 0 })
  const [title, button] = WORDS[verb]
  const words = `${title(line.deny)} ${lineText(line)}`
  const make = useMutation({
    mutationFn: () => send('POST', `${path}/changes`, changes),
    onSuccess: async () => {
      await Promise.all([client.invalidateQueries({ queryKey: ['entitlements'] }), client.invalidateQueries({ queryKey: ['me'] })])
      onDone(words)
    },
    onError: () => client.invalidateQueries({ queryKey: ['entitlements'] }),
  })
  return (
    <Modal label={words} className="confirm" close={close}>
      <h2>{words}</h2>
      <p>For everybody of tenant <strong>{tenant}</strong>, you included: people, service accounts and their keys.</p>
      {verb === 'end' ? (
        <label className="row">Ends <input className="input" type="datetime-local" aria-label="Moment of the end; empty means now" value={text} onChange={(event) => setText(event.target.value)} /> <span className="dim">{clock.abbreviation}; empty means now</span></label>
      ) : null}
      <div className="turned">
        <QueryStates query={preview} lines={3}>{({ moved }) => <Turns moved={moved} now={opened} />}</QueryStates>
      </div>
      <p className="dim small">Open streams that lose their right close within a second. The audit log keeps who changed what.</p>
      {make.isError ? <ProblemPanel problem={problemOf(make.error)} /> : null}
      <div className="actions">
        <button type="button" className="button" autoFocus onClick={close}>Leave as it is</button>
        <button type="button" className="button primary" disabled={make.isPending || preview.data === undefined} onClick={() => make.mutate()}>{button(line.deny)}</button>
      </div>
    </Modal>
  )
}
