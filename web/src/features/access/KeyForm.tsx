import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type SyntheticEvent, useState } from 'react'
import { ProblemPanel } from '@/components/states'
import { send } from '@/lib/api/client'
import { problemOf } from '@/lib/api/problem'
import { isoInstant } from '@/lib/time/format'
import { serverNow } from '@/lib/time/use-now'
import { DAY_MS } from '@/lib/time/zone'
import type { MadeKey } from './KeysPanel'

const SCOPES = [['api', 'REST reads'], ['stream', 'live stream'], ['download', 'bulk files'], ['sdk', 'Python SDK'], ['excel', 'Excel']] as const
const LIVES = [['90', '90 days'], ['365', '1 year'], ['never', 'never']] as const

/** Name, channels and life of a new key. */
export function KeyForm({ onMade }: { onMade: (made: MadeKey) => void }) {
  const client = useQueryClient()
  const [name, setName] = useState('')
  const [scopes, setScopes] = useState<readonly string[]>(['api'])
  const [life, setLife] = useState('90')
  const make = useMutation({
    mutationFn: () => send<MadeKey>('POST', '/v1/keys', { name, scopes, expires_at: life === 'never' ? null : isoInstant(Math.floor(serverNow() / 1000) * 1000 + Number(life) * DAY_MS) }),
    onSuccess: (made) => {
      onMade(made)
      return client.invalidateQueries({ queryKey: ['keys'] })
    },
  })
  const submit = (event: SyntheticEvent) => {
    event.preventDefault()
    make.mutate()
  }
  return (
    <form className="key-form body" onSubmit={submit}>
      <label>Name<input className="input" required autoFocus maxLength={80} placeholder="What will use it" value={name} onChange={(event) => setName(event.target.value)} /></label>
      <fieldset><legend>Scopes</legend>
        {SCOPES.map(([scope, words]) => (
          <label key={scope} className="check" title={words}><input type="checkbox" checked={scopes.includes(scope)} onChange={(event) => setScopes(event.target.checked ? [...scopes, scope] : scopes.filter((one) => one !== scope))} />{scope}</label>
        ))}
      </fieldset>
      <label>Expires<select className="input" value={life} onChange={(event) => setLife(event.target.value)}>{LIVES.map(([value, words]) => <option key={value} value={value}>{words}</option>)}</select></label>
      <button type="submit" className="button primary" disabled={make.isPending || scopes.length === 0}>Make key</button>
      {make.isError ? <ProblemPanel problem={problemOf(make.error)} /> : null}
    </form>
  )
}
