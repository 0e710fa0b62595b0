import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type SyntheticEvent, useState } from 'react'
import { ProblemLine } from '@/components/states'
import { send } from '@/lib/api/client'
import './session.css'

/** Name and password; says where a one-time link comes from when there is no password yet. */
export default function SignIn() {
  const [name, setName] = useState('')
  const [password, setPassword] = useState('')
  const client = useQueryClient()
  const signIn = useMutation({
    mutationFn: () => send('POST', '/v1/session', { name, password }),
    onSuccess: () => client.resetQueries(),
    onError: () => setPassword(''),
  })
  const submit = (event: SyntheticEvent) => {
    event.preventDefault()
    signIn.mutate()
  }
  return (
    <main className="sign-in">
      <form className="panel" onSubmit={submit} aria-labelledby="sign-in-head">
        <svg width="36" height="36" viewBox="0 0 32 32" fill="none" stroke="currentColor" strokeWidth="2.6" strokeLinejoin="round" strokeLinecap="round" aria-hidden="true"><path d="M5 20h5l3-9 5 13 4-10 2 6h3" /></svg>
        <h1 id="sign-in-head">Sign in to Powerdesk</h1>
        <label>Name<input className="input" autoComplete="username" autoFocus required value={name} onChange={(event) => setName(event.target.value)} /></label>
        <label>Password<input className="input" type="password" autoComplete="current-password" required value={password} onChange={(event) => setPassword(event.target.value)} /></label>
        {signIn.isError ? <ProblemLine error={signIn.error} /> : null}
        <button type="submit" className="button primary" disabled={signIn.isPending}>{signIn.isPending ? 'Signing in' : 'Sign in'}</button>
        <p className="dim small">No password yet, or lost it? On the machine that runs the desk, type <code>powerdesk sign-in-link</code> and open the link that it prints. It works once.</p>
      </form>
    </main>
  )
}
