import { useMutation } from '@tanstack/react-query'
import { type SyntheticEvent, useState } from 'react'
import { ProblemLine } from '@/components/states'
import { send } from '@/lib/api/client'

/** Change the password; in a session opened by a one-time link the old one is not asked. */
export function PasswordForm() {
  const [current, setCurrent] = useState('')
  const [next, setNext] = useState('')
  const save = useMutation({
    mutationFn: () => send('POST', '/v1/me/password', { current: current === '' ? null : current, new: next }),
    onSuccess: () => {
      setCurrent('')
      setNext('')
    },
  })
  const submit = (event: SyntheticEvent) => {
    event.preventDefault()
    save.mutate()
  }
  return (
    <section className="panel" aria-labelledby="password-head">
      <header><h2 id="password-head">Password</h2><span className="dim small">leave the old one empty if you came by a one-time link</span></header>
      <form className="key-form body" onSubmit={submit}>
        <label>Old password<input className="input" type="password" autoComplete="current-password" value={current} onChange={(event) => setCurrent(event.target.value)} /></label>
        <label>New password<input className="input" type="password" autoComplete="new-password" required minLength={12} placeholder="At least 12 characters" value={next} onChange={(event) => setNext(event.target.value)} /></label>
        <button type="submit" className="button" disabled={save.isPending}>Change</button>
        {save.isSuccess ? <span className="ok" role="status">Changed.</span> : null}
        {save.isError ? <ProblemLine error={save.error} /> : null}
      </form>
    </section>
  )
}
