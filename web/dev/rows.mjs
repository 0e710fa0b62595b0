/** Reads over the made-up market, in the shapes of the contract. */
import { DATASETS } from './declarations.mjs'
import { gridRows, isGrid } from './grid.mjs'
import { LOCATIONS, beliefs, hash, missing, publishedAt, step } from './market.mjs'

export const iso = (instant) => new Date(instant).toISOString().replace('.000Z', 'Z')
const UNITS = { price_per_mwh: 'USD/MWh', energy_per_mwh: 'USD/MWh', congestion_per_mwh: 'USD/MWh', loss_per_mwh: 'USD/MWh', ghg_per_mwh: 'USD/MWh' }
const RUNS = ['DA', 'RT5']

function cellsOf(location, run, start, belief) {
  return {
    market: location.market, market_run: run, location: location.id, interval_start: iso(start), interval_end: iso(start + step(run)),
    price_per_mwh: belief.price, energy_per_mwh: belief.energy, congestion_per_mwh: belief.congestion, loss_per_mwh: belief.loss, ghg_per_mwh: null, currency: 'USD',
    published_at: iso(belief.at), received_at: iso(belief.at + 1800), source: location.market, stage: 'prelim', revision: belief.revision, commit: Math.floor(belief.at / 1000) % 1_000_000,
    lineage: hash(`${location.market}${run}${belief.at}`).toString(16).slice(2, 14).padEnd(12, '0'),
  }
}

function wanted(params) {
  const list = (name) => params.get(name)?.split(',')
  const [markets, runs, locations] = ['market', 'market_run', 'location'].map(list)
  return {
    locations: LOCATIONS.filter((one) => (!markets || markets.includes(one.market)) && (!locations || locations.includes(one.id))),
    runs: RUNS.filter((run) => !runs || runs.includes(run)),
  }
}

export function shape(dataset, found, asOf, next = null) {
  const names = found.length > 0 || dataset === 'markets.prices' ? Object.keys(found[0] ?? cellsOf(LOCATIONS[0], 'DA', 0, { at: 0, revision: 0 })) : []
  const columns = Object.fromEntries(names.map((name) => [name, found.map((row) => row[name])]))
  return { dataset, as_of: iso(asOf), knowledge: 'published', commit: 48_211, count: found.length, columns, units: UNITS, next, left_out: [] }
}

function otherRows(dataset, params, asOf) {
  const declaration = DATASETS.find((one) => one.id === dataset)
  const from = Math.floor(asOf / 3_600_000) * 3_600_000
  const found = Array.from({ length: Number(params.get('limit') ?? 5) }, (_, index) => Object.fromEntries(declaration.columns.map((column) => {
    if (column.dtype === 'instant') return [column.name, iso(from - (index - (column.name === 'interval_end' ? 1 : 0)) * 3_600_000)]
    if (column.dtype === 'float64') return [column.name, Math.round(18_000 + 4000 * hash(`${dataset}${index}`)) / 1]
    return [column.name, { market: 'SIM', location: 'SIM:LZ_NORTH', fuel: 'wind', forecast_run: 'HOURLY' }[column.name] ?? '']
  })))
  return shape(dataset, found, asOf)
}

function ofGrid(dataset, params, asOf) {
  const found = gridRows(dataset, params, asOf)
  const offset = Number(params.get('cursor') ?? 0)
  const until = offset + Math.min(5000, Number(params.get('limit') ?? 5000))
  return shape(dataset, found.slice(offset, until), asOf, until < found.length ? String(until) : null)
}

export function rows(dataset, params, asOf, now) {
  if (isGrid(dataset)) return ofGrid(dataset, params, asOf)
  if (dataset !== 'markets.prices') return otherRows(dataset, params, asOf)
  const { locations, runs } = wanted(params)
  const start = Date.parse(params.get('start') ?? iso(asOf - 3_600_000))
  const end = Date.parse(params.get('end') ?? iso(asOf))
  const limit = Math.min(5000, Number(params.get('limit') ?? 5000))
  const offset = Number(params.get('cursor') ?? 0)
  const found = []
  for (const run of runs) {
    for (const location of locations) {
      for (let at = Math.ceil(start / step(run)) * step(run); at < end; at += step(run)) {
        const belief = beliefs(location, run, at, asOf).at(-1)
        if (belief && !missing(location, run, at, now)) found.push(cellsOf(location, run, at, belief))
      }
    }
  }
  const page = found.slice(offset, offset + limit)
  return shape(dataset, page, asOf, offset + limit < found.length ? String(offset + limit) : null)
}

export function latest(dataset, params, asOf, down = []) {
  if (isGrid(dataset)) return ofGrid(dataset, params, asOf)
  if (dataset !== 'markets.prices') return otherRows(dataset, params, asOf)
  const { locations, runs } = wanted(params)
  const found = []
  for (const run of runs) {
    for (const location of locations) {
      let at = Math.floor(asOf / step(run)) * step(run)
      if (down.includes(location.market)) at -= 47 * 60_000 - (47 * 60_000) % step(run)
      if (run === 'DA') at += 36 * step(run)
      while (publishedAt(run, at) > asOf) at -= step(run)
      found.push(cellsOf(location, run, at, beliefs(location, run, at, asOf).at(-1)))
    }
  }
  const offset = Number(params.get('cursor') ?? 0)
  const until = offset + Math.min(5000, Number(params.get('limit') ?? 5000))
  return shape(dataset, found.slice(offset, until), asOf, until < found.length ? String(until) : null)
}

export function history(dataset, params, asOf) {
  const { locations, runs } = wanted(params)
  const start = Date.parse(params.get('interval_start'))
  return shape(dataset, beliefs(locations[0], runs[0], start, asOf).map((belief) => cellsOf(locations[0], runs[0], start, belief)), asOf)
}

/** One moved price, as a live update: the newest interval of a location with a little noise. */
export function moved(location, asOf) {
  const row = latest('markets.prices', new URLSearchParams({ location: location.id, market_run: 'RT5' }), asOf)
  const nudge = Math.round((Math.random() - 0.5) * 300) / 100
  row.columns.price_per_mwh[0] = Math.round((row.columns.price_per_mwh[0] + nudge) * 100) / 100
  row.columns.congestion_per_mwh[0] = Math.round((row.columns.congestion_per_mwh[0] + nudge) * 100) / 100
  row.columns.revision[0] += 1
  return row.columns
}
