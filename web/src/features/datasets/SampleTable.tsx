import { useQuery } from '@tanstack/react-query'
import { useMemo } from 'react'
import { ColumnChooser } from '@/components/ColumnChooser'
import { EmptyState, QueryStates } from '@/components/states'
import { getJson } from '@/lib/api/client'
import type { Cell, Columns, Dataset, DatasetColumn } from '@/lib/api/types'
import { instantText } from '@/lib/time/format'
import { countText, numberText, unitIn } from '@/lib/units/format'
import { useClock, useScope } from '@/lib/url/scope'
import { useColumns } from '@/lib/url/use-columns'

/** Ratios and places in a layout need more decimals than power and money. */
const decimalsOf = ({ unit }: DatasetColumn) => (unit === null || unit === '1' ? 4 : 2)
const isNumber = ({ dtype }: DatasetColumn) => /^(float|int|uint)\d+$/.test(dtype)

function cellText(column: DatasetColumn, cell: Cell | undefined, zone: string): string {
  if (cell === null || cell === undefined) return '–'
  if (column.dtype === 'instant' && typeof cell === 'string') return instantText(zone, Date.parse(cell))
  if (typeof cell !== 'number') return String(cell)
  return column.dtype === 'float64' ? numberText(cell, decimalsOf(column)) : countText(cell)
}

const SAMPLE_ROWS = 5

function Rows({ dataset, sample, chosen }: { dataset: Dataset; sample: Columns; chosen: readonly string[] }) {
  const market = sample.columns['market']
  const first = market?.[0]
  const only = market?.every((one) => one === first) === true && typeof first === 'string' ? first : undefined
  const clock = useClock(only)
  const currencies = (sample.columns['currency'] ?? []).map(String)
  if (sample.count === 0) return <EmptyState title="Nothing stored yet">Rows appear with the first payload of a feed or the first imported file.</EmptyState>
  const shown = chosen.flatMap((name) => dataset.columns.find((column) => column.name === name && sample.columns[name] !== undefined) ?? [])
  return (
    <div className="scroll-x" tabIndex={0} role="region" aria-label="Newest rows">
      <table className="grid-table sample-table">
        <thead><tr>{shown.map((column) => (
          <th key={column.name} className={isNumber(column) ? 'number' : ''}>{column.name}{column.unit === null ? column.dtype === 'instant' ? <span className="unit"> {clock.abbreviation}</span> : null : <span className="unit"> {unitIn(column.unit, currencies)}</span>}</th>
        ))}</tr></thead>
        <tbody>{Array.from({ length: sample.count }, (_, row) => (
          <tr key={row}>{shown.map((column) => <td key={column.name} className={isNumber(column) ? 'number' : 'nowrap'}>{cellText(column, sample.columns[column.name]?.[row], clock.zone)}</td>)}</tr>
        ))}</tbody>
      </table>
    </div>
  )
}

/** The newest row of a few series, as known now or at the chosen moment. */
export function SampleTable({ dataset }: { dataset: Dataset }) {
  const { asOf, market } = useScope()
  const standard = useMemo(() => dataset.columns.map((column) => column.name), [dataset])
  const [chosen, choose] = useColumns(dataset.id, standard, standard)
  const query = useQuery({
    queryKey: ['sample', dataset.id, market, asOf],
    queryFn: ({ signal }) => getJson<Columns>(`/v1/datasets/${encodeURIComponent(dataset.id)}/latest`, { market, as_of: asOf, limit: SAMPLE_ROWS, allow_partial: true }, signal),
  })
  return (
    <section className="panel sample" aria-labelledby="sample-head">
      <header><h2 id="sample-head">Newest rows</h2><span className="dim small">of the first {SAMPLE_ROWS} series{market === undefined ? '' : ` of ${market}`}</span>
        <div className="actions"><ColumnChooser all={dataset.columns.map((column) => ({ id: column.name, name: column.name, meaning: column.meaning }))} chosen={chosen} shown={chosen} standard={standard} choose={choose} /></div></header>
      <QueryStates query={query} lines={SAMPLE_ROWS} still="The declaration is open to everyone.">{(sample) => <Rows dataset={dataset} sample={sample} chosen={chosen} />}</QueryStates>
    </section>
  )
}
