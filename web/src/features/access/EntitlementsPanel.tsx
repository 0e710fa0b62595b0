import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { Icon } from '@/components/Icon'
import { EmptyState, QueryStates } from '@/components/states'
import { getJson } from '@/lib/api/client'
import { useMe, useRole } from '@/lib/api/queries'
import type { EntitlementTuple, Entitlements } from '@/lib/api/types'
import { ConfirmChange } from './ConfirmChange'
import { LineForm } from './LineForm'
import { LinesTable } from './LinesTable'
import { Matrix, type Verdict } from './Matrix'
import { type Intent, mayTurn } from './lines'

type Begin = EntitlementTuple & { deny: boolean }

const NOTHING: Begin = { market: '*', product: '*', channel: 'hub', deny: false }
const useEntitlements = () => useQuery({ queryKey: ['entitlements'], queryFn: ({ signal }) => getJson<Entitlements>('/v1/entitlements', {}, signal), refetchInterval: 30_000 })

/** Why the chosen cell is as it is, and for an administrator the way to turn it. */
function Why({ chosen, turn }: { chosen: Verdict | undefined; turn: ((begin: Begin) => void) | undefined }) {
  if (chosen === undefined) return <p className="why" role="status"><span className="dim">No cell chosen.</span></p>
  const { market, product, channel, allowed } = chosen
  return (
    <p className="why" role="status">
      <span><strong>{market} × {product} × {channel}</strong> {allowed ? 'allowed' : 'refused'}: {chosen.why}</span>
      {turn === undefined ? null : <button type="button" className="button small" onClick={() => turn({ market, product, channel, deny: allowed })}>{allowed ? 'Deny' : 'Grant'} this…</button>}
    </p>
  )
}

/** Who may not edit, or may not grant, is told who may. */
function OnlyAdmins({ tenant, roles }: { tenant: string; roles: readonly string[] }) {
  return <p className="why only"><Icon name="lock" size={14} /><span>People with the role <code>tenant-admin</code> of {tenant} deny and take lines away. Only the operator of this desk grants, here or with <code>powerdesk entitlement set</code>. You have {roles.length === 0 ? 'no role' : roles.join(', ')}.</span></p>
}

interface LinesProps {
  answer: Entitlements
  tenant: string
  chosen: Verdict | undefined
  begin: Begin | undefined
  setBegin: (begin: Begin | undefined) => void
}

function LinesPanel({ answer, tenant, chosen, begin, setBegin }: LinesProps) {
  const isAdmin = useRole('tenant-admin')
  const roles = useMe().data?.user.roles ?? []
  const [intent, setIntent] = useState<Intent | undefined>(undefined)
  const [said, setSaid] = useState('')
  return (
    <section className="panel" aria-labelledby="lines-head">
      <header><h2 id="lines-head">Lines of {tenant}</h2><span className="dim small">every grant and denial, in order; a denial wins</span>
        {isAdmin ? <div className="actions"><button type="button" className="button small" aria-expanded={begin !== undefined} onClick={() => setBegin(begin === undefined ? NOTHING : undefined)}>Add a line</button></div> : null}</header>
      {isAdmin && roles.includes('operator') ? null : <OnlyAdmins tenant={tenant} roles={roles} />}
      {begin === undefined ? null : <LineForm key={JSON.stringify(begin)} answer={answer} begin={begin} onLine={(line) => setIntent({ verb: 'add', line })} onCancel={() => setBegin(undefined)} />}
      {answer.grants.length === 0 ? <EmptyState title="No lines">Nothing is granted, so nothing may be read: deny by default.</EmptyState> : <LinesTable grants={answer.grants} chosen={chosen} act={isAdmin ? setIntent : undefined} />}
      <p className="visually-hidden" role="status">{said}</p>
      {intent === undefined ? null : <ConfirmChange intent={intent} tenant={tenant} close={() => setIntent(undefined)} onDone={(words) => {
        setIntent(undefined)
        setBegin(undefined)
        setSaid(`Done: ${words}`)
      }} />}
    </section>
  )
}

/** What the tenant may read: the verdict on every cell with its reason, and the lines that make it so. */
export function EntitlementsPanel() {
  const query = useEntitlements()
  const { tenant = '', roles = [] } = useMe().data?.user ?? {}
  const [at, setAt] = useState<Verdict | undefined>(undefined)
  const [begin, setBegin] = useState<Begin | undefined>(undefined)
  const chosen = query.data?.verdicts.find((one) => one.market === at?.market && one.product === at.product && one.channel === at.channel)
  return (
    <QueryStates query={query} lines={10}>
      {(answer) => (
        <>
          <section className="panel" aria-labelledby="matrix-head">
            <header><h2 id="matrix-head">What this account may see</h2><span className="dim small">deny by default; choose a cell to see why</span></header>
            {answer.verdicts.length === 0 ? <EmptyState title="No market here">The matrix appears with the first dataset and market.</EmptyState> : (
              <>
                <Why chosen={chosen} turn={chosen !== undefined && mayTurn(roles, chosen.allowed) ? setBegin : undefined} />
                <Matrix answer={answer} chosen={chosen} choose={setAt} />
              </>
            )}
          </section>
          <LinesPanel answer={answer} tenant={tenant} chosen={chosen} begin={begin} setBegin={setBegin} />
        </>
      )}
    </QueryStates>
  )
}
