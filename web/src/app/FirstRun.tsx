import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { send } from '@/lib/api/client'
import { problemOf } from '@/lib/api/problem'
import { useMe } from '@/lib/api/queries'

/** On the first run there is a link but no password yet: set one, or go on and do it later. */
export function FirstRun() {
  const me = useMe().data
  const [later, setLater] = useState(false)
  const [password, setPassword] = useState('')
  const client = useQueryClient()
  const save = useMutation({
    mutationFn: () => send('POST', '/v1/me/password', { current: null, new: password }),
    onSuccess: () => client.invalidateQueries({ queryKey: ['me'] }),
  })
  if (me?.first_run !== true || later) return null
  return (
    <form className="banner" onSubmit={(event) => {
      event.preventDefault()
      save.mutate()
    }}>
      <label htmlFor="first-password">You came by a one-time link, {me.user.name}. Set a password to sign in again:</label>
      <input id="first-password" className="input" type="password" autoComplete="new-password" minLength={12} required value={password} onChange={(event) => setPassword(event.target.value)} placeholder="At least 12 characters" />
      <button type="submit" className="button small primary" disabled={save.isPending}>Set password</button>
      <button type="button" className="button small quiet" onClick={() => setLater(true)}>Later</button>
      {save.isError ? <span className="alarm" role="alert">{problemOf(save.error).detail ?? problemOf(save.error).title}</span> : null}
    </form>
  )
}
