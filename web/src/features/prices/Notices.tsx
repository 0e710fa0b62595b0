import { useQuery } from '@tanstack/react-query'
import { Icon } from '@/components/Icon'
import { JobProgress } from '@/components/JobProgress'
import { Link } from '@/components/Link'
import { TimeLabel } from '@/components/labels'
import { feedsQuery } from '@/lib/api/queries'
import type { StreamStatus } from '@/lib/stream/protocol'
import { useNowEvery } from '@/lib/time/use-now'
import type { PricesModel } from './model'

const GAP_SHOWN_MS = 60_000

/** Feeds that fill up their past right now, so that the first minute is never empty. */
export function Backfills() {
  const running = useQuery(feedsQuery).data?.filter((feed) => feed.backfill !== null) ?? []
  if (running.length === 0) return null
  return (
    <div className="price-backfill" role="status" aria-label="Back-fill">
      {running.map((feed) => (feed.backfill === null ? null : <JobProgress key={feed.id} name={`${feed.title}: back-filling its past`} job={feed.backfill} />))}
    </div>
  )
}

/** What is not as it should be, in one line each: refused markets, silent feeds, a stream that is off, a gap that was refilled. */
export function Notices({ model, stream, market }: { model: PricesModel; version: number; stream: StreamStatus; market: string | undefined }) {
  const now = useNowEvery(5000)
  const feeds = useQuery(feedsQuery).data ?? []
  const silent = feeds.filter((feed) => feed.state === 'unreachable' && (market === undefined || feed.market === market))
  const refused = model.store.rows.size > 0 ? [...new Set(model.denied.map((tuple) => tuple.market))] : []
  const gap = model.gap !== undefined && now - model.gap.at < GAP_SHOWN_MS ? model.gap : undefined
  if (silent.length + refused.length === 0 && gap === undefined && stream.phase !== 'retrying') return null
  return (
    <ul className="price-notices" aria-live="polite">
      {stream.phase === 'retrying' ? <li className="alarm-line"><Icon name="alert" size={14} /><span>The stream is off ({stream.reason}). Prices below are the last that came; they are greyed until it is back.</span></li> : null}
      {silent.map((feed) => (
        <li key={feed.id}><Icon name="alert" size={14} /><span>{feed.title}: unreachable since <TimeLabel instant={Date.parse(feed.since ?? '')} market={feed.market} />
          {feed.next_try_at === null ? null : Date.parse(feed.next_try_at) <= now ? ', next try due' : <>, next try <TimeLabel instant={Date.parse(feed.next_try_at)} market={feed.market} /></>}. {feed.last_ok_at === null ? 'Nothing has come from it yet.' : 'Its last prices stay, greyed, with their age.'} <Link to="/status">Data status</Link></span></li>
      ))}
      {refused.length === 0 ? null : <li><Icon name="lock" size={14} /><span>Not shown for want of a grant: {refused.join(', ')}. <Link to="/access" patch={{ tab: 'entitlements' }}>What I may see</Link></span></li>}
      {gap === undefined ? null : <li><Icon name="alert" size={14} /><span>Updates were missed until <TimeLabel instant={gap.at} /> ({gap.reason}); the grid was refilled from a snapshot and is whole.</span></li>}
    </ul>
  )
}
