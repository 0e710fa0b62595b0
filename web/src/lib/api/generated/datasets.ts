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

/** Day-ahead less real-time price: one row per market, location and hour. */
export interface MarketsDartSpreadsRow {
  /** market that published the row */
  market: string
  /** location id MARKET:NAME */
  location: string
  /** start of the delivery interval, inclusive */
  interval_start: Instant
  /** end of the delivery interval, exclusive */
  interval_end: Instant
  /** day-ahead less real time; positive where the day-ahead market paid more Unit: currency/MWh. */
  dart_per_mwh: number
  /** day-ahead price of the hour Unit: currency/MWh. */
  day_ahead_per_mwh: number
  /** mean real-time price of the hour Unit: currency/MWh. */
  real_time_per_mwh: number
  /** currency of the price columns */
  currency: 'USD'
}

/** Generation by fuel: one row per market, location, fuel and interval. */
export interface MarketsGenerationRow {
  /** market that published the row */
  market: string
  /** location id MARKET:NAME */
  location: string
  /** the market's own fuel category, in lower case with underscores */
  fuel: string
  /** start of the delivery interval, inclusive */
  interval_start: Instant
  /** end of the delivery interval, exclusive */
  interval_end: Instant
  /** generation, + injects into the grid Unit: MW. */
  power_mw: number
}

/** Actual load: one row per market, location and interval. */
export interface MarketsLoadRow {
  /** market that published the row */
  market: string
  /** location id MARKET:NAME */
  location: string
  /** start of the delivery interval, inclusive */
  interval_start: Instant
  /** end of the delivery interval, exclusive */
  interval_end: Instant
  /** demand of the area Unit: MW. */
  load_mw: number
}

/** Load forecasts: one row per market, location, forecast run and interval. */
export interface MarketsLoadForecastRow {
  /** market that published the row */
  market: string
  /** location id MARKET:NAME */
  location: string
  /** which of the market's forecasts: 7DA, 2DA, DAM, RTD, RTPD, ISOLF, ... */
  forecast_run: string
  /** start of the delivery interval, inclusive */
  interval_start: Instant
  /** end of the delivery interval, exclusive */
  interval_end: Instant
  /** forecast demand of the area Unit: MW. */
  load_mw: number
}

/** Locational marginal prices: one row per market, market run, location and delivery interval. */
export interface MarketsPricesRow {
  /** market that published the row */
  market: string
  /** DA, RT5, RT15, FMM, HASP, RTC, RUC: which clearing */
  market_run: string
  /** location id MARKET:NAME */
  location: string
  /** start of the delivery interval, inclusive */
  interval_start: Instant
  /** end of the delivery interval, exclusive */
  interval_end: Instant
  /** locational marginal price Unit: currency/MWh. */
  price_per_mwh: number
  /** energy part, the same at every location of an interval Unit: currency/MWh. */
  energy_per_mwh: number | null
  /** congestion part; positive raises the price (NYISO publishes the opposite sign) Unit: currency/MWh. */
  congestion_per_mwh: number | null
  /** part for marginal losses Unit: currency/MWh. */
  loss_per_mwh: number | null
  /** greenhouse-gas part, CAISO only Unit: currency/MWh. */
  ghg_per_mwh: number | null
  /** currency of the price columns */
  currency: 'USD'
}

/** Wind and solar forecasts: one row per market, location, fuel, forecast run and interval. */
export interface MarketsRenewablesForecastRow {
  /** market that published the row */
  market: string
  /** location id MARKET:NAME */
  location: string
  /** the market's own fuel category, in lower case with underscores */
  fuel: string
  /** which of the market's forecasts: 7DA, 2DA, DAM, RTD, RTPD, ISOLF, ... */
  forecast_run: string
  /** start of the delivery interval, inclusive */
  interval_start: Instant
  /** end of the delivery interval, exclusive */
  interval_end: Instant
  /** forecast generation Unit: MW. */
  power_mw: number
}

/** Truth of the simulated market: one row per market, market run, kind, element and delivery interval. */
export interface SimulationTruthRow {
  /** market that published the row */
  market: string
  /** DA, RT5, RT15, FMM, HASP, RTC, RUC: which clearing */
  market_run: string
  /** marginal_unit: dispatch of a unit between its limits; constraint: shadow price of one that binds; commitment (DA): dispatch of a committed unit; outage: capacity that is out; reserve_price: of a product */
  kind: 'marginal_unit' | 'constraint' | 'commitment' | 'outage' | 'reserve_price'
  /** unit, branch or reserve product, as grid.networks names it */
  element: string
  /** start of the delivery interval, inclusive */
  interval_start: Instant
  /** end of the delivery interval, exclusive */
  interval_end: Instant
  /** see kind Unit: see unit. */
  value: number
  /** unit of the value */
  unit: 'MW' | 'USD/MWh'
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
  'markets.dart_spreads': MarketsDartSpreadsRow
  'markets.generation': MarketsGenerationRow
  'markets.load': MarketsLoadRow
  'markets.load_forecast': MarketsLoadForecastRow
  'markets.prices': MarketsPricesRow
  'markets.renewables_forecast': MarketsRenewablesForecastRow
  'simulation.truth': SimulationTruthRow
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
  'markets.dart_spreads': ['market', 'location', 'interval_start'],
  'markets.generation': ['market', 'location', 'fuel', 'interval_start'],
  'markets.load': ['market', 'location', 'interval_start'],
  'markets.load_forecast': ['market', 'location', 'forecast_run', 'interval_start'],
  'markets.prices': ['market', 'market_run', 'location', 'interval_start'],
  'markets.renewables_forecast': ['market', 'location', 'fuel', 'forecast_run', 'interval_start'],
  'simulation.truth': ['market', 'market_run', 'kind', 'element', 'interval_start'],
} as const
