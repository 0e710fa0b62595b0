import { type QueryKey, type UseQueryResult, keepPreviousData, queryOptions, skipToken, useQuery } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { type Rows, readDataset } from '@/lib/api/dataset-rows'
import { locationsQuery, useDataset } from '@/lib/api/queries'
import { useStream } from '@/lib/stream/stream-context'
import { isoInstant } from '@/lib/time/format'
import { useScope } from '@/lib/url/scope'
import { type Run, pieceOf, stepMs } from './intervals'
import { type Constraint, type Network, constraintsOf, networkOf } from './network'

const LASTING_MS = 600_000

/** Whether what was read before may stand while the next is read: the first `count` parts of the key are the same, so no figures of another market, run or line stand under this one's name. */
export function isSameRead(key: QueryKey, before: { queryKey: QueryKey } | undefined, count: number): boolean {
  return key.slice(0, count).every((part, at) => before?.queryKey[at] === part)
}

/** The market of a page that shows one: the scope's, else the simulated one, else the first by name. */
export function useOneMarket(): string | undefined {
  const { market } = useScope()
  const locations = useQuery(locationsQuery).data
  if (market !== undefined || locations === undefined) return market
  const all = new Set(locations.map((one) => one.market))
  return all.has('SIM') ? 'SIM' : [...all].sort()[0]
}

export function useNetwork(market: string | undefined): UseQueryResult<Network | null> {
  const { asOf } = useScope()
  return useQuery({
    queryKey: ['network', market, asOf], enabled: market !== undefined, staleTime: LASTING_MS,
    queryFn: async ({ signal }) => networkOf(await readDataset('grid.networks', 'latest', { market, as_of: asOf }, signal)) ?? null,
  })
}

/** Return when the network in force at an instant began, of the starts known; the first one for what lies before all. */
export function sinceAt(starts: readonly number[], at: number): number | undefined {
  return starts.filter((start) => start <= at).at(-1) ?? starts[0]
}

/** The network in force at an instant: the newest until the instant is known, and while an earlier one is read. */
export function useNetworkAt(newest: Network, market: string, at: number | undefined): Network {
  const { asOf } = useScope()
  const bus = newest.buses[0]?.name
  const starts = useQuery({
    queryKey: ['network-starts', market, newest.name, bus, newest.since, asOf], enabled: bus !== undefined && at !== undefined && at < newest.since, staleTime: LASTING_MS,
    queryFn: async ({ signal }) => {
      const rows = await readDataset('grid.networks', 'rows', { market, network: [newest.name], kind: 'bus', element: [bus ?? ''], columns: ['interval_start'], as_of: asOf }, signal)
      return Array.from({ length: rows.count }, (_, row) => rows.instant('interval_start', row)).sort((a, b) => a - b)
    },
  })
  const since = at === undefined || at >= newest.since ? newest.since : sinceAt(starts.data ?? [], at)
  const earlier = useQuery({
    queryKey: ['network', market, asOf, since], enabled: since !== undefined && since < newest.since, staleTime: Infinity,
    placeholderData: keepPreviousData,
    queryFn: async ({ signal }) => networkOf(await readDataset('grid.networks', 'latest', { market, network: [newest.name], end: isoInstant((since ?? 0) + 1), as_of: asOf }, signal)) ?? null,
  })
  return since === undefined || since === newest.since ? newest : earlier.data ?? newest
}

export function useConstraints(market: string | undefined): UseQueryResult<Map<string, Constraint>> {
  const { asOf } = useScope()
  return useQuery({
    queryKey: ['constraints', market, asOf], enabled: market !== undefined, staleTime: LASTING_MS,
    queryFn: async ({ signal }) => constraintsOf(await readDataset('grid.constraints', 'latest', { market, as_of: asOf }, signal)),
  })
}

/** The start of the newest interval of a run whose price at `location` is known: followed live, or read once as of a past moment. */
export function useNewest(run: Run, location: string | undefined): number | undefined {
  const { asOf } = useScope()
  const stream = useStream()
  const [live, setLive] = useState<{ of: string; start: number } | undefined>(undefined)
  const key = `${run}|${location ?? ''}`
  useEffect(() => {
    if (asOf !== undefined || location === undefined) return undefined
    const nothing = () => undefined
    return stream.subscribe({ channel: 'markets.prices', filter: { market_run: [run], location: [location] }, conflate_ms: 1000, policy: 'conflate' }, {
      onReset: nothing, onSnapshotEnd: nothing, onDenied: nothing, onProblem: nothing, onRevoked: nothing, onGap: nothing,
      onRows: (columns) => {
        const starts = (columns['interval_start'] ?? []).map((cell) => Date.parse(String(cell))).filter(Number.isFinite)
        setLive((held) => ({ of: key, start: Math.max(held?.of === key ? held.start : -Infinity, ...starts) }))
      },
    })
  }, [asOf, stream, run, location, key])
  const past = useQuery({
    queryKey: ['newest', run, location, asOf], enabled: asOf !== undefined && location !== undefined, staleTime: Infinity,
    queryFn: async ({ signal }) => {
      const rows = await readDataset('markets.prices', 'latest', { location, market_run: run, as_of: asOf }, signal)
      return rows.count === 0 ? null : rows.instant('interval_start', 0)
    },
  })
  if (asOf !== undefined) return past.data ?? undefined
  return live?.of === key ? live.start : undefined
}

/** What held in one interval, by position in the network. */
export interface Snapshot {
  /** Price per bus, NaN where none is known. */
  price: Float64Array
  flow_mw: Float64Array
  limit_mw: Float64Array
}

type Piece = ReadonlyMap<number, Snapshot>

function blank(network: Network): Snapshot {
  return { price: new Float64Array(network.buses.length).fill(Number.NaN), flow_mw: new Float64Array(network.branches.length).fill(Number.NaN), limit_mw: new Float64Array(network.branches.length).fill(Number.NaN) }
}

async function readPiece(network: Network, query: Record<string, string | undefined>, withFlows: boolean, signal: AbortSignal): Promise<Piece> {
  const columns = ['interval_start']
  const [prices, flows] = await Promise.all([
    readDataset('markets.prices', 'rows', { ...query, columns: [...columns, 'location', 'price_per_mwh'] }, signal),
    withFlows ? readDataset('grid.flows', 'rows', { ...query, columns: [...columns, 'branch', 'flow_mw', 'limit_mw'] }, signal) : undefined,
  ])
  const piece = new Map<number, Snapshot>()
  const at = (instant: number): Snapshot => {
    const held = piece.get(instant) ?? blank(network)
    piece.set(instant, held)
    return held
  }
  for (let row = 0; row < prices.count; row += 1) {
    const bus = network.busAt.get(prices.text('location', row))
    if (bus !== undefined) at(prices.instant('interval_start', row)).price[bus] = prices.number('price_per_mwh', row)
  }
  for (let row = 0; flows !== undefined && row < flows.count; row += 1) {
    const branch = network.branchAt.get(flows.text('branch', row))
    if (branch === undefined) continue
    const found = at(flows.instant('interval_start', row))
    found.flow_mw[branch] = flows.number('flow_mw', row)
    found.limit_mw[branch] = flows.number('limit_mw', row)
  }
  return piece
}

/** Prices and flows of the interval that begins at `instant`, read with its neighbours; `newest` makes a piece that still grows be read again. */
export function useSnapshot(network: Network | undefined, market: string | undefined, run: Run, instant: number | undefined, newest: number | undefined): UseQueryResult<Piece> {
  const { asOf } = useScope()
  const withFlows = useDataset('grid.flows') !== undefined
  const series = Math.max(1.3 * (network?.buses.length ?? 1), network?.branches.length ?? 1)
  const piece = pieceOf(run, instant ?? 0, series)
  const part = (start: number, end: number, isWanted: boolean) => {
    const queryKey = ['grid-piece', market, `${network?.name} ${network?.since}`, run, asOf, withFlows, start, newest !== undefined && newest < end && newest + stepMs(run) > start ? newest : 'whole']
    return queryOptions({
      queryKey, staleTime: LASTING_MS, placeholderData: (held: Piece | undefined, before) => (isSameRead(queryKey, before, 6) ? held : undefined),
      queryFn: network === undefined || !isWanted ? skipToken : ({ signal }: { signal: AbortSignal }) => readPiece(network, { market, market_run: run, start: isoInstant(start), end: isoInstant(end), as_of: asOf }, withFlows, signal),
    })
  }
  // The piece that comes next is read before playing arrives there.
  const length = piece.end - piece.start
  useQuery(part(piece.end, piece.end + length, instant !== undefined && instant + 3 * stepMs(run) >= piece.end && (newest ?? 0) >= piece.end))
  return useQuery(part(piece.start, piece.end, instant !== undefined))
}

/** What bound from `start` to `end`, of the runs asked for. */
export function useShadowPrices(market: string | undefined, runs: readonly Run[], start: number, end: number, newest: number | undefined, constraint?: string): UseQueryResult<Rows<'grid.shadow_prices'>> {
  const { asOf } = useScope()
  const queryKey = ['shadow-prices', market, runs.join(','), asOf, constraint, start, end, newest !== undefined && newest >= start ? newest : undefined]
  return useQuery({
    queryKey, enabled: market !== undefined && end > start, staleTime: 60_000, placeholderData: (held, before) => (isSameRead(queryKey, before, 5) ? held : undefined),
    queryFn: ({ signal }) => readDataset('grid.shadow_prices', 'rows', { market, market_run: runs, start: isoInstant(start), end: isoInstant(end), as_of: asOf, constraint: constraint === undefined ? undefined : [constraint] }, signal),
  })
}
