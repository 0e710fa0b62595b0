import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Link } from '@/components/Link'
import { AgeLabel, StatusPill, TimeLabel, type Tone } from '@/components/labels'
import { EmptyState, ProblemLine } from '@/components/states'
import { send } from '@/lib/api/client'
import { useRole } from '@/lib/api/queries'
import type { Feed, FeedState } from '@/lib/api/types'
import { useNowEvery } from '@/lib/time/use-now'
import { countText, numberText } from '@/lib/units/format'

const STATES: Record<FeedState, [Tone, string]> = {
  running: ['ok', 'running'],
  waiting: ['ok', 'waiting for its hour'],
  paused: ['dim', 'paused'],
  throttled: ['warn', 'throttled'],
  unreachable: ['alarm', 'unreachable'],
}

/** Started, and no answer yet. */
const FIRST_TRY: [Tone, string] = ['dim', 'no answer yet']

const instant = (text: string | null) => (text === null ? Number.NaN : Date.parse(text))

function Actions({ feed }: { feed: Feed }) {
  const client = useQueryClient()
  const act = useMutation({
    mutationFn: (verb: 'pause' | 'resume' | 'retry') => send('POST', `/v1/feeds/${feed.id}/${verb}`),
    onSuccess: () => client.invalidateQueries({ queryKey: ['feeds'] }),
  })
  const paused = feed.state === 'paused'
  return (
    <span className="feed-actions">
      {act.isError ? <ProblemLine error={act.error} /> : null}
      {paused ? null : <button type="button" className="button small quiet" disabled={act.isPending} onClick={() => act.mutate('retry')} aria-label={`Fetch now: ${feed.title}`}>Fetch now</button>}
      <button type="button" className="button small quiet" disabled={act.isPending} onClick={() => act.mutate(paused ? 'resume' : 'pause')} aria-label={`${paused ? 'Resume' : 'Pause'} ${feed.title}`}>{paused ? 'Resume' : 'Pause'}</button>
    </span>
  )
}

/** What a feed is doing, in words a person would use. */
function StateWords({ feed }: { feed: Feed }) {
  const [tone, words] = feed.state === 'waiting' && feed.last_ok_at === null ? FIRST_TRY : STATES[feed.state]
  const since = feed.since === null || feed.state === 'running' ? null : <span className="dim"> since <TimeLabel instant={instant(feed.since)} market={feed.market} /></span>
  return <StatusPill tone={tone}>{words}{since}</StatusPill>
}

/** When it runs next; a time that has passed is due. */
function NextTry({ feed }: { feed: Feed }) {
  const next = instant(feed.next_try_at)
  return next <= useNowEvery(5000) ? <span className="dim">due</span> : <TimeLabel instant={next} market={feed.market} />
}

function Outcomes({ outcomes }: { outcomes: Record<string, number> }) {
  return <span className="outcomes">{Object.entries(outcomes).map(([name, count]) => <span key={name} className={name.toUpperCase() === 'OK' ? '' : 'dim'}>{name} {countText(count)}</span>)}</span>
}

export function FeedTable({ feeds }: { feeds: readonly Feed[] }) {
  const mayAct = useRole('operator', 'data-admin', 'admin')
  if (feeds.length === 0) {
    return <EmptyState title="No feeds here" action={<Link className="button" to="/datasets">What could be collected</Link>}>Feeds are chosen at start: powerdesk up --feeds sim,caiso,nyiso. Recorded files come in by powerdesk import.</EmptyState>
  }
  return (
    <table className="grid-table feed-table">
      <thead>
        <tr><th>Feed</th><th>State</th><th className="number">Last answer</th><th className="number">Next run</th><th className="number" title="Median delay from the end of the interval to publication">Lag p50</th><th className="number">Rows 24 h</th><th>Answers 24 h</th><th>Payload</th><th><span className="visually-hidden">Actions</span></th></tr>
      </thead>
      <tbody>
        {feeds.map((feed) => (
          <tr key={feed.id}>
            <td data-head="" className="feed-name"><span>{feed.title}</span> <span className="dim small">{feed.market}{feed.tier === null ? '' : `, ${feed.tier}`}</span></td>
            <td data-head="State"><StateWords feed={feed} />{feed.last_error === null ? null : <div className="feed-error small" title={feed.last_error}>{feed.last_error}</div>}</td>
            <td data-head="Last answer" className="number"><AgeLabel instant={instant(feed.last_ok_at)} /></td>
            <td data-head={feed.state === 'unreachable' ? 'Next try' : 'Next run'} className="number"><NextTry feed={feed} /></td>
            <td data-head="Lag p50" className="number">{feed.p50_publication_lag_s === null ? '–' : <>{numberText(feed.p50_publication_lag_s, 1)} <span className="dim">s</span></>}</td>
            <td data-head="Rows 24 h" className="number">{countText(feed.rows_24h)}</td>
            <td data-head="Answers 24 h"><Outcomes outcomes={feed.outcomes} /></td>
            <td data-head="Payload" className="mono">{feed.last_payload_sha256 === null ? <span className="dim">none</span> : <a href={`/v1/payloads/${feed.last_payload_sha256}`} title={`Raw payload, sha256 ${feed.last_payload_sha256}`} aria-label={`${feed.last_payload_sha256.slice(0, 8)}, last raw payload of ${feed.title}`}>{feed.last_payload_sha256.slice(0, 8)}</a>}</td>
            <td className="number">{mayAct ? <Actions feed={feed} /> : null}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
