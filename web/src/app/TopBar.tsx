import { useQuery } from '@tanstack/react-query'
import { useMemo } from 'react'
import { Icon } from '@/components/Icon'
import { locationsQuery } from '@/lib/api/queries'
import type { Location } from '@/lib/api/types'
import { isHub } from '@/lib/kinds'
import { chosenClock } from '@/lib/time/markets'
import { useScope } from '@/lib/url/scope'
import { setParams } from '@/lib/url/use-place'
import { AsOfControl } from './AsOfControl'
import type { Overlay } from './Frame'

const NONE: Location[] = []

/** The hubs of the scope; of a market without hubs its zones. */
function hubsOf(locations: Location[], market: string | undefined): Location[] {
  const here = market === undefined ? locations : locations.filter((one) => one.market === market)
  const hubs = here.filter((one) => isHub(one.kind))
  return hubs.length > 0 ? hubs : here.filter((one) => one.kind === 'zone')
}

/** Scope chips, search, time of knowledge, clock. */
export function TopBar({ open }: { open: (overlay: Overlay) => void }) {
  const { market, hub, tz } = useScope()
  const locations = useQuery(locationsQuery).data ?? NONE
  const markets = useMemo(() => [...new Set([...locations.map((one) => one.market), ...(market === undefined ? [] : [market])])].sort(), [locations, market])
  const hubs = useMemo(() => hubsOf(locations, market), [locations, market])
  const zoneWords = chosenClock('market', market).abbreviation
  return (
    <header className="topbar">
      <label className="chip"><span className="name">Market</span>
        <select aria-label="Market" value={market ?? ''} onChange={(event) => setParams({ market: event.target.value, hub: null, row: null })}>
          <option value="">All</option>
          {markets.map((name) => <option key={name}>{name}</option>)}
        </select>
      </label>
      <label className="chip desk-only"><span className="name">Hub</span>
        <select aria-label="Reference hub" value={hub ?? ''} onChange={(event) => setParams({ hub: event.target.value })}>
          <option value="">First of the market</option>
          {hubs.map((one) => <option key={one.id} value={one.id}>{market === undefined ? `${one.name} · ${one.market}` : one.name}</option>)}
        </select>
      </label>
      <span className="grow" />
      <button type="button" className="button search-button desk-only" onClick={() => open('palette')} aria-keyshortcuts="Control+K">
        <Icon name="search" size={14} /><span className="words">Find a page or location</span><kbd>Ctrl K</kbd>
      </button>
      <AsOfControl />
      <label className="chip"><span className="name">Clock</span>
        <select aria-label="Clock" value={tz} onChange={(event) => setParams({ tz: event.target.value === 'market' ? null : event.target.value }, 'replace')}>
          <option value="market">{market === undefined ? 'market' : zoneWords}</option>
          <option value="utc">UTC</option>
          <option value="local">local</option>
        </select>
      </label>
    </header>
  )
}
