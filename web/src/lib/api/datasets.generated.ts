/** Generated from the dataset declarations by scripts/generate.mjs; do not edit. */

/** RFC 3339 with Z. */
export type Instant = string

/** Generation by fuel: one row per market, location, fuel and interval. */
export interface MarketsGenerationRow {
  /** Market. */
  market: 'CAISO' | 'NYISO' | 'SIM'
  /** Area. */
  location: string
  /** Fuel category of the market. */
  fuel: string
  /** Start of the delivery interval, inclusive, UTC. */
  interval_start: Instant
  /** End of the delivery interval, exclusive, UTC. */
  interval_end: Instant
  /** Average output; + injects into the grid. Unit: MW. */
  power_mw: number
}

/** Actual load: one row per market, location and interval. */
export interface MarketsLoadRow {
  /** Market. */
  market: 'CAISO' | 'NYISO' | 'SIM'
  /** Area of the load. */
  location: string
  /** Start of the delivery interval, inclusive, UTC. */
  interval_start: Instant
  /** End of the delivery interval, exclusive, UTC. */
  interval_end: Instant
  /** Average load over the interval. Unit: MW. */
  load_mw: number
}

/** Load forecast: one row per market, location, run and interval. */
export interface MarketsLoadForecastRow {
  /** Market. */
  market: 'CAISO' | 'NYISO' | 'SIM'
  /** Area of the load. */
  location: string
  /** Run of the forecast. */
  forecast_run: string
  /** Start of the delivery interval, inclusive, UTC. */
  interval_start: Instant
  /** End of the delivery interval, exclusive, UTC. */
  interval_end: Instant
  /** Expected average load. Unit: MW. */
  load_mw: number
}

/** Market prices: one row per market, run, location and interval. */
export interface MarketsPricesRow {
  /** Market that settles the price. */
  market: 'CAISO' | 'NYISO' | 'SIM'
  /** Run of the market that made the price. */
  market_run: 'DA' | 'RT5' | 'RT15' | 'RTC' | 'FMM'
  /** Where the price is settled, MARKET:NAME. */
  location: string
  /** Start of the delivery interval, inclusive, UTC. */
  interval_start: Instant
  /** End of the delivery interval, exclusive, UTC. */
  interval_end: Instant
  /** Locational marginal price. Unit: USD/MWh. */
  price_per_mwh: number
  /** Energy part of the price. Unit: USD/MWh. */
  energy_per_mwh: number | null
  /** Congestion part; positive raises the price. Unit: USD/MWh. */
  congestion_per_mwh: number | null
  /** Loss part of the price. Unit: USD/MWh. */
  loss_per_mwh: number | null
  /** Greenhouse gas part, where a market has one. Unit: USD/MWh. */
  ghg_per_mwh: number | null
  /** Currency of all parts. */
  currency: 'USD'
}

/** Wind and solar forecast: one row per market, location, fuel, run and interval. */
export interface MarketsRenewablesForecastRow {
  /** Market. */
  market: 'CAISO' | 'NYISO' | 'SIM'
  /** Area. */
  location: string
  /** wind or solar. */
  fuel: string
  /** Run of the forecast. */
  forecast_run: string
  /** Start of the delivery interval, inclusive, UTC. */
  interval_start: Instant
  /** End of the delivery interval, exclusive, UTC. */
  interval_end: Instant
  /** Expected average output. Unit: MW. */
  power_mw: number
}

/** Row type by dataset id. */
export interface DatasetRows {
  'markets.generation': MarketsGenerationRow
  'markets.load': MarketsLoadRow
  'markets.load_forecast': MarketsLoadForecastRow
  'markets.prices': MarketsPricesRow
  'markets.renewables_forecast': MarketsRenewablesForecastRow
}

/** Key columns by dataset id, in declared order. */
export const DATASET_KEYS = {
  'markets.generation': ['market', 'location', 'fuel', 'interval_start'],
  'markets.load': ['market', 'location', 'interval_start'],
  'markets.load_forecast': ['market', 'location', 'forecast_run', 'interval_start'],
  'markets.prices': ['market', 'market_run', 'location', 'interval_start'],
  'markets.renewables_forecast': ['market', 'location', 'fuel', 'forecast_run', 'interval_start'],
} as const
