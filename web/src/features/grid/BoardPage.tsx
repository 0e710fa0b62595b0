import { useQuery } from '@tanstack/react-query'
import { useMemo, useState } from 'react'
import { Drawer } from '@/components/Drawer'
import { Link } from '@/components/Link'
import { useSearch } from '@/components/SearchBox'
import { VirtualTable } from '@/components/VirtualTable'
import { AgeLabel, AsOfBadge, KeyFigure, PageHead } from '@/components/labels'
import { EmptyState, ProblemPanel, Skeleton } from '@/components/states'
import { problemOf } from '@/lib/api/problem'
import { locationsQuery, useDataset, useUnit } from '@/lib/api/queries'
import { bindingsOf } from '@/lib/grid/binding'
import { type BoardRow, boardRows } from '@/lib/grid/board'
import { likeliest, useForecast } from '@/lib/grid/forecast'
import type { Run } from '@/lib/grid/intervals'
import { useConstraints, useNewest, useOneMarket, useShadowPrices } from '@/lib/grid/queries'
import { kindRank } from '@/lib/kinds'
import { answers } from '@/lib/searching'
import { clickedSort, parseOneSort, sortedBy } from '@/lib/sorting'
import { chosenClock } from '@/lib/time/markets'
import { useNowEvery } from '@/lib/time/use-now'
import { clockText } from '@/lib/time/format'
import { HOUR_MS, addDays, dayOf, dayStart, hourEndingLabel } from '@/lib/time/zone'
import { countText, numberText } from '@/lib/units/format'
import { useScope } from '@/lib/url/scope'
import { place, setParams, useParam } from '@/lib/url/use-place'
import { ConstraintDetail } from './ConstraintDetail'
import { GridTools } from './GridTools'
import { NoMarket } from './NoMarket'
import { StandingNotice } from './StandingNotice'
import { boardColumns } from './board-columns'
import { useFactors } from './factors'
import './grid.css'

const BOTH: readonly Run[] = ['DA', 'RT5']
const LIVE: readonly Run[] = ['RT5']
const SLOT_MS = 300_000
const STANDARD = { column: 'now', descending: true }
const FILTERS: readonly [id: string, words: string, keep: (row: BoardRow) => boolean][] = [
  ['all', 'All', () => true], ['now', 'Binding now', (row) => row.now > 0], ['rt', 'RT, not DA', (row) => row.since === 'rt'], ['da', 'DA, not RT', (row) => row.since === 'da'],
]
const rowId = (row: BoardRow) => row.name
const open = (id: string) => setParams({ row: id }, place().params.has('row') ? 'replace' : 'push')
const close = () => setParams({ row: null, span: null })

/** Seven days of what bound, the past ones read once and today's with every interval. */
function useBoard(market: string | undefined) {
  const { asOf, tz } = useScope()
  const now = useNowEvery(60_000)
  const moment = asOf === undefined ? now : Date.parse(asOf)
  const clock = useMemo(() => chosenClock(tz, market), [tz, market])
  const locations = useQuery(locationsQuery).data
  const first = useMemo(() => locations?.filter((one) => one.market === market).sort((a, b) => kindRank(a.kind) - kindRank(b.kind))[0]?.id, [locations, market])
  const newest = useNewest('RT5', first)
  const day = dayOf(clock.zone, moment)
  const today = dayStart(clock.zone, day)
  const before = useShadowPrices(market, BOTH, dayStart(clock.zone, addDays(day, -6)), today, undefined)
  const sinceToday = useShadowPrices(market, BOTH, today, dayStart(clock.zone, addDays(day, 1)), newest)
  const constraints = useConstraints(market).data
  const rows = useMemo(
    () => boardRows([...bindingsOf(before.data), ...bindingsOf(sinceToday.data)], constraints ?? new Map(), { newest: newest ?? Number.NaN, today, now: moment }),
    [before.data, sinceToday.data, constraints, newest, today, moment],
  )
  const currencies = [before.data, sinceToday.data].flatMap((one) => (one === undefined || one.count === 0 ? [] : [one.text('currency', 0)]))
  const unit = useUnit('grid.shadow_prices', 'shadow_price_per_mwh', currencies)
  return {
    rows, newest, day, unit, tz, clock, moment, constraints, isLoading: before.isPending || sinceToday.isPending, error: sinceToday.error ?? before.error,
    isPartial: before.data?.isPartial === true || sinceToday.data?.isPartial === true, retry: () => void Promise.all([before.refetch(), sinceToday.refetch()]),
  }
}

function Figures({ rows, newest, unit, isKnown }: { rows: readonly BoardRow[]; newest: number | undefined; unit: string; isKnown: boolean }) {
  const bound = rows.filter((row) => row.now > 0)
  const rule = useDataset('markets.prices')?.freshness
  const dearest = bound.reduce<BoardRow | undefined>((most, row) => (most === undefined || row.now > most.now ? row : most), undefined)
  return (
    <>
      <KeyFigure name="Binding now" unit="RT5" note={newest === undefined ? undefined : <AgeLabel instant={newest + SLOT_MS} rule={rule} />}>{newest === undefined ? '–' : bound.length}</KeyFigure>
      <KeyFigure name="Dearest" unit={unit} note={dearest?.name}>{dearest === undefined ? '–' : numberText(dearest.now)}</KeyFigure>
      <KeyFigure name="RT, not DA" note="this hour">{newest === undefined ? '–' : rows.filter((row) => row.since === 'rt').length}</KeyFigure>
      <KeyFigure name="DA, not RT" note="this hour">{newest === undefined ? '–' : rows.filter((row) => row.since === 'da').length}</KeyFigure>
      <KeyFigure name="Bound in 7 days" note="DA or RT">{isKnown ? countText(rows.length) : '–'}</KeyFigure>
    </>
  )
}

function Absence({ market, isFiltered }: { market: string; isFiltered: boolean }) {
  if (isFiltered) return <EmptyState title="No constraint answers" action={<button type="button" className="button" onClick={() => setParams({ q: null, show: null }, 'replace')}>Show all</button>}>Nothing that bound in seven days answers the search and the filter.</EmptyState>
  return (
    <EmptyState title={`Nothing bound in ${market} in seven days`} action={<Link className="button" to="/datasets/grid.shadow_prices">Look at the dataset</Link>}>
      Constraints appear here with the first interval in which one binds. The simulated market publishes its own: powerdesk up --feeds sim.
    </EmptyState>
  )
}

/** Which limits bind, what they cost, whom they move, and what changed since day-ahead. */
export default function BoardPage() {
  const market = useOneMarket()
  if (market === undefined) return <NoMarket title="Constraints">Constraints appear here with the first interval in which one binds.</NoMarket>
  return <Board market={market} />
}

function Board({ market }: { market: string }) {
  const { rows, newest, day, unit, tz, clock, moment, constraints, isLoading, isPartial, error, retry } = useBoard(market)
  const [search, type] = useSearch()
  const show = useParam('show') ?? 'all'
  const selected = useParam('row')
  const sort = parseOneSort(useParam('sort'), STANDARD)
  const [shown, setShown] = useState<readonly string[]>([])
  const inView = useMemo(() => new Set(shown), [shown])
  const all = useMemo(() => rows.map(rowId), [rows])
  const factors = useFactors(market, all, inView)
  const forecast = useForecast(market, LIVE, Math.floor(moment / HOUR_MS) * HOUR_MS).data
  const columns = useMemo(() => boardColumns(unit, factors, likeliest(forecast ?? []), (start) => (tz === 'market' ? `HE ${hourEndingLabel(clock.zone, start)}` : clockText(clock.zone, start))), [unit, factors, forecast, tz, clock])
  const keep = FILTERS.find(([id]) => id === show)?.[2]
  const isWanted = answers(search)
  const found = rows.filter((row) => keep?.(row) !== false && isWanted(`${row.name} ${row.constraint?.monitored ?? ''} ${row.constraint?.contingency ?? ''}`))
  const value = columns.find((one) => one.id === sort.column)?.value ?? rowId
  const ordered = sortedBy(sort.column === STANDARD.column ? sortedBy(found, (row) => row.week_h, true) : found, value, sort.descending)
  const onSort = (column: string, isNumber: boolean) => setParams({ sort: clickedSort(sort, column, isNumber) }, 'replace')
  const chosen = selected === undefined ? undefined : constraints?.get(selected)
  return (
    <>
      <PageHead title="Constraints" figures={<Figures rows={rows} newest={newest} unit={unit} isKnown={rows.length > 0 || (!isLoading && error === null)} />} />
      <div className="grid-split">
        <div className="grid-main">
          <GridTools label="Search constraints" type={type} note={`${countText(ordered.length)} shown, ${market}`}>
            <div className="segmented" role="group" aria-label="Which constraints">
              {FILTERS.map(([id, name]) => <button key={id} type="button" className="button small" aria-pressed={show === id} onClick={() => setParams({ show: id === 'all' ? null : id }, 'replace')}>{name}</button>)}
            </div>
          </GridTools>
          <StandingNotice newestEnd={newest === undefined ? undefined : newest + SLOT_MS} />
          {isPartial ? <p className="grid-notice" role="status">More bound in these seven days than is read at once: hours and means are of the first 60 000 rows. The dataset has them all.</p> : null}
          {rows.length === 0 && isLoading ? <Skeleton lines={14} /> : rows.length === 0 && error !== null ? <ProblemPanel problem={problemOf(error)} retry={retry} still="Prices and data status still work." />
            : ordered.length === 0 ? <Absence market={market} isFiltered={rows.length > 0} />
              : <VirtualTable label="Constraints that bound in seven days" columns={columns} rows={ordered} id={rowId} sort={sort} onSort={onSort} selected={selected} onOpen={open} row_px={40} onShown={setShown} tone={(row) => (row.now > 0 ? 'binds' : '')} />}
        </div>
        {selected === undefined ? null : (
          <Drawer title={<div className="drawer-title"><h2>{selected}</h2><AsOfBadge market={market} /></div>} onClose={close}>
            {constraints === undefined ? <Skeleton lines={10} /> : chosen === undefined
              ? <EmptyState title="No constraint is called that">{market} declares no constraint of this name by the moment shown.</EmptyState>
              : <>
                <Link className="button small" to="/map" patch={{ line: chosen.name }}>Show on the map</Link>
                <ConstraintDetail market={market} constraint={chosen} day={day} at={newest} run="RT5" newest={newest} unit={unit} />
              </>}
          </Drawer>
        )}
      </div>
    </>
  )
}
