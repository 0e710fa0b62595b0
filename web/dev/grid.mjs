/** The grid of the fixture: a recorded day of a made network that powerdesk.grid cleared (tools/hub_recording.py), laid over every day. */
import { readFileSync } from 'node:fs'

const recorded = JSON.parse(readFileSync(new URL('grid.json', import.meta.url), 'utf8'))
const DAY = 86_400_000
const HOUR = 3_600_000
/** The recorded day begins at midnight of a market that is six hours behind UTC. */
const MIDNIGHT = 6 * HOUR
const SINCE = '2026-01-01T06:00:00Z'
const iso = (instant) => new Date(instant).toISOString().replace('.000Z', 'Z')
const cents = (value) => Math.round(value * 10_000) / 10_000
const id = (name) => `SIM:${name}`
export const step = (run) => (run === 'DA' ? 3_600_000 : 300_000)

/** FIXTURE_TILES lays that many recorded networks side by side in each direction, to see how the map bears a large one. */
const ACROSS = Math.max(1, Number(process.env.FIXTURE_TILES ?? 1))
const TILES = Array.from({ length: ACROSS * ACROSS }, (_, tile) => ({ suffix: tile === 0 ? '' : `_T${tile}`, left: tile % ACROSS, low: Math.floor(tile / ACROSS) }))
const tiled = (rows) => TILES.flatMap((tile) => rows(tile))
export const BUSES = tiled(({ suffix }) => recorded.buses.map(([name]) => name + suffix))
const BUS_AT = new Map(BUSES.map((name, at) => [name, at % recorded.buses.length]))
const branchName = ([from, to]) => `${BUSES[from]}-${BUSES[to]}`
const constraintName = ([branch, way]) => `${branchName(recorded.branches[branch])}${way > 0 ? '' : ' REV'}`
/** Hubs and zones are means of buses: every fourth, or fifth, beginning somewhere else. */
const MEANS = new Map([
  ...['HUB_NORTH', 'HUB_SOUTH', 'HUB_WEST', 'HUB_CENTRAL'].map((name, at) => [name, recorded.buses.flatMap((_, bus) => (bus % 4 === at ? [bus] : []))]),
  ...['LZ_COAST', 'LZ_NORTH', 'LZ_PLAINS', 'LZ_SOUTH', 'LZ_WEST'].map((name, at) => [name, recorded.buses.flatMap((_, bus) => (bus % 5 === at ? [bus] : []))]),
])
const LOCATIONS = [...MEANS.keys(), ...BUSES]
const busesOf = (location) => MEANS.get(location.slice(4)) ?? [BUS_AT.get(location.slice(4))]
const mean = (values, buses) => buses.reduce((sum, bus) => sum + values[bus], 0) / buses.length

/** The recorded clearing of an interval. */
function clearing(run, start) {
  const into = (((start - MIDNIGHT) % DAY) + DAY) % DAY
  return recorded[run][Math.floor(into / step(run))]
}

function contributions(location, run, start) {
  const buses = busesOf(location)
  return clearing(run, start).binding.map(([at, shadow]) => {
    const factor = mean(recorded.shift_factors[at], buses)
    const sign = recorded.constraints[at][1] > 0 ? -1 : 1
    return { at, factor: Math.round(factor * 1e6) / 1e6, shadow, congestion: sign * shadow * factor }
  })
}

/** Energy, congestion, loss and price of a location of SIM, as the recording has them. */
export function gridParts(location, run, start) {
  const found = clearing(run, start)
  const congestion = cents(contributions(location, run, start).reduce((sum, one) => sum + one.congestion, 0))
  const loss = cents(mean(found.loss, busesOf(location)))
  const energy = cents(found.energy)
  return { energy, congestion, loss, price: cents(energy + congestion + loss) }
}

const published = (run, start) => (run === 'DA' ? Math.floor((start - MIDNIGHT) / DAY) * DAY - 5.5 * 3_600_000 : start + 10_000)
const noElement = { location: null, from_bus: null, to_bus: null, x: null, y: null, base_kv: null, rating_mw: null, reactance_pu: null, resistance_pu: null, capacity_mw: null, fuel: null }
const element = (kind, name, more) => ({ market: 'SIM', network: 'recorded', kind, element: name, interval_start: SINCE, ...noElement, ...more })

const NETWORKS = tiled(({ suffix, left, low }) => [
  ...recorded.buses.map(([name, x, y, base_kv]) => element('bus', name + suffix, { location: id(name + suffix), x: (x + left) / ACROSS, y: (y + low) / ACROSS, base_kv })),
  ...recorded.branches.map((one) => element('branch', branchName(one) + suffix, { from_bus: id(BUSES[one[0]] + suffix), to_bus: id(BUSES[one[1]] + suffix), rating_mw: one[2], reactance_pu: one[3], resistance_pu: one[4] })),
  ...recorded.generators.map(([name, bus, capacity_mw, fuel]) => element('generator', name + suffix, { location: id(BUSES[bus] + suffix), capacity_mw, fuel })),
])
const CONSTRAINTS = recorded.constraints.map((one) => {
  const branch = recorded.branches[one[0]]
  return { market: 'SIM', constraint: constraintName(one), interval_start: SINCE, monitored: branchName(branch), direction: one[1] > 0 ? 'from_to' : 'to_from', contingency: null, limit_mw: one[2], from_bus: id(BUSES[branch[0]]), to_bus: id(BUSES[branch[1]]) }
})
const FACTORS = CONSTRAINTS.flatMap(({ constraint }, at) => LOCATIONS.map((name) => ({ market: 'SIM', constraint, location: id(name), interval_start: SINCE, shift_factor: Math.round(mean(recorded.shift_factors[at], busesOf(id(name))) * 1e6) / 1e6, reference: 'load' })))

function* intervals(params, asOf) {
  const runs = ['DA', 'RT5'].filter((run) => !params.has('market_run') || params.get('market_run').split(',').includes(run))
  const exactly = params.has('interval_start') ? Date.parse(params.get('interval_start')) : undefined
  const from = exactly ?? Date.parse(params.get('start') ?? iso(asOf - DAY))
  const to = exactly === undefined ? Date.parse(params.get('end') ?? iso(asOf + DAY)) : exactly + 1
  for (const run of runs) {
    for (let start = Math.ceil(from / step(run)) * step(run); start < to; start += step(run)) if (published(run, start) <= asOf) yield { run, start, when: { market: 'SIM', market_run: run, interval_start: iso(start), interval_end: iso(start + step(run)) } }
  }
}

/** The intervals of an hour of the recorded day, day-ahead one, in real time twelve. */
const within = (run, hour) => Array.from({ length: HOUR / step(run) }, (_, at) => hour + at * step(run))
const quantile = (sorted, level) => sorted[Math.min(sorted.length - 1, Math.floor(level * sorted.length))]
const average = (values) => values.reduce((sum, value) => sum + value, 0) / values.length

/** A forecast that knows the recorded day: how many of an hour's intervals bind in it, and at what. */
function forecast(params, asOf) {
  const found = []
  for (let start = Math.ceil(Date.parse(params.get('start') ?? iso(asOf)) / HOUR) * HOUR; start < Date.parse(params.get('end') ?? iso(asOf + DAY)); start += HOUR) {
    for (const run of ['DA', 'RT5']) {
      CONSTRAINTS.forEach(({ constraint }, at) => {
        const shadows = within(run, start).map((one) => clearing(run, one).binding.find(([bound]) => bound === at)?.[1] ?? 0).sort((a, b) => a - b)
        const [q10, q50, q90] = [0.1, 0.5, 0.9].map((level) => quantile(shadows, level))
        found.push({ market: 'SIM', constraint, forecast_run: `regression-${run}`, interval_start: iso(start), interval_end: iso(start + HOUR), binding_probability: average(shadows.map((one) => Number(one > 0))), shadow_price_mean_per_mwh: cents(average(shadows)), shadow_price_q10_per_mwh: q10, shadow_price_q50_per_mwh: q50, shadow_price_q90_per_mwh: q90, currency: 'USD', published_at: iso(Math.floor(asOf / HOUR) * HOUR) })
      })
    }
  }
  return found
}

/** How a location stood against a hub in each hour of the recorded day. */
function surface(params) {
  const [location, hub, start] = ['location', 'hub', 'start'].map((name) => params.get(name))
  return Array.from({ length: 24 }, (_, hour) => {
    const basis = within('RT5', MIDNIGHT + hour * HOUR).map((at) => gridParts(location, 'RT5', at).price - gridParts(hub, 'RT5', at).price).sort((a, b) => a - b)
    const row = (level, value) => ({ market: 'SIM', market_run: 'DA', hub, location, interval_start: start, hour_block: String(hour).padStart(2, '0'), quantile: level, interval_end: params.get('end'), basis_per_mwh: cents(value), observations: basis.length, currency: 'USD' })
    return [...['0.05', '0.25', '0.5', '0.75', '0.95'].map((level) => row(level, quantile(basis, Number(level)))), row('mean', average(basis))]
  }).flat()
}

const MAKERS = {
  'grid.binding_forecast': forecast,
  'grid.basis_surface': (params) => (params.has('location') && params.has('hub') ? surface(params) : []),
  'grid.networks': () => NETWORKS,
  'grid.constraints': () => CONSTRAINTS,
  'grid.shift_factors': () => FACTORS,
  'grid.shadow_prices': (params, asOf) => [...intervals(params, asOf)].flatMap(({ run, start, when }) => clearing(run, start).binding.map(([at, shadow]) => {
    const { constraint, direction, limit_mw } = CONSTRAINTS[at]
    return { ...when, constraint, direction, shadow_price_per_mwh: shadow, flow_mw: clearing(run, start).flows[recorded.constraints[at][0]], limit_mw: direction === 'from_to' ? limit_mw : -limit_mw, currency: 'USD' }
  })),
  'grid.flows': (params, asOf) => [...intervals(params, asOf)].flatMap(({ run, start, when }) => tiled(({ suffix }) => recorded.branches.map((branch, at) => ({ ...when, branch: branchName(branch) + suffix, flow_mw: clearing(run, start).flows[at], limit_mw: branch[2] })))),
  'grid.price_parts': (params, asOf) => {
    const wanted = (params.get('location') ?? LOCATIONS.map(id).join(',')).split(',')
    return [...intervals(params, asOf)].flatMap(({ run, start, when }) => wanted.flatMap((location) => contributions(location, run, start).filter((one) => Math.abs(one.congestion) >= 0.005).map((one) => ({ ...when, location, constraint: CONSTRAINTS[one.at].constraint, shift_factor: one.factor, direction: CONSTRAINTS[one.at].direction, shadow_price_per_mwh: one.shadow, congestion_per_mwh: one.congestion, currency: 'USD' }))))
  },
}
export const isGrid = (dataset) => dataset in MAKERS

/** Rows of a dataset of the grid that the query wants, oldest first. */
export function gridRows(dataset, params, asOf) {
  if (params.has('market') && !params.get('market').split(',').includes('SIM')) return []
  const filters = ['kind', 'element', 'constraint', 'location', 'branch', 'forecast_run'].filter((name) => params.has(name)).map((name) => [name, new Set(params.get(name).split(','))])
  return MAKERS[dataset](params, asOf).filter((row) => filters.every(([name, wanted]) => !(name in row) || wanted.has(row[name])))
}

/** What made one price, in the shape of GET /v1/grid/explain; undefined where the location or the interval is not known. */
export function explained(params, asOf) {
  const location = params.get('location') ?? ''
  const run = params.get('market_run') ?? 'RT5'
  const start = Date.parse(params.get('interval_start'))
  if (!(MEANS.has(location.slice(4)) || BUS_AT.has(location.slice(4))) || published(run, start) > asOf) return undefined
  const { price, energy, loss, congestion } = gridParts(location, run, start)
  const made = contributions(location, run, start).map((one) => {
    const { constraint, contingency, direction, limit_mw, monitored } = CONSTRAINTS[one.at]
    return { constraint, monitored, contingency, direction, limit_mw, flow_mw: clearing(run, start).flows[recorded.constraints[one.at][0]], shadow_price_per_mwh: one.shadow, shift_factor: one.factor, congestion_per_mwh: one.congestion }
  }).sort((a, b) => Math.abs(b.congestion_per_mwh) - Math.abs(a.congestion_per_mwh))
  const explained_per_mwh = made.reduce((sum, one) => sum + one.congestion_per_mwh, 0)
  return {
    location, market_run: run, interval_start: iso(start), interval_end: iso(start + step(run)), as_of: iso(asOf), knowledge: 'published', commit: 1, currency: 'USD',
    price_per_mwh: price, energy_per_mwh: energy, loss_per_mwh: loss, ghg_per_mwh: null, congestion_per_mwh: congestion, contributions: made,
    explained_per_mwh, unexplained_per_mwh: congestion - explained_per_mwh, tolerance_per_mwh: 0.02, verdict: 'explained', marginal_units: clearing(run, start).marginal,
  }
}
