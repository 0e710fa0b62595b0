/** The dataset declarations that the fixture serves, in the shape of GET /v1/datasets. */
import { readFileSync } from 'node:fs'

const OF_GRID = JSON.parse(readFileSync(new URL('grid-datasets.json', import.meta.url), 'utf8')).datasets
const column = (name, dtype, unit, meaning, more = {}) => ({ name, dtype, unit, meaning, nullable: false, key: false, allowed: null, ...more })
const key = (name, dtype, meaning, allowed = null) => column(name, dtype, null, meaning, { key: true, allowed })
const optional = (name, unit, meaning) => column(name, 'float64', unit, meaning, { nullable: true })
const LICENCES = [
  { source: 'SIM', name: 'Apache-2.0', redistribute: true, derive: true, attribution: 'Powerdesk simulated market' },
  { source: 'NYISO', name: 'NYISO terms of use', redistribute: false, derive: true, attribution: 'Source: New York ISO' },
  { source: 'CAISO', name: 'CAISO terms of use', redistribute: false, derive: true, attribution: 'Source: California ISO' },
]
const MARKETS = ['CAISO', 'NYISO', 'SIM']
const interval = [key('interval_start', 'instant', 'Start of the delivery interval, inclusive, UTC.')]
const end = column('interval_end', 'instant', null, 'End of the delivery interval, exclusive, UTC.')

function dataset(id, title, meaning, grain, columns, late_after_s) {
  const keys = columns.filter((one) => one.key).map((one) => one.name)
  return {
    id, title, meaning, grain, product: id === 'markets.prices' ? 'lmp' : id.split('.')[1], version: 1, position: 48_211,
    freshness: { late_after_s, stale_after_s: late_after_s * 3 },
    publication: { name: id.includes('forecast') ? 'with-each-run' : 'interval-start', meaning: id === 'markets.prices' ? 'Day-ahead by 13:30 market time of the day before; real time with each dispatch.' : 'With each run of the market operator.' },
    columns, key: keys, series_key: keys.filter((name) => name !== 'interval_start'), time_column: 'interval_start', end_column: 'interval_end',
    licences: LICENCES, retention_s: id === 'markets.prices' ? null : 315_360_000,
  }
}

export const DATASETS = [
  dataset('markets.prices', 'Market prices', 'Locational marginal prices by market run, with their parts. The parts add up to the price within the rounding that each market declares.', 'one row per market, run, location and interval', [
    key('market', 'text', 'Market that settles the price.', MARKETS), key('market_run', 'text', 'Run of the market that made the price.', ['DA', 'RT5', 'RT15', 'RTC', 'FMM']),
    key('location', 'text', 'Where the price is settled, MARKET:NAME.'), ...interval, end,
    column('price_per_mwh', 'float64', 'USD/MWh', 'Locational marginal price.'), optional('energy_per_mwh', 'USD/MWh', 'Energy part of the price.'),
    optional('congestion_per_mwh', 'USD/MWh', 'Congestion part; positive raises the price.'), optional('loss_per_mwh', 'USD/MWh', 'Loss part of the price.'),
    optional('ghg_per_mwh', 'USD/MWh', 'Greenhouse gas part, where a market has one.'), column('currency', 'text', null, 'Currency of all parts.', { allowed: ['USD'] }),
  ], 600),
  dataset('markets.load', 'Actual load', 'Load that the market operator measured.', 'one row per market, location and interval', [
    key('market', 'text', 'Market.', MARKETS), key('location', 'text', 'Area of the load.'), ...interval, end, column('load_mw', 'float64', 'MW', 'Average load over the interval.'),
  ], 900),
  dataset('markets.load_forecast', 'Load forecast', 'Load that the market operator expects, every vintage kept.', 'one row per market, location, run and interval', [
    key('market', 'text', 'Market.', MARKETS), key('location', 'text', 'Area of the load.'), key('forecast_run', 'text', 'Run of the forecast.'), ...interval, end, column('load_mw', 'float64', 'MW', 'Expected average load.'),
  ], 7200),
  dataset('markets.generation', 'Generation by fuel', 'Output by fuel as the market operator reports it.', 'one row per market, location, fuel and interval', [
    key('market', 'text', 'Market.', MARKETS), key('location', 'text', 'Area.'), key('fuel', 'text', 'Fuel category of the market.'), ...interval, end, column('power_mw', 'float64', 'MW', 'Average output; + injects into the grid.'),
  ], 900),
  dataset('markets.renewables_forecast', 'Wind and solar forecast', 'Expected wind and solar output, every vintage kept.', 'one row per market, location, fuel, run and interval', [
    key('market', 'text', 'Market.', MARKETS), key('location', 'text', 'Area.'), key('fuel', 'text', 'wind or solar.'), key('forecast_run', 'text', 'Run of the forecast.'), ...interval, end, column('power_mw', 'float64', 'MW', 'Expected average output.'),
  ], 7200),
  ...OF_GRID,
]
