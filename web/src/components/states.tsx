import type { UseQueryResult } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { faultOf, problemOf, problemSlug } from '@/lib/api/problem'
import type { EntitlementTuple, Problem } from '@/lib/api/types'
import { Icon } from './Icon'
import { Link } from './Link'

/** The shape of what is coming; invisible for the first 150 ms, so that fast answers do not blink. */
export function Skeleton({ lines = 8 }: { lines?: number }) {
  return (
    <div className="skeleton" role="status" aria-label="Loading">
      {Array.from({ length: lines }, (_, index) => <i key={index} />)}
    </div>
  )
}

/** What would be here, and the one action that fills it. */
export function EmptyState({ title, children, action }: { title: string; children: ReactNode; action?: ReactNode }) {
  return (
    <div className="state">
      <h2>{title}</h2>
      <p>{children}</p>
      {action === undefined ? null : <div className="actions">{action}</div>}
    </div>
  )
}

/** Which entitlement is missing and who can grant it. */
export function RefusedPanel({ missing, remedy }: { missing: readonly EntitlementTuple[]; remedy?: string | undefined }) {
  return (
    <div className="state" role="alert">
      <h2><Icon name="lock" /> Not entitled</h2>
      <p>{missing.length === 0 ? 'Your account may not see this.' : `Your account lacks ${missing.length === 1 ? 'this grant' : 'these grants'} of market, product and channel:`}</p>
      <ul>
        {missing.map(({ market, product, channel }) => (
          <li key={`${market}${product}${channel}`}><code>{market}</code> × <code>{product}</code> × <code>{channel}</code></li>
        ))}
      </ul>
      <p className="remedy">{remedy ?? 'The operator of this desk grants it to your tenant.'}</p>
      <div className="actions"><Link className="button" to="/access" patch={{ tab: 'entitlements' }}>What I may see</Link></div>
    </div>
  )
}

/** A failure in one line, for a button or a form beside which there is no room for a panel. */
export function ProblemLine({ error }: { error: unknown }) {
  const problem = problemOf(error)
  return <span className="alarm small" role="alert">{faultOf(problem)}{problem.remedy === undefined ? null : <>: <span className="remedy">{problem.remedy}</span></>}{problem.retry_after === undefined ? '' : `, in ${Math.ceil(problem.retry_after)} s`}</span>
}

/** A problem in the server's own words: what failed, what was found and allowed, what to do. */
export function ProblemPanel({ problem, retry, still }: { problem: Problem; retry?: (() => void) | undefined; still?: string | undefined }) {
  if (problem.status === 403 && problem.entitlement !== undefined && problem.entitlement.length > 0) {
    // Its remedy speaks to programs (allow_partial); who reads a page asks a person.
    return <RefusedPanel missing={problem.entitlement} />
  }
  const slug = problemSlug(problem)
  const fault = faultOf(problem)
  return (
    <div className="state" role="alert">
      <h2 className="alarm"><Icon name="alert" /> {problem.title}</h2>
      {fault === problem.title ? null : <p>{fault}</p>}
      <ul>
        {problem.errors?.map((part, index) => (
          <li key={index}><code>{part.pointer ?? 'request'}</code> found {part.found ?? 'nothing'}; allowed: {part.allowed ?? 'see the documentation'}. {part.remedy}</li>
        ))}
      </ul>
      {problem.remedy === undefined ? null : <p className="remedy">{problem.remedy}</p>}
      {still === undefined ? null : <p>{still}</p>}
      <div className="actions">
        {retry === undefined ? null : <button type="button" className="button" onClick={retry}>Try again</button>}
        {slug === undefined ? null : <Link className="button quiet" to={`/docs/problems/${slug}`}>About this problem</Link>}
      </div>
      {problem.request_id === undefined ? null : <p className="small">Request {problem.request_id}</p>}
    </div>
  )
}

interface QueryStatesProps<T> {
  query: UseQueryResult<T>
  lines?: number
  still?: string
  children: (data: T) => ReactNode
}

/** Loading, failed, or the data; a failed refresh keeps the last good data, which says its own age. */
export function QueryStates<T>({ query, lines, still, children }: QueryStatesProps<T>) {
  if (query.data !== undefined) return children(query.data)
  if (query.isError) return <ProblemPanel problem={problemOf(query.error)} still={still} retry={() => void query.refetch()} />
  return <Skeleton {...(lines === undefined ? {} : { lines })} />
}
