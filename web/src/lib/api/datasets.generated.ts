/** Generated from the dataset declarations by scripts/generate.mjs; do not edit. */

/** RFC 3339 with Z. */
export type Instant = string

/** Basis of locations to hubs: one row per market, market run, hub, location, month, block of hours and quantile. */
export interface GridBasisSurfaceRow {
  /** market that published the row */
  market: string
  /** DA, RT5, RT15, FMM, HASP, RTC, RUC: which clearing */
  market_run: string
  /** location id of the hub */
  hub: string
  /** location id MARKET:NAME */
  location: string
  /** start of the month in the market's time zone */
  interval_start: Instant
  /** local hour of day 00 to 23, or on_peak, off_peak, all */
  hour_block: string
  /** level in (0, 1) as a decimal, or mean */
  quantile: string
  /** start of the next month in the market's time zone */
  interval_end: Instant
  /** price of the location less price of the hub Unit: currency/MWh. */
  basis_per_mwh: number
  /** intervals that the value is made of */
  observations: number
  /** currency of the price columns */
  currency: 'USD'
}

/** Forecast of binding constraints: one row per market, constraint, forecast run and delivery interval. */
export interface GridBindingForecastRow {
  /** market that published the row */
  market: string
  /** name of the constraint: monitored branch, contingency included */
  constraint: string
  /** method, and the market run that it speaks of */
  forecast_run: string
  /** start of the delivery interval, inclusive */
  interval_start: Instant
  /** end of the delivery interval, exclusive */
  interval_end: Instant
  /** chance that the limit binds Unit: 1. */
  binding_probability: number
  /** mean of the shadow price, 0 counted where it does not bind Unit: currency/MWh. */
  shadow_price_mean_per_mwh: number
  /** quantile 0.1 of the shadow price Unit: currency/MWh. */
  shadow_price_q10_per_mwh: number
  /** quantile 0.5 of the shadow price Unit: currency/MWh. */
  shadow_price_q50_per_mwh: number
  /** quantile 0.9 of the shadow price Unit: currency/MWh. */
  shadow_price_q90_per_mwh: number
  /** currency of the price columns */
  currency: 'USD'
}

/** Transmission constraints: one row per market, constraint and instant from which it holds. */
export interface GridConstraintsRow {
  /** market that published the row */
  market: string
  /** name of the constraint: monitored branch, contingency included */
  constraint: string
  /** instant from which the row holds, until the next set */
  interval_start: Instant
  /** branch whose flow is limited, as grid.networks names it */
  monitored: string | null
  /** which flow is limited: from_to (from from_bus to to_bus), to_from, or both alike */
  direction: 'from_to' | 'to_from' | 'both'
  /** outage that the limit guards against; null: the base case */
  contingency: string | null
  /** most flow in the limited direction Unit: MW. */
  limit_mw: number | null
  /** location id of the bus where positive flow enters */
  from_bus: string | null
  /** location id of the bus where positive flow leaves */
  to_bus: string | null
}

/** Flows of branches: one row per market, market run, branch and delivery interval. */
export interface GridFlowsRow {
  /** market that published the row */
  market: string
  /** DA, RT5, RT15, FMM, HASP, RTC, RUC: which clearing */
  market_run: string
  /** name of the branch, as grid.networks has it */
  branch: string
  /** start of the delivery interval, inclusive */
  interval_start: Instant
  /** end of the delivery interval, exclusive */
  interval_end: Instant
  /** flow from from_bus to to_bus, negative where it runs the other way Unit: MW. */
  flow_mw: number | null
  /** limit in force in both directions, weather included; null: none Unit: MW. */
  limit_mw: number | null
}

/** Networks: one row per market, network, kind, element and instant from which it holds. */
export interface GridNetworksRow {
  /** market that published the row */
  market: string
  /** name of the model */
  network: string
  /** bus, branch or generator */
  kind: 'bus' | 'branch' | 'generator'
  /** name of the element, unique within its kind */
  element: string
  /** instant from which the row holds, until the next set */
  interval_start: Instant
  /** location id MARKET:NAME of a bus, or of the bus of a generator; null for a branch */
  location: string | null
  /** location id of the bus where positive flow enters */
  from_bus: string | null
  /** location id of the bus where positive flow leaves */
  to_bus: string | null
  /** own layout of the bus, across, 0 to 1 Unit: 1. */
  x: number | null
  /** own layout of the bus, upwards, 0 to 1 Unit: 1. */
  y: number | null
  /** nominal voltage of a bus Unit: kV. */
  base_kv: number | null
  /** limit of a branch in both directions; null: none Unit: MW. */
  rating_mw: number | null
  /** series reactance of a branch, per unit Unit: 1. */
  reactance_pu: number | null
  /** series resistance of a branch, per unit Unit: 1. */
  resistance_pu: number | null
  /** most power of a generator Unit: MW. */
  capacity_mw: number | null
  /** fuel category of a generator */
  fuel: string | null
}

/** Congestion by constraint: one row per market, market run, location, constraint and delivery interval. */
export interface GridPricePartsRow {
  /** market that published the row */
  market: string
  /** DA, RT5, RT15, FMM, HASP, RTC, RUC: which clearing */
  market_run: string
  /** location id MARKET:NAME */
  location: string
  /** name of the constraint: monitored branch, contingency included */
  constraint: string
  /** start of the delivery interval, inclusive */
  interval_start: Instant
  /** end of the delivery interval, exclusive */
  interval_end: Instant
  /** flow from from_bus to to_bus per MW injected, outage of the contingency included Unit: 1. */
  shift_factor: number
  /** which limit binds: from_to on flow from from_bus to to_bus, to_from on the opposite flow */
  direction: 'from_to' | 'to_from'
  /** saving per MW of limit in the binding direction, never negative Unit: currency/MWh. */
  shadow_price_per_mwh: number
  /** contribution to the congestion part; positive raises the price Unit: currency/MWh. */
  congestion_per_mwh: number
  /** currency of the price columns */
  currency: 'USD'
}

/** Shadow prices of constraints: one row per market, market run, constraint and delivery interval in which it bound. */
export interface GridShadowPricesRow {
  /** market that published the row */
  market: string
  /** DA, RT5, RT15, FMM, HASP, RTC, RUC: which clearing */
  market_run: string
  /** name of the constraint: monitored branch, contingency included */
  constraint: string
  /** start of the delivery interval, inclusive */
  interval_start: Instant
  /** end of the delivery interval, exclusive */
  interval_end: Instant
  /** which limit binds: from_to on flow from from_bus to to_bus, to_from on the opposite flow */
  direction: 'from_to' | 'to_from'
  /** saving per MW of limit in the binding direction, never negative Unit: currency/MWh. */
  shadow_price_per_mwh: number
  /** flow from from_bus to to_bus, negative where it runs the other way Unit: MW. */
  flow_mw: number | null
  /** the limit that binds, signed as the flow Unit: MW. */
  limit_mw: number | null
  /** currency of the price columns */
  currency: 'USD'
}

/** Shift factors of locations on constraints: one row per market, constraint, location and instant from which it holds. */
export interface GridShiftFactorsRow {
  /** market that published the row */
  market: string
  /** name of the constraint: monitored branch, contingency included */
  constraint: string
  /** location id MARKET:NAME */
  location: string
  /** instant from which the row holds, until the next set */
  interval_start: Instant
  /** flow from from_bus to to_bus per MW injected, outage of the contingency included Unit: 1. */
  shift_factor: number
  /** where the MW is withdrawn: a location id, or load for the mean of the load */
  reference: string
}

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
  'grid.basis_surface': GridBasisSurfaceRow
  'grid.binding_forecast': GridBindingForecastRow
  'grid.constraints': GridConstraintsRow
  'grid.flows': GridFlowsRow
  'grid.networks': GridNetworksRow
  'grid.price_parts': GridPricePartsRow
  'grid.shadow_prices': GridShadowPricesRow
  'grid.shift_factors': GridShiftFactorsRow
  'markets.generation': MarketsGenerationRow
  'markets.load': MarketsLoadRow
  'markets.load_forecast': MarketsLoadForecastRow
  'markets.prices': MarketsPricesRow
  'markets.renewables_forecast': MarketsRenewablesForecastRow
}

/** Key columns by dataset id, in declared order. */
export const DATASET_KEYS = {
  'grid.basis_surface': ['market', 'market_run', 'hub', 'location', 'interval_start', 'hour_block', 'quantile'],
  'grid.binding_forecast': ['market', 'constraint', 'forecast_run', 'interval_start'],
  'grid.constraints': ['market', 'constraint', 'interval_start'],
  'grid.flows': ['market', 'market_run', 'branch', 'interval_start'],
  'grid.networks': ['market', 'network', 'kind', 'element', 'interval_start'],
  'grid.price_parts': ['market', 'market_run', 'location', 'constraint', 'interval_start'],
  'grid.shadow_prices': ['market', 'market_run', 'constraint', 'interval_start'],
  'grid.shift_factors': ['market', 'constraint', 'location', 'interval_start'],
  'markets.generation': ['market', 'location', 'fuel', 'interval_start'],
  'markets.load': ['market', 'location', 'interval_start'],
  'markets.load_forecast': ['market', 'location', 'forecast_run', 'interval_start'],
  'markets.prices': ['market', 'market_run', 'location', 'interval_start'],
  'markets.renewables_forecast': ['market', 'location', 'fuel', 'forecast_run', 'interval_start'],
} as const
