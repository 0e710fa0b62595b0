import { Link } from '@/components/Link'
import { InstantLabel, StatusPill, TimeLabel, type Tone } from '@/components/labels'
import { problemOf } from '@/lib/api/problem'
import type { Cell, Dataset, FreshnessState, Gap, Quality } from '@/lib/api/types'
import { ageText } from '@/lib/time/format'
import { countText, numberText, unitIn, shareText } from '@/lib/units/format'

export interface QualityCell {
  dataset: Dataset
  market: string
  quality: Quality | undefined
  error: Error | null
}

const TONES: Record<FreshnessState, Tone> = { ok: 'ok', late: 'warn', stale: 'alarm', never: 'dim' }

function Freshness({ quality }: { quality: Quality }) {
  const { state, age_s } = quality.freshness
  const age = age_s === null ? undefined : age_s < 0 ? `${ageText(-age_s * 1000)} ahead` : ageText(age_s * 1000)
  return <StatusPill tone={TONES[state]}>{state === 'ok' ? 'fresh' : state}{age === undefined ? null : <span className="dim"> {age}</span>}</StatusPill>
}

/** Share present as text and a bar; what is missing is the gap at the end of the bar. */
function Completeness({ quality }: { quality: Quality }) {
  if (quality.completeness === null) return <span className="dim small" title="Nothing says how many rows were due">not counted</span>
  return (
    <span className="completeness">
      <svg width="60" height="6" viewBox="0 0 60 6" aria-hidden="true"><rect width="60" height="6" className="track" /><rect width={60 * quality.completeness} height="6" className="fill" /></svg>
      <span>{shareText(quality.completeness)}</span>
    </span>
  )
}

function QualityBox({ cell }: { cell: QualityCell | undefined }) {
  if (cell === undefined) return null
  if (cell.quality === undefined) {
    return cell.error === null ? <span className="dim">…</span> : <span className="dim" title={problemOf(cell.error).detail}>{problemOf(cell.error).title}</span>
  }
  if (cell.quality.left_out.length > 0) return <span className="dim">not entitled</span>
  if (cell.quality.freshness.state === 'never' && cell.quality.expected === 0) return <span className="dim">not collected</span>
  return <span className="quality-box"><Freshness quality={cell.quality} /><Completeness quality={cell.quality} /></span>
}

/** Freshness and completeness of every dataset by market. */
export function QualityTable({ cells, markets }: { cells: readonly QualityCell[]; markets: readonly string[] }) {
  const datasets = [...new Map(cells.map((cell) => [cell.dataset.id, cell.dataset])).values()]
  if (datasets.length === 0 || markets.length === 0) return null
  return (
    <section className="panel" aria-labelledby="quality-head">
      <header><h2 id="quality-head">Freshness and completeness</h2><span className="dim small">last 24 h, by each dataset&rsquo;s own rule</span></header>
      <table className="grid-table quality-table">
        <thead><tr><th>Dataset</th>{markets.map((market) => <th key={market}>{market}</th>)}</tr></thead>
        <tbody>
          {datasets.map((dataset) => (
            <tr key={dataset.id}>
              <td data-head=""><Link to={`/datasets/${dataset.id}`}>{dataset.title}</Link></td>
              {markets.map((market) => <td key={market} data-head={market}><QualityBox cell={cells.find((cell) => cell.dataset.id === dataset.id && cell.market === market)} /></td>)}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}

/** All series of a market and run, or the one that lacks the intervals. */
function seriesText(gap: Gap): string {
  const own = gap.series.filter((part) => part !== gap.market && part !== gap.market_run)
  return own.length === 0 || own.includes('*') ? `${gap.market}, all series` : own.join(' ')
}

export function GapTable({ cells }: { cells: readonly QualityCell[] }) {
  const gaps = cells.flatMap((cell) => (cell.quality?.gaps ?? []).map((gap) => ({ ...gap, dataset: cell.dataset })))
  const total = cells.reduce((sum, cell) => sum + (cell.quality?.gap_count ?? 0), 0)
  const isAnswered = cells.length > 0 && cells.every((cell) => cell.quality !== undefined)
  const isWhole = cells.every((cell) => cell.quality === undefined || cell.quality.left_out.length === 0)
  return (
    <section className="panel" aria-labelledby="gaps-head">
      <header><h2 id="gaps-head">Gaps</h2><span className="dim small">expected intervals that are not there, each with its reason{total > gaps.length ? `; ${countText(gaps.length)} of ${countText(total)} shown` : ''}</span></header>
      {gaps.length === 0 ? <p className="body dim">{!isAnswered ? 'Not every dataset has answered yet.' : isWhole ? 'None: every interval that was expected in the last 24 hours is stored.' : 'None among the datasets that this account may see.'}</p> : (
        <table className="grid-table gap-table">
          <thead><tr><th>Dataset</th><th>Series</th><th>From</th><th>To</th><th className="number">Intervals</th><th>Reason</th></tr></thead>
          <tbody>
            {gaps.map((gap, index) => (
              <tr key={index}>
                <td data-head="">{gap.dataset.title}</td>
                <td data-head="Series">{seriesText(gap)} {gap.market_run === null ? null : <span className="tag">{gap.market_run}</span>}</td>
                <td data-head="From"><InstantLabel instant={Date.parse(gap.start)} market={gap.market} /></td>
                <td data-head="To"><InstantLabel instant={Date.parse(gap.end)} market={gap.market} /></td>
                <td data-head="Intervals" className="number">{countText(gap.intervals)}</td>
                <td data-head="Reason" className="reason"><span className="tag">{gap.reason}</span> <span className="dim">{gap.detail}</span></td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  )
}

const text = (cell: Cell | undefined) => (cell === null || cell === undefined ? '' : String(cell))

/** The last corrections that sources made to what they had said before. */
export function RestatementTable({ cells }: { cells: readonly QualityCell[] }) {
  const rows = cells.flatMap((cell) => (cell.quality?.restatements.last ?? []).map((row) => ({ row, cell })))
  if (rows.length === 0) return null
  return (
    <section className="panel" aria-labelledby="restated-head">
      <header><h2 id="restated-head">Last restatements</h2><span className="dim small">corrections are new revisions; what was known before stays readable</span></header>
      <table className="grid-table gap-table">
        <thead><tr><th>Dataset</th><th>Series</th><th>Interval</th><th className="number">Now says</th><th className="number">Revision</th><th>Published</th></tr></thead>
        <tbody>
          {rows.map(({ row, cell }, index) => {
            const column = cell.dataset.columns.find((one) => one.dtype === 'float64' && !one.key && typeof row[one.name] === 'number')
            const value = column === undefined ? undefined : row[column.name]
            return (
              <tr key={index}>
                <td data-head="">{cell.dataset.title}</td>
                <td data-head="Series">{text(row['location'])} {row['market_run'] === undefined ? null : <span className="tag">{text(row['market_run'])}</span>}</td>
                <td data-head="Interval"><InstantLabel instant={Date.parse(text(row['interval_start']))} market={cell.market} /></td>
                <td data-head="Now says" className="number">{numberText(typeof value === 'number' ? value : null)} <span className="dim">{unitIn(column?.unit ?? '', [text(row['currency'])])}</span></td>
                <td data-head="Revision" className="number">{text(row['revision'])}</td>
                <td data-head="Published"><TimeLabel instant={Date.parse(text(row['published_at']))} market={cell.market} /></td>
              </tr>
            )
          })}
        </tbody>
      </table>
    </section>
  )
}
