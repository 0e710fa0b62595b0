import { useQueries, useQuery } from '@tanstack/react-query'
import { KeyFigure, PageHead } from '@/components/labels'
import { JobProgress } from '@/components/JobProgress'
import { QueryStates } from '@/components/states'
import { getJson } from '@/lib/api/client'
import { datasetsQuery, feedsQuery } from '@/lib/api/queries'
import { isOk } from '@/lib/api/feeds'
import type { Dataset, Feed, Quality } from '@/lib/api/types'
import { isoInstant } from '@/lib/time/format'
import { DAY_MS } from '@/lib/time/zone'
import { countText, shareText } from '@/lib/units/format'
import { useScope } from '@/lib/url/scope'
import { FeedTable } from './FeedTable'
import { type QualityCell, GapTable, QualityTable, RestatementTable } from './QualityTables'
import './status.css'

/** The quality of every dataset in every market over the 24 hours before the moment in question; without one the server takes the last 24. */
function useQuality(datasets: readonly Dataset[], markets: readonly string[], asOf: string | undefined): QualityCell[] {
  const span = asOf === undefined ? {} : { start: isoInstant(Date.parse(asOf) - DAY_MS), end: asOf, as_of: asOf }
  const pairs = datasets.flatMap((dataset) => markets.map((market) => ({ dataset, market })))
  const results = useQueries({
    queries: pairs.map(({ dataset, market }) => ({
      queryKey: ['quality', dataset.id, market, asOf],
      queryFn: ({ signal }: { signal: AbortSignal }) => getJson<Quality>(`/v1/datasets/${dataset.id}/quality`, { market, ...span }, signal),
      refetchInterval: asOf === undefined ? 30_000 : (false as const),
    })),
  })
  return pairs.flatMap(({ dataset, market }, index): QualityCell[] => {
    const result = results[index]
    return result === undefined ? [] : [{ dataset, market, quality: result.data, error: result.error }]
  })
}

function Figures({ feeds, cells }: { feeds: readonly Feed[]; cells: readonly QualityCell[] }) {
  const ok = feeds.filter(isOk).length
  const known = cells.flatMap((cell) => (cell.quality === undefined || cell.quality.expected === 0 ? [] : [cell.quality]))
  const expected = known.reduce((sum, one) => sum + one.expected, 0)
  const present = known.reduce((sum, one) => sum + one.present, 0)
  const late = known.filter((one) => one.freshness.state !== 'ok').length
  return (
    <>
      <KeyFigure name="Feeds ok" note={`of ${feeds.length}`}><span className={ok < feeds.length ? 'warn' : undefined}>{ok}</span></KeyFigure>
      <KeyFigure name="Complete, last 24 h" note={expected === 0 ? undefined : `${countText(expected - present)} of ${countText(expected)} intervals missing`}>{expected === 0 ? '–' : shareText(present / expected)}</KeyFigure>
      <KeyFigure name="Late or stale" note="dataset and market"><span className={late > 0 ? 'warn' : undefined}>{late}</span></KeyFigure>
      <KeyFigure name="Gaps open">{countText(known.reduce((sum, one) => sum + one.gap_count, 0))}</KeyFigure>
      <KeyFigure name="Restated, last 24 h" note="rows">{countText(known.reduce((sum, one) => sum + one.restatements.last_24h, 0))}</KeyFigure>
    </>
  )
}

export default function StatusPage() {
  const { market, asOf } = useScope()
  const feedsResult = useQuery(feedsQuery)
  const datasets = useQuery(datasetsQuery).data ?? []
  const feeds = (feedsResult.data ?? []).filter((feed) => market === undefined || feed.market === market)
  const markets = market === undefined ? [...new Set((feedsResult.data ?? []).map((feed) => feed.market))].sort() : [market]
  const cells = useQuality(datasets, markets, asOf)
  const filling = feeds.filter((feed) => feed.backfill !== null)
  return (
    <>
      <PageHead title="Data status" figures={<Figures feeds={feeds} cells={cells} />} />
      <div className="page-scroll stack">
        {filling.length === 0 ? null : (
          <section className="panel" aria-label="Back-fill"><div className="body stack">
            {filling.map((feed) => (feed.backfill === null ? null : <JobProgress key={feed.id} name={feed.title} job={feed.backfill} />))}
          </div></section>
        )}
        <section className="panel" aria-labelledby="feeds-head">
          <header><h2 id="feeds-head">Feeds</h2>{asOf === undefined ? null : <span className="dim small">always as they are now</span>}</header>
          <QueryStates query={feedsResult} lines={7} still="Stored data can still be read.">{() => <FeedTable feeds={feeds} />}</QueryStates>
        </section>
        <QualityTable cells={cells} markets={markets} />
        <GapTable cells={cells} />
        <RestatementTable cells={cells} />
      </div>
    </>
  )
}
