import { useQuery } from '@tanstack/react-query'
import { Link } from '@/components/Link'
import { StatusPill, type Tone } from '@/components/labels'
import { isOk } from '@/lib/api/feeds'
import { feedsQuery, locationsQuery, useMe } from '@/lib/api/queries'
import type { StreamStatus } from '@/lib/stream/protocol'
import { useStream, useStreamStatus } from '@/lib/stream/stream-context'
import { clockText } from '@/lib/time/format'
import { serverNow, useNow } from '@/lib/time/use-now'
import { countText } from '@/lib/units/format'
import { useClock, useScope } from '@/lib/url/scope'

/** What the stream is doing, in a tone and a few words. */
export function streamWords(status: StreamStatus, isPast: boolean, now: number): [Tone, string] {
  if (isPast) return ['warn', 'live updates stopped']
  switch (status.phase) {
    case 'live': {
      const way = status.transport === 'sse' ? 'events on' : 'stream on'
      if (status.slow !== null) return ['warn', `${way}, ${Math.round(status.slow.lag_ms / 1000)} s behind`]
      return ['ok', status.latency_ms === null ? way : `${way} ${Math.round(status.latency_ms)} ms`]
    }
    case 'retrying': return ['alarm', `stream off, next try in ${Math.max(0, Math.ceil(((status.retryAt ?? now) - now) / 1000))} s`]
    case 'connecting': return ['dim', 'stream connecting']
    case 'paused': return ['dim', 'stream paused']
    case 'idle': return ['dim', 'no live panel']
  }
}

function Feeds() {
  const { data: feeds } = useQuery(feedsQuery)
  if (feeds === undefined) return null
  const ok = feeds.filter(isOk).length
  const late = feeds.length - ok
  const tone: Tone = feeds.some((feed) => feed.state === 'unreachable') ? 'alarm' : late > 0 ? 'warn' : 'ok'
  return <Link to="/status"><StatusPill tone={tone}>{ok === 1 ? '1 feed ok' : `${ok} feeds ok`}{late > 0 ? `, ${late} not` : ''}</StatusPill></Link>
}

export function StatusBar() {
  const stream = useStream()
  const status = useStreamStatus()
  const { asOf, market } = useScope()
  const clock = useClock(market)
  const { data: locations } = useQuery(locationsQuery)
  const me = useMe().data
  const now = useNow()
  const [tone, words] = streamWords(status, asOf !== undefined, now - status.skew_ms)
  const tick = stream.lastRowsAt
  return (
    <footer className="statusbar">
      <span role="status"><StatusPill tone={tone}>{words}</StatusPill></span>
      <span><Feeds /></span>
      <span className="desk-only">{locations === undefined ? '– locations' : `${countText(locations.length)} locations`}</span>
      {tick === null ? null : <span className="desk-only">last tick {clockText(clock.zone, tick, true)} {clock.abbreviation}</span>}
      <span className="desk-only">clock {clockText(clock.zone, serverNow(), true)} {clock.abbreviation}</span>
      <span className="desk-only">{me === undefined ? '' : `${me.user.name}, ${me.user.tenant}`}</span>
    </footer>
  )
}
