/** How each market tells the time. A market not listed is shown in UTC and says so. */

export interface MarketClock {
  zone: string
  /** The letters the desk uses for this clock; prevailing time, so no S or D. */
  abbreviation: string
}

const CLOCKS: Readonly<Record<string, MarketClock>> = {
  CAISO: { zone: 'America/Los_Angeles', abbreviation: 'PPT' },
  ERCOT: { zone: 'America/Chicago', abbreviation: 'CPT' },
  ISONE: { zone: 'America/New_York', abbreviation: 'EPT' },
  // MISO keeps Eastern Standard Time all year: every day has 24 hours.
  MISO: { zone: 'Etc/GMT+5', abbreviation: 'EST' },
  NYISO: { zone: 'America/New_York', abbreviation: 'EPT' },
  PJM: { zone: 'America/New_York', abbreviation: 'EPT' },
  SIM: { zone: 'America/Chicago', abbreviation: 'CPT' },
  SPP: { zone: 'America/Chicago', abbreviation: 'CPT' },
}

const UTC: MarketClock = { zone: 'UTC', abbreviation: 'UTC' }

export function marketClock(market: string | undefined): MarketClock {
  return (market === undefined ? undefined : CLOCKS[market]) ?? UTC
}

export type ZoneChoice = 'market' | 'utc' | 'local'

/** Return the clock to show instants in, by the desk's choice and the market of the data. */
export function chosenClock(choice: ZoneChoice, market: string | undefined): MarketClock {
  if (choice === 'utc') return UTC
  if (choice === 'local') {
    return { zone: Intl.DateTimeFormat().resolvedOptions().timeZone, abbreviation: 'local' }
  }
  return marketClock(market)
}
