import { useQuery } from '@tanstack/react-query'
import { Link } from '@/components/Link'
import { PageHead } from '@/components/labels'
import { EmptyState, QueryStates, RefusedPanel } from '@/components/states'
import { locationsQuery, useMe } from '@/lib/api/queries'

/** Why a page of the grid has no market to show: none is known yet, or none may be seen. */
export function NoMarket({ title, children }: { title: string; children: string }) {
  const locations = useQuery(locationsQuery)
  const rights = useMe().data?.entitlements
  return (
    <>
      <PageHead title={title} />
      <QueryStates query={locations} lines={12} still="Data status and datasets still work.">
        {() => (rights?.length === 0
          ? <RefusedPanel missing={[{ market: 'any market', product: 'network, congestion, prices', channel: 'hub' }]} />
          : <EmptyState title="No market yet" action={<Link className="button" to="/status">Look at the feeds</Link>}>{children} The simulated market publishes its own: powerdesk up --feeds sim.</EmptyState>)}
      </QueryStates>
    </>
  )
}
