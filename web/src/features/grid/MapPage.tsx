import { useCallback, useMemo } from 'react'
import { Link } from '@/components/Link'
import { useSearch } from '@/components/SearchBox'
import { VirtualTable } from '@/components/VirtualTable'
import { AgeLabel, KeyFigure, PageHead } from '@/components/labels'
import { EmptyState, QueryStates } from '@/components/states'
import { useDataset } from '@/lib/api/queries'
import { type Run, runOf, stepMs } from '@/lib/grid/intervals'
import type { Network } from '@/lib/grid/network'
import { useNetwork, useNetworkAt, useNewest, useOneMarket } from '@/lib/grid/queries'
import { answers } from '@/lib/searching'
import { clickedSort, parseOneSort, sortedBy } from '@/lib/sorting'
import { instantText, intervalText } from '@/lib/time/format'
import { hourEndingLabel } from '@/lib/time/zone'
import { countText, numberText } from '@/lib/units/format'
import { place, setParams, useParam } from '@/lib/url/use-place'
import { GridTools } from './GridTools'
import { MapCanvas } from './MapCanvas'
import { MapDrawer } from './MapDrawer'
import { MapLegend } from './MapLegend'
import { NoMarket } from './NoMarket'
import { StandingNotice } from './StandingNotice'
import { TimeSlider } from './TimeSlider'
import { type Cursor, useCursor } from './cursor'
import { type MapData, useMapData } from './map-data'
import { type BusRow, type LineRow, busColumns, busRows, lineColumns, lineRows } from './map-tables'
import type { Mark } from './scene'
import './grid.css'

const VIEWS = [['map', 'Map'], ['lines', 'Lines'], ['buses', 'Buses']] as const
const open = (name: 'row' | 'line', id: string) => setParams({ row: null, line: null, [name]: id }, place().params.has('row') || place().params.has('line') ? 'replace' : 'push')
const close = () => setParams({ row: null, line: null })
const openBus = (id: string) => open('row', id)
const openLine = (id: string) => open('line', id)
const lineId = (row: LineRow) => row.name
const busId = (row: BusRow) => row.bus.location

function Figures({ network, data, cursor, run }: { network: Network; data: MapData; cursor: Cursor; run: Run }) {
  const prices = [...(data.snapshot?.price ?? [])].filter(Number.isFinite)
  const { at, clock } = cursor
  const fullest = data.loadings.reduce((most, share, index) => (share > (data.loadings[most] ?? -1) || !Number.isFinite(data.loadings[most]) ? index : most), 0)
  const rule = useDataset('markets.prices')?.freshness
  return (
    <>
      <KeyFigure name={at === undefined ? 'Interval' : `${cursor.day}${cursor.tz === 'market' ? ` HE ${hourEndingLabel(clock.zone, at)}` : ''}`} unit={clock.abbreviation} note={at === undefined || run === 'DA' ? run : <AgeLabel instant={at + stepMs(run)} rule={cursor.follows ? rule : undefined} />}>{at === undefined ? '–' : intervalText(clock.zone, at, at + stepMs(run))}</KeyFigure>
      <KeyFigure name={`${run} low – high`} unit={data.unit}>{prices.length === 0 ? '–' : <>{numberText(Math.min(...prices))} <span className="dim">–</span> {numberText(Math.max(...prices))}</>}</KeyFigure>
      <KeyFigure name="Binding limits" note={data.bindings[0] === undefined ? undefined : `dearest ${numberText(data.bindings[0].shadow)} ${data.unit}`}>{data.snapshot === undefined ? '–' : data.bindings.length}</KeyFigure>
      <KeyFigure name="Fullest line" unit="% of limit" note={network.branches[fullest]?.name}>{numberText((data.loadings[fullest] ?? Number.NaN) * 100, 0)}</KeyFigure>
    </>
  )
}

/** What is told of a bus or a line where it is pointed at or walked to. */
function telling(network: Network, data: MapData, run: Run) {
  return (mark: Mark): readonly string[] => {
    if (mark.kind === 'bus') {
      const bus = network.buses[mark.at]
      const plants = network.generators.filter((one) => one.location === bus?.location)
      return [bus?.name ?? '', `${run} ${numberText(data.snapshot?.price[mark.at])} ${data.unit}`, ...plants.map((one) => `${one.name}, ${one.fuel}, ${numberText(one.capacity_mw, 0)} MW`)]
    }
    const branch = network.branches[mark.at]
    const bound = data.binding.get(mark.at)
    const flow = data.snapshot?.flow_mw[mark.at] ?? bound?.flow_mw ?? Number.NaN
    const limit = data.snapshot?.limit_mw[mark.at] ?? Number.NaN
    const known = Number.isFinite(flow) ? `${numberText(Math.abs(flow), 0)} of ${numberText(Number.isFinite(limit) ? limit : branch?.rating_mw, 0)} MW${Number.isFinite(data.loadings[mark.at]) ? `, ${numberText((data.loadings[mark.at] ?? 0) * 100, 1)}%` : ''}` : `flow not known, limit ${numberText(branch?.rating_mw, 0)} MW`
    const contingency = data.constraints.get(bound?.constraint ?? '')?.contingency ?? ''
    return [branch?.name ?? '', known, ...(bound === undefined ? [] : [`binds at ${numberText(bound.shadow)} ${data.unit}${contingency === '' ? '' : ` after the loss of ${contingency}`}`])]
  }
}

function Tables({ view, network, data, search }: { view: string; network: Network; data: MapData; search: string }) {
  const isLines = view === 'lines'
  const sort = parseOneSort(useParam('sort'), { column: isLines ? 'loading' : 'price', descending: true })
  const onSort = (column: string, isNumber: boolean) => setParams({ sort: clickedSort(sort, column, isNumber) }, 'replace')
  const selected = useParam(isLines ? 'line' : 'row')
  const isWanted = answers(search)
  if (isLines) {
    const columns = lineColumns(data.unit)
    const rows = sortedBy(lineRows(network, data).filter((row) => isWanted(`${row.name} ${row.constraint}`)), columns.find((one) => one.id === sort.column)?.value ?? lineId, sort.descending)
    return <VirtualTable label="Lines of the grid" columns={columns} rows={rows} id={lineId} sort={sort} onSort={onSort} selected={selected} onOpen={openLine} tone={(row) => (row.constraint === '' ? '' : 'binds')} />
  }
  const columns = busColumns(data.unit)
  const rows = sortedBy(busRows(network, data).filter((row) => isWanted(row.bus.location)), columns.find((one) => one.id === sort.column)?.value ?? busId, sort.descending)
  return <VirtualTable label="Buses of the grid" columns={columns} rows={rows} id={busId} sort={sort} onSort={onSort} selected={selected} onOpen={openBus} />
}

function MapBody({ model, market, run }: { model: Network; market: string; run: Run }) {
  const newest = useNewest(run, model.buses[0]?.location)
  const cursor = useCursor(market, run, newest)
  const network = useNetworkAt(model, market, cursor.at)
  const data = useMapData(network, market, run, cursor, newest)
  const hasFlows = useDataset('grid.flows') !== undefined && data.loadings.some(Number.isFinite)
  const view = useParam('view') ?? 'map'
  const [search, type] = useSearch()
  const row = useParam('row')
  const line = useParam('line')
  const found = useMemo(() => {
    const isWanted = answers(search)
    return search.trim() === '' ? undefined : new Set(network.buses.flatMap((bus, at) => (isWanted(bus.location) ? [at] : [])))
  }, [network, search])
  const plants = useMemo(() => new Set(network.generators.flatMap((one) => network.busAt.get(one.location) ?? [])), [network])
  const selected = useMemo((): Mark[] => {
    const bus = network.busAt.get(row ?? '')
    const branch = network.branchAt.get(data.constraints.get(line ?? '')?.monitored ?? line ?? '')
    return [...(bus === undefined ? [] : [{ kind: 'bus' as const, at: bus }]), ...(branch === undefined ? [] : [{ kind: 'branch' as const, at: branch }])]
  }, [network, row, line, data.constraints])
  const { snapshot, binding, scale } = data
  const scene = useMemo(() => ({ network, snapshot, binding, scale, plants, found, selected }), [network, snapshot, binding, scale, plants, found, selected])
  const tell = useMemo(() => telling(network, data, run), [network, data, run])
  const openMark = useCallback((mark: Mark) => {
    if (mark.kind === 'bus') open('row', network.buses[mark.at]?.location ?? '')
    else open('line', network.branches[mark.at]?.name ?? '')
  }, [network])
  return (
    <>
      <PageHead title="Network map" figures={<Figures network={network} data={data} cursor={cursor} run={run} />} />
      <div className="grid-split">
        <div className="grid-main">
          <GridTools label={view === 'lines' ? 'Search lines' : 'Search buses'} type={type} run={run} views={VIEWS} view={view} note={`${network.name}, ${countText(network.buses.length)} buses, ${countText(network.branches.length)} lines${network.unplaced > 0 ? `, ${network.unplaced} without a place` : ''}${network === model ? '' : `, as it stood from ${instantText(cursor.clock.zone, network.since)} ${cursor.clock.abbreviation}`}`} />
          {run === 'DA' ? null : <StandingNotice newestEnd={newest === undefined ? undefined : newest + stepMs(run)} />}
          {view !== 'map' ? <Tables view={view} network={network} data={data} search={search} /> : (
            <>
              <MapCanvas scene={scene} label={`Map of ${market}, ${run}: ${data.bindings.length} limits bind. Arrows walk the buses, b the binding lines, n the lines of a bus, Enter opens.`} tell={tell} open={openMark} />
              <MapLegend scale={data.scale} unit={data.unit} hasFlows={hasFlows} />
            </>
          )}
          {data.error === null ? null : <p className="grid-notice" role="alert">The interval could not be read: {data.error.message}. The map shows none of its figures.</p>}
          {data.snapshot !== undefined || data.isLoading || data.error !== null || cursor.at === undefined ? null : <p className="grid-notice" role="status">No price of {run} is known for this interval; the lines are as the model has them.</p>}
          <TimeSlider cursor={cursor} run={run} unit={data.unit} sums={data.sums} />
        </div>
        <MapDrawer network={network} data={data} market={market} run={run} cursor={cursor} row={row} line={line} onClose={close} />
      </div>
    </>
  )
}

/** The grid of one market in one interval: prices at its buses, loading of its lines, what binds. */
export default function MapPage() {
  const market = useOneMarket()
  const network = useNetwork(market)
  const run = runOf(useParam('run'))
  if (market === undefined) return <NoMarket title="Network map">A map needs the buses and branches of a grid model, and prices at them.</NoMarket>
  if (network.data === undefined || network.data === null) {
    return (
      <>
        <PageHead title="Network map" />
        <QueryStates query={network} lines={12} still="Prices and constraints still work.">
          {() => <EmptyState title={`No network of ${market} yet`} action={<Link className="button" to="/datasets/grid.networks">Look at the dataset</Link>}>A map needs the buses and branches of a grid model with a place for each. The simulated market publishes its own: powerdesk up --feeds sim.</EmptyState>}
        </QueryStates>
      </>
    )
  }
  return <MapBody key={`${market} ${network.data.name}`} model={network.data} market={market} run={run} />
}
