import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { InstantLabel, AgeLabel, StatusPill, type Tone } from '@/components/labels'
import { EmptyState, ProblemLine, QueryStates } from '@/components/states'
import { getJson, send } from '@/lib/api/client'
import type { ApiKey } from '@/lib/api/types'
import { serverNow } from '@/lib/time/use-now'
import { DAY_MS } from '@/lib/time/zone'
import { KeyForm } from './KeyForm'
import { SecretOnce } from './SecretOnce'

export interface MadeKey {
  key: ApiKey
  secret: string
}

const OVERLAP_HOURS = 24
const SOON_MS = 14 * DAY_MS
const instant = (text: string | null) => (text === null ? Number.NaN : Date.parse(text))

function stateOf(key: ApiKey): [Tone, string] {
  if (key.revoked_at !== null) return ['dim', 'revoked']
  const left_ms = instant(key.expires_at) - serverNow()
  if (left_ms < 0) return ['dim', 'expired']
  if (left_ms < SOON_MS) return ['warn', `expires in ${Math.ceil(left_ms / DAY_MS)} d`]
  return ['ok', 'active']
}

function KeyRow({ apiKey, onMade }: { apiKey: ApiKey; onMade: (made: MadeKey) => void }) {
  const client = useQueryClient()
  const [sure, setSure] = useState(false)
  const refresh = () => client.invalidateQueries({ queryKey: ['keys'] })
  const rotate = useMutation({
    mutationFn: () => send<MadeKey>('POST', `/v1/keys/${apiKey.id}/rotate`, { overlap_hours: OVERLAP_HOURS }),
    onSuccess: (made) => {
      onMade(made)
      return refresh()
    },
  })
  const revoke = useMutation({ mutationFn: () => send('DELETE', `/v1/keys/${apiKey.id}`), onSuccess: refresh })
  const [tone, words] = stateOf(apiKey)
  const alive = tone === 'ok' || tone === 'warn'
  const failed = rotate.error ?? revoke.error
  return (
    <tr className={alive ? '' : 'gone'}>
      <td data-head=""><span className="key-name">{apiKey.name}</span> <code className="dim">pd_live_{apiKey.id}_…</code></td>
      <td data-head="State"><StatusPill tone={tone}>{words}</StatusPill></td>
      <td data-head="Scopes">{apiKey.scopes.map((scope) => <span key={scope} className="tag">{scope}</span>)}</td>
      <td data-head="Created"><InstantLabel instant={instant(apiKey.created_at)} /></td>
      <td data-head="Expires">{apiKey.expires_at === null ? <span className="dim">never</span> : <InstantLabel instant={instant(apiKey.expires_at)} />}</td>
      <td data-head="Last used" className="number"><AgeLabel instant={instant(apiKey.last_used_at)} /></td>
      <td className="number actions">
        {failed === null ? null : <ProblemLine error={failed} />}
        {!alive ? null : sure ? (
          <><button type="button" className="button small" onClick={() => revoke.mutate()} disabled={revoke.isPending}>Revoke now</button><button type="button" className="button small quiet" onClick={() => setSure(false)}>Keep</button></>
        ) : (
          <><button type="button" className="button small quiet" disabled={rotate.isPending} title={`A new secret; the old one works ${OVERLAP_HOURS} h more`} onClick={() => rotate.mutate()} aria-label={`Rotate ${apiKey.name}`}>Rotate</button>
            <button type="button" className="button small quiet" onClick={() => setSure(true)} aria-label={`Revoke ${apiKey.name}`}>Revoke</button></>
        )}
      </td>
    </tr>
  )
}

/** API keys: make, rotate, revoke. The secret is shown once, here, and kept nowhere. */
export function KeysPanel() {
  const query = useQuery({ queryKey: ['keys'], queryFn: ({ signal }) => getJson<{ keys: ApiKey[] }>('/v1/keys', {}, signal).then((answer) => answer.keys) })
  const [made, setMade] = useState<MadeKey | undefined>(undefined)
  const [adding, setAdding] = useState(false)
  return (
    <>
      {made === undefined ? null : <SecretOnce made={made} onDone={() => setMade(undefined)} />}
      <section className="panel" aria-labelledby="keys-head">
        <header><h2 id="keys-head">Keys for programs</h2><span className="dim small">a key may never see more than you</span>
          <div className="actions"><button type="button" className="button small" aria-expanded={adding} onClick={() => setAdding(!adding)}>New key</button></div></header>
        {adding ? <KeyForm onMade={(next) => {
          setMade(next)
          setAdding(false)
        }} /> : null}
        <QueryStates query={query} lines={5}>
          {(keys) => (keys.length === 0 ? <EmptyState title="No keys yet" action={<button type="button" className="button" onClick={() => setAdding(true)}>New key</button>}>A key lets a program read what you may read, through the channels you choose.</EmptyState> : (
            <table className="grid-table access-table">
              <thead><tr><th>Key</th><th>State</th><th>Scopes</th><th>Created</th><th>Expires</th><th className="number">Last used</th><th><span className="visually-hidden">Actions</span></th></tr></thead>
              <tbody>{keys.map((key) => <KeyRow key={key.id} apiKey={key} onMade={setMade} />)}</tbody>
            </table>
          ))}
        </QueryStates>
      </section>
    </>
  )
}
