import { EmptyState, ProblemPanel } from '@/components/states'
import { isProblem } from '@/lib/api/problem'
import type { Cell, DatasetColumn, DatasetDetail } from '@/lib/api/types'
import { instantText } from '@/lib/time/format'
import { numberText } from '@/lib/units/format'
import { useClock } from '@/lib/url/scope'

function cellText(column: DatasetColumn, cell: Cell | undefined, zone: string): string {
  if (cell === null || cell === undefined) return '–'
  if (column.dtype === 'instant' && typeof cell === 'string') return instantText(zone, Date.parse(cell))
  if (typeof cell === 'number' && column.dtype === 'float64') return numberText(cell)
  return String(cell)
}

/** The five newest rows, or why they are not shown. */
export function SampleTable({ dataset }: { dataset: DatasetDetail }) {
  const { sample } = dataset
  const market = isProblem(sample) ? undefined : sample.columns['market']
  const first = market?.[0]
  const only = market?.every((one) => one === first) === true && typeof first === 'string' ? first : undefined
  const clock = useClock(only)
  const body = () => {
    if (isProblem(sample)) return <ProblemPanel problem={sample} still="The declaration above is open to everyone." />
    if (sample.count === 0) return <EmptyState title="Nothing stored yet">Rows appear with the first payload of a feed or the first imported file.</EmptyState>
    const shown = dataset.columns.filter((column) => sample.columns[column.name] !== undefined)
    return (
      <div className="scroll-x" tabIndex={0} role="region" aria-label="Newest rows">
        <table className="grid-table sample-table">
          <thead><tr>{shown.map((column) => (
            <th key={column.name} className={column.dtype === 'float64' ? 'number' : ''}>{column.name}{column.unit === null ? column.dtype === 'instant' ? <span className="unit"> {clock.abbreviation}</span> : null : <span className="unit"> {column.unit}</span>}</th>
          ))}</tr></thead>
          <tbody>{Array.from({ length: sample.count }, (_, row) => (
            <tr key={row}>{shown.map((column) => <td key={column.name} className={column.dtype === 'float64' ? 'number' : 'nowrap'}>{cellText(column, sample.columns[column.name]?.[row], clock.zone)}</td>)}</tr>
          ))}</tbody>
        </table>
      </div>
    )
  }
  return (
    <section className="panel sample" aria-labelledby="sample-head">
      <header><h2 id="sample-head">Newest rows</h2></header>
      {body()}
    </section>
  )
}
