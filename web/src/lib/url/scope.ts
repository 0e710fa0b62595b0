import { type MarketClock, type ZoneChoice, chosenClock } from '@/lib/time/markets'
import { usePlace } from './use-place'

/** What travels on every page: whose data, as known when, told in which clock. */
export interface Scope {
  market: string | undefined
  hub: string | undefined
  /** RFC 3339, or undefined for now. */
  asOf: string | undefined
  tz: ZoneChoice
}

export function useScope(): Scope {
  const { params } = usePlace()
  const tz = params.get('tz')
  return {
    market: params.get('market'),
    hub: params.get('hub'),
    asOf: params.get('as_of'),
    tz: tz === 'utc' || tz === 'local' ? tz : 'market',
  }
}

/** The clock for data of `market`; without one, the market of the scope. */
export function useClock(market?: string): MarketClock {
  const scope = useScope()
  return chosenClock(scope.tz, market ?? scope.market)
}
