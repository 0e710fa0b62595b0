import { type UseQueryResult, useQuery } from '@tanstack/react-query'
import { Link } from '@/components/Link'
import { SnippetTabs } from '@/components/SnippetTabs'
import { AsOfBadge, KeyFigure, PageHead } from '@/components/labels'
import { QueryStates } from '@/components/states'
import { getJson } from '@/lib/api/client'
import { rowsPath } from '@/lib/api/rows'
import { snippets } from '@/lib/api/snippets'
import type { Dataset, DatasetColumn } from '@/lib/api/types'
import { isoInstant } from '@/lib/time/format'
import { serverNow } from '@/lib/time/use-now'
import { HOUR_MS } from '@/lib/time/zone'
import { countText, spanText } from '@/lib/units/format'
import { useScope } from '@/lib/url/scope'
import { SampleTable } from './SampleTable'
import './datasets.css'

function ColumnTable({ columns }: { columns: readonly DatasetColumn[] }) {
  return (
    <section className="panel" aria-labelledby="columns-head">
      <header><h2 id="columns-head">Columns</h2></header>
      <table className="grid-table column-table">
        <thead><tr><th>Column</th><th>Type</th><th>Unit</th><th>Meaning</th></tr></thead>
        <tbody>
          {columns.map((column) => (
            <tr key={column.name}>
              <td><code>{column.name}</code> {column.key ? <span className="tag">key</span> : null}</td>
              <td className="dim nowrap">{column.dtype}{column.nullable ? ', may be absent' : ''}</td>
              <td className="nowrap">{column.unit ?? <span className="dim">–</span>}</td>
              <td>{column.meaning}{column.allowed === null ? null : <span className="dim small"> One of {column.allowed.join(', ')}.</span>}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}

function Rules({ dataset }: { dataset: Dataset }) {
  return (
    <section className="panel" aria-labelledby="rules-head">
      <header><h2 id="rules-head">Rules</h2></header>
      <dl className="facts body">
        <dt>Grain</dt><dd>{dataset.grain}</dd>
        <dt>Key</dt><dd><code>{dataset.key.join(', ')}</code></dd>
        <dt>Published</dt><dd>{dataset.publication.meaning} <span className="dim">({dataset.publication.name})</span></dd>
        <dt>Late, stale</dt><dd>after {spanText(dataset.freshness.late_after_s)}, after {spanText(dataset.freshness.stale_after_s)}</dd>
        <dt>Kept</dt><dd>{dataset.retention_s === null ? 'for good' : spanText(dataset.retention_s)}</dd>
        <dt>Entitlement</dt><dd>product <code>{dataset.product}</code> of the row&rsquo;s market</dd>
      </dl>
    </section>
  )
}

function Licences({ dataset }: { dataset: Dataset }) {
  return (
    <section className="panel" aria-labelledby="licence-head">
      <header><h2 id="licence-head">Licences of the sources</h2></header>
      <table className="grid-table">
        <thead><tr><th>Source</th><th>Licence</th><th>Derive</th><th>Redistribute</th></tr></thead>
        <tbody>
          {dataset.licences.map((one) => (
            <tr key={one.source}><td>{one.source}</td><td title={one.attribution}>{one.name}</td><td>{one.derive ? 'yes' : 'no'}</td><td>{one.redistribute ? 'yes' : 'no'}</td></tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}

function useDetail(id: string, asOf: string | undefined): UseQueryResult<Dataset> {
  return useQuery({ queryKey: ['dataset', id, asOf], queryFn: ({ signal }) => getJson<Dataset>(`/v1/datasets/${encodeURIComponent(id)}`, { as_of: asOf }, signal) })
}

/** One dataset: what it means, its columns and units, rules, licences, the newest rows, and how to read it by program. */
export default function DatasetPage({ rest: id }: { rest: string }) {
  const { asOf, market } = useScope()
  const query = useDetail(id, asOf)
  return (
    <QueryStates query={query} lines={14}>
      {(dataset) => {
        const end = Math.floor((asOf === undefined ? serverNow() : Date.parse(asOf)) / HOUR_MS) * HOUR_MS
        const read = snippets(window.location.origin, rowsPath(id), { market, start: isoInstant(end - 24 * HOUR_MS), end: isoInstant(end), as_of: asOf })
        return (
          <>
            <PageHead title={dataset.title} figures={<><KeyFigure name="Columns" note={`${dataset.key.length} of them the key`}>{dataset.columns.length}</KeyFigure><KeyFigure name="Store position" note="last batch with it">{countText(dataset.position)}</KeyFigure><KeyFigure name="Declaration">v{dataset.version}</KeyFigure></>}
              actions={<><AsOfBadge /><Link className="button quiet" to="/datasets">All datasets</Link></>} />
            <div className="page-scroll dataset-page">
              <p className="meaning">{dataset.meaning} <code className="dim">{dataset.id}</code></p>
              <SampleTable dataset={dataset} />
              <div className="stack"><ColumnTable columns={dataset.columns} /></div>
              <div className="stack side">
                <Rules dataset={dataset} />
                <section className="panel" aria-labelledby="read-head">
                  <header><h2 id="read-head">Read it by program</h2></header>
                  <div className="body"><p className="dim small">The last 24 hours{asOf === undefined ? '' : ', as known at the chosen moment'}. Make a key under <Link to="/access">Access</Link>.</p><SnippetTabs snippets={read} /></div>
                </section>
                <Licences dataset={dataset} />
              </div>
            </div>
          </>
        )
      }}
    </QueryStates>
  )
}
