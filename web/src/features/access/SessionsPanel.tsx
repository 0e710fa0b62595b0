import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { AgeLabel, InstantLabel } from '@/components/labels'
import { ProblemLine, QueryStates } from '@/components/states'
import { getJson, send } from '@/lib/api/client'
import type { Session } from '@/lib/api/types'

/** Where this account is signed in, and the way to end it there. */
export function SessionsPanel() {
  const client = useQueryClient()
  const query = useQuery({ queryKey: ['sessions'], queryFn: ({ signal }) => getJson<{ sessions: Session[] }>('/v1/sessions', {}, signal).then((answer) => answer.sessions) })
  const end = useMutation({ mutationFn: (id: string) => send('DELETE', `/v1/sessions/${id}`), onSuccess: () => client.invalidateQueries({ queryKey: ['sessions'] }) })
  return (
    <section className="panel" aria-labelledby="sessions-head">
      <header><h2 id="sessions-head">Sessions</h2>{end.isError ? <ProblemLine error={end.error} /> : null}</header>
      <QueryStates query={query} lines={3}>
        {(sessions) => (
          <table className="grid-table access-table">
            <thead><tr><th>Browser</th><th>Address</th><th>Signed in</th><th className="number">Last seen</th><th>Ends</th><th><span className="visually-hidden">Actions</span></th></tr></thead>
            <tbody>
              {sessions.map((session) => (
                <tr key={session.id}>
                  <td data-head=""><span className="agent" title={session.agent}>{session.agent}</span> {session.current ? <span className="tag">this one</span> : null}</td>
                  <td data-head="Address">{session.address}</td>
                  <td data-head="Signed in"><InstantLabel instant={Date.parse(session.created_at)} /></td>
                  <td data-head="Last seen" className="number"><AgeLabel instant={Date.parse(session.last_seen_at)} /></td>
                  <td data-head="Ends"><InstantLabel instant={Date.parse(session.expires_at)} /></td>
                  <td className="number actions">{session.current ? null : <button type="button" className="button small quiet" disabled={end.isPending} onClick={() => end.mutate(session.id)}>End</button>}</td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </QueryStates>
    </section>
  )
}
