import { useQuery } from '@tanstack/react-query'
import { useCallback, useMemo, useRef, useState } from 'react'
import { useSearch } from '@/components/SearchBox'
import { PageHead } from '@/components/labels'
import { EmptyState, ProblemPanel, RefusedPanel, Skeleton } from '@/components/states'
import { Link } from '@/components/Link'
import { locationsQuery, useDataset, useUnit } from '@/lib/api/queries'
import { useStreamStatus } from '@/lib/stream/stream-context'
import { useScope } from '@/lib/url/scope'
import { place, setParams, usePlace } from '@/lib/url/use-place'
import { useNarrow } from '@/lib/use-narrow'
import { Backfills, Notices } from './Notices'
import { PriceCards } from './PriceCards'
import { PriceDrawer } from './PriceDrawer'
import { PriceFigures } from './PriceFigures'
import { PriceGrid } from './PriceGrid'
import { HeatView } from './HeatView'
import { useGridKeys } from './grid-keys'
import { DATASET, type PricesModel } from './model'
import { type ColumnId, candidates, figures, formatSort, nextSort, parseSort, shownRows, sorted } from './rows'
import { PriceTools } from './PriceTools'
import { priceTsv } from './tsv'
import { useFaces } from './use-faces'
import { useDayAhead, usePricesModel } from './use-prices'
import './prices.css'

function toggled(list: readonly string[], id: string): string {
  return (list.includes(id) ? list.filter((one) => one !== id) : [...list, id]).join(',')
}

const sortBy = (column: ColumnId, add: boolean) => setParams({ sort: formatSort(nextSort(parseSort(place().params.get('sort')), column, add)) }, 'replace')
const pin = (id: string) => setParams({ pin: toggled((place().params.get('pin') ?? '').split(',').filter(Boolean), id) }, 'replace')
const openRow = (id: string) => setParams({ row: id, at: null }, place().params.has('row') ? 'replace' : 'push')
/** The heat view keeps the day that it shows. */
const closeRow = () => setParams({ row: null, at: null, run: null, ...(place().params.get('view') === 'heat' ? {} : { day: null }) })

/** Why there is no grid, when there is none. */
function Absence({ model, empty, market }: { model: PricesModel; empty: boolean; market: string | undefined }) {
  if (model.phase === 'failed' && model.problem !== undefined) return <ProblemPanel problem={model.problem} still="Data status and datasets still work." retry={() => window.location.reload()} />
  if (model.phase === 'revoked') return <RefusedPanel missing={model.denied} remedy="The right to these prices was withdrawn while the page was open. A tenant administrator can say why." />
  if (empty && model.denied.length > 0) return <RefusedPanel missing={model.denied} />
  if (model.phase === 'loading') return <Skeleton lines={16} />
  return (
    <EmptyState title={market === undefined ? 'No prices yet' : `No prices of ${market} yet`} action={<Link className="button" to="/status">Look at the feeds</Link>}>
      Live prices by location appear here with the first real-time interval of a feed. Start one with powerdesk up --feeds sim, or import a file with powerdesk import.
    </EmptyState>
  )
}

export default function PricesPage() {
  const { market, asOf } = useScope()
  const { params } = usePlace()
  const { model, version } = usePricesModel(market, asOf)
  const prices = useDayAhead(market, asOf)
  const locations = useQuery(locationsQuery).data
  const dataset = useDataset(DATASET)
  const stream = useStreamStatus()
  const narrow = useNarrow()
  const [active, setActive] = useState(-1)
  const [column, setColumn] = useState<ColumnId | undefined>(undefined)

  const names = useMemo(() => new Map(locations?.map((one) => [one.id, one])), [locations])
  const [search, type] = useSearch()
  const kind = params.get('kind')
  const sortText = params.get('sort')
  const pinText = params.get('pin') ?? ''
  const view = params.get('view') === 'heat' ? 'heat' : 'grid'
  const selected = params.get('row')
  const sort = useMemo(() => parseSort(sortText), [sortText])
  const pins = useMemo(() => pinText.split(',').filter(Boolean), [pinText])
  const { store, order } = model
  const { membership } = store
  const all = useMemo(
    () => candidates(store, names),
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the store changes in place; membership says when
    [store, membership, names],
  )
  const ordered = useMemo(
    () => sorted(store, all, prices, sort),
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the store changes in place; order says when
    [store, all, order, prices, sort],
  )
  const rows = useMemo(() => shownRows(ordered, { search, kind, pins }), [ordered, search, kind, pins])
  const unit = useUnit(DATASET, 'price_per_mwh', useMemo(() => new Set(all.map(({ row }) => store.text('currency', row))), [all, store]))
  const main = useRef<HTMLDivElement>(null)
  const scroller = useRef<HTMLDivElement>(null)
  const faces = useFaces(main, unit)
  const kinds = useMemo(() => [...new Set(all.map(({ kind }) => kind))].filter((one) => one !== ''), [all])
  const tsv = useCallback(() => priceTsv(store, rows, prices, unit), [store, rows, prices, unit])
  const ids = useCallback((index: number) => store.keys[rows[index] ?? -1], [store, rows])
  const activeNow = Math.min(active, rows.length - 1)
  useGridKeys({ count: rows.length, active: activeNow, setActive, column, setColumn, id: ids, isOpen: selected !== undefined, open: openRow, pin, tsv })
  const open = useCallback((id: string) => {
    setActive(rows.findIndex((row) => store.keys[row] === id))
    openRow(id)
  }, [rows, store])

  const selectedRow = selected === undefined ? undefined : store.rows.get(selected)
  const filtered = search !== '' || kind !== undefined
  const isEmpty = rows.length === 0 && (!filtered || all.length === 0)
  const frozen = asOf === undefined && stream.phase === 'retrying'
  return (
    <>
      <PageHead title="Live prices" figures={<PriceFigures model={model} version={version} rows={rows} names={names} prices={prices} unit={unit} rule={dataset?.freshness} />} />
      <Notices model={model} version={version} stream={stream} market={market} />
      <div className="price-split">
        <div ref={main} className={frozen ? 'price-main frozen' : 'price-main'}>
          <PriceTools type={type} kind={kind} kinds={kinds} count={rows.length} view={view} faces={faces} tsv={tsv} />
          <Backfills />
          {isEmpty ? <Absence model={model} empty={isEmpty} market={market} /> : null}
          {rows.length === 0 && !isEmpty ? (
            <EmptyState title="No location is called that" action={<button type="button" className="button" onClick={() => setParams({ q: null, kind: null }, 'replace')}>Show all</button>}>Nothing in scope answers the search.</EmptyState>
          ) : null}
          {rows.length === 0 ? null : view === 'heat'
            ? <HeatView store={store} rows={rows} names={names} unit={unit} active={activeNow} onOpen={open} selected={selected} />
            : narrow
              ? <PriceCards model={model} rows={rows} names={names} prices={prices} unit={unit} rule={dataset?.freshness} onOpen={open} />
              : <PriceGrid faces={faces.shown} scroller={scroller} model={model} version={version} rows={rows} names={names} prices={prices} unit={unit} rule={dataset?.freshness} sort={sort} pins={pins} active={activeNow} column={column} selected={selected} onSort={sortBy} onOpen={open} onPin={pin} />}
        </div>
        {selected === undefined || model.phase === 'revoked' ? null : <PriceDrawer key={selected} id={selected} location={names.get(selected)} unit={unit} found={selectedRow === undefined ? undefined : figures(store, selectedRow, prices)} rule={dataset?.freshness} onClose={closeRow} />}
      </div>
    </>
  )
}
