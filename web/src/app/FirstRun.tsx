import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { ProblemLine } from '@/components/states'
import { send } from '@/lib/api/client'
import { useMe } from '@/lib/api/queries'

const LATER_KEY = 'pd-password-later'

function isPutOff(): boolean {
  try {
    return sessionStorage.getItem(LATER_KEY) !== null
  } catch {
    return false
  }
}

/** Who came by a one-time link may set a password without an old one: now, or later in this tab's session. */
export function FirstRun() {
  const me = useMe().data
  const [later, setLater] = useState(isPutOff)
  const [password, setPassword] = useState('')
  const client = useQueryClient()
  const putOff = () => {
    setLater(true)
    try {
      sessionStorage.setItem(LATER_KEY, '1')
    } catch {
      // Storage can be refused; the banner then comes back with the next page load.
    }
  }
  const save = useMutation({
    mutationFn: () => send('POST', '/v1/me/password', { current: null, new: password }),
    onSuccess: () => {
      putOff()
      return client.invalidateQueries({ queryKey: ['me'] })
    },
  })
  if (me === undefined || later || !(me.first_run || me.may_set_password_without_old)) return null
  return (
    <form className="banner" onSubmit={(event) => {
      event.preventDefault()
      save.mutate()
    }}>
      <label htmlFor="first-password">You came by a one-time link, {me.user.name}. Set a password to sign in again:</label>
      <input id="first-password" className="input" type="password" autoComplete="new-password" minLength={12} required value={password} onChange={(event) => setPassword(event.target.value)} placeholder="At least 12 characters" />
      <button type="submit" className="button small primary" disabled={save.isPending}>Set password</button>
      <button type="button" className="button small quiet" onClick={putOff}>Later</button>
      {save.isError ? <ProblemLine error={save.error} /> : null}
    </form>
  )
}
