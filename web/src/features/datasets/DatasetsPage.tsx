import { useQuery } from '@tanstack/react-query'
import { Link } from '@/components/Link'
import { SearchBox, useSearch } from '@/components/SearchBox'
import { KeyFigure, PageHead } from '@/components/labels'
import { EmptyState, QueryStates } from '@/components/states'
import { datasetsQuery } from '@/lib/api/queries'
import type { Dataset } from '@/lib/api/types'
import { answers } from '@/lib/searching'
import { countText, spanText } from '@/lib/units/format'
import { setParams } from '@/lib/url/use-place'
import './datasets.css'

function unitsOf(dataset: Dataset): string {
  return [...new Set(dataset.columns.flatMap((column) => (column.unit === null ? [] : [column.unit])))].join(', ')
}

/** The catalogue, straight from the declarations. */
export default function DatasetsPage() {
  const query = useQuery(datasetsQuery)
  const [search, type] = useSearch()
  const position = query.data?.reduce((newest, one) => Math.max(newest, one.position), 0)
  return (
    <>
      <PageHead title="Datasets" figures={query.data === undefined ? undefined : <><KeyFigure name="Declared">{query.data.length}</KeyFigure><KeyFigure name="Store position" note="batches accepted">{countText(position ?? 0)}</KeyFigure></>}
        actions={<SearchBox label="Search datasets" type={type} />} />
      <div className="page-scroll">
        <QueryStates query={query} lines={10}>
          {(datasets) => {
            const isWanted = answers(search)
            const found = datasets.filter((one) => isWanted(`${one.id} ${one.title} ${one.meaning} ${one.columns.map((column) => column.name).join(' ')}`))
            if (found.length === 0) return <EmptyState title="No dataset answers the search" action={<button type="button" className="button" onClick={() => setParams({ q: null }, 'replace')}>Show all</button>}>Titles, meanings and column names were searched.</EmptyState>
            return (
              <section className="panel" aria-label="Catalogue">
                <table className="grid-table catalogue">
                  <thead><tr><th>Dataset</th><th>Grain</th><th>Units</th><th>Freshness</th><th>Published</th><th>Product</th></tr></thead>
                  <tbody>
                    {found.map((one) => (
                      <tr key={one.id}>
                        <td><Link to={`/datasets/${one.id}`}>{one.title}</Link> <code className="dim">{one.id}</code><p className="dim small">{one.meaning}</p></td>
                        <td className="small">{one.grain}</td>
                        <td className="nowrap">{unitsOf(one) || <span className="dim">none</span>}</td>
                        <td className="nowrap"><div>late {spanText(one.freshness.late_after_s)}</div><div>stale {spanText(one.freshness.stale_after_s)}</div></td>
                        <td className="small">{one.publication.meaning}</td>
                        <td><span className="tag">{one.product}</span></td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              </section>
            )
          }}
        </QueryStates>
      </div>
    </>
  )
}
