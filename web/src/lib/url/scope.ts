import { isInstant } from '@/lib/time/format'
import { type MarketClock, type ZoneChoice, chosenClock } from '@/lib/time/markets'
import { isDay } from '@/lib/time/zone'
import { usePlace } from './use-place'

/** What travels on every page: whose data, as known when, told in which clock. */
export interface Scope {
  market: string | undefined
  hub: string | undefined
  /** RFC 3339, or undefined for now. */
  asOf: string | undefined
  tz: ZoneChoice
}

/** What a hand has spoilt in the address counts as not said: the page is then visibly of now. */
function instantIn(text: string | undefined): string | undefined {
  return text !== undefined && isInstant(text) ? text : undefined
}

/** The instant of a parameter, in milliseconds; undefined when the address names none. */
export function useInstantParam(name: string): number | undefined {
  const text = instantIn(usePlace().params.get(name))
  return text === undefined ? undefined : Date.parse(text)
}

/** The day of a parameter, YYYY-MM-DD. */
export function useDayParam(name: string): string | undefined {
  const text = usePlace().params.get(name)
  return text !== undefined && isDay(text) ? text : undefined
}

export function useScope(): Scope {
  const { params } = usePlace()
  const tz = params.get('tz')
  return {
    market: params.get('market'),
    hub: params.get('hub'),
    asOf: instantIn(params.get('as_of')),
    tz: tz === 'utc' || tz === 'local' ? tz : 'market',
  }
}

/** The clock for data of `market`; without one, the market of the scope. */
export function useClock(market?: string): MarketClock {
  const scope = useScope()
  return chosenClock(scope.tz, market ?? scope.market)
}
