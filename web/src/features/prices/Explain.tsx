import { useQuery } from '@tanstack/react-query'
import { Difference } from '@/components/Difference'
import { PriceExplainer } from '@/components/PriceExplainer'
import { SnippetTabs } from '@/components/SnippetTabs'
import { InstantLabel } from '@/components/labels'
import { QueryStates } from '@/components/states'
import { getJson } from '@/lib/api/client'
import { instantCell, numberCell, rowsPath, textCell } from '@/lib/api/rows'
import { snippets } from '@/lib/api/snippets'
import { RUNS, runOf } from '@/lib/grid/intervals'
import type { Columns } from '@/lib/api/types'
import type { MarketClock } from '@/lib/time/markets'
import { hourEndingText, intervalText, isoInstant } from '@/lib/time/format'
import { dayOf } from '@/lib/time/zone'
import { countText, numberText } from '@/lib/units/format'
import { useScope } from '@/lib/url/scope'
import { setParams, useParam } from '@/lib/url/use-place'
import { DATASET, LIVE_RUN } from './model'

interface ExplainProps {
  id: string
  market: string
  start: number
  unit: string
  clock: MarketClock
}

const SLOT_MS = 300_000

/** The chosen interval: every revision it had, where it came from, and the programs that give the same number. */
export function Explain({ id, market, start, unit, clock }: ExplainProps) {
  const { asOf, tz } = useScope()
  const run = runOf(useParam('run'))
  const query = useQuery({
    queryKey: ['history', id, start, asOf],
    queryFn: ({ signal }) => getJson<Columns>(`/v1/datasets/${DATASET}/history`, { market, market_run: LIVE_RUN, location: id, interval_start: isoInstant(start), as_of: asOf }, signal),
    refetchInterval: asOf === undefined ? 30_000 : false,
  })
  return (
    <section className="explain" aria-label="Interval">
      <h2>{dayOf(clock.zone, start)} {hourEndingText(tz, clock.zone, start)}{intervalText(clock.zone, start, start + SLOT_MS)} <span className="dim">{clock.abbreviation}</span></h2>
      <div className="explain-head">
        <h3>What makes the price</h3>
        <div className="segmented" role="group" aria-label="Market run">{RUNS.map((one) => <button key={one} type="button" className="button small" aria-pressed={run === one} onClick={() => setParams({ run: one === LIVE_RUN ? null : one }, 'replace')}>{one}</button>)}</div>
      </div>
      <PriceExplainer location={id} market={market} run={run} start={start} />
      <h3>How the RT5 price came to be known</h3>
      <QueryStates query={query} lines={4} still="The charts above keep their data.">
        {(answer) => {
          const { columns, count } = answer
          const last = count - 1
          if (last < 0) return <p className="dim">No real-time price is known for this interval; it is a gap, not a zero. Data status says why.</p>
          const read = snippets(window.location.origin, rowsPath(DATASET), { market, market_run: LIVE_RUN, location: id, start: isoInstant(start), end: isoInstant(start + SLOT_MS), as_of: asOf ?? answer.as_of })
          return (
            <>
              <table className="grid-table dense revisions">
                <thead><tr><th>Revision</th><th className="number">{unit}</th><th className="number">Change</th><th>Published</th><th>Stage</th></tr></thead>
                <tbody>
                  {Array.from({ length: count }, (_, row) => (
                    <tr key={row}>
                      <td>{numberText(numberCell(columns, 'revision', row), 0)}{row === last ? <span className="dim"> in force</span> : null}</td>
                      <td className="number">{numberText(numberCell(columns, 'price_per_mwh', row))}</td>
                      <td className="number">{row === 0 ? '' : <Difference value={numberCell(columns, 'price_per_mwh', row) - numberCell(columns, 'price_per_mwh', row - 1)} />}</td>
                      <td><InstantLabel instant={instantCell(columns, 'published_at', row)} market={market} seconds /></td>
                      <td className="dim">{textCell(columns, 'stage', row)}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
              <dl className="facts">
                <dt>Source</dt><dd>{textCell(columns, 'source', last) || 'not stated'}</dd>
                <dt>Received</dt><dd><InstantLabel instant={instantCell(columns, 'received_at', last)} market={market} seconds /></dd>
                <dt>Read as of</dt><dd><InstantLabel instant={Date.parse(answer.as_of)} market={market} seconds />, store position {countText(answer.commit)}</dd>
                <dt>Lineage</dt><dd className="mono"><Lineage id={textCell(columns, 'lineage', last)} /></dd>
              </dl>
              <SnippetTabs snippets={read} />
            </>
          )
        }}
      </QueryStates>
    </section>
  )
}

function Lineage({ id }: { id: string }) {
  if (id === '') return <span className="dim">observed; no calculation made it</span>
  return <a href={`/v1/lineage/${encodeURIComponent(id)}`} target="_blank" rel="noreferrer">{id}</a>
}
