/** Kinds of location, from those a trader looks at first to those there are most of. */
const KIND_ORDER = ['hub', 'trading hub', 'zone', 'load aggregation point', 'load area', 'system', 'external proxy', 'node']

/** Return what a location is called without its market: HUB_NORTH of SIM:HUB_NORTH. */
export function nameOf(location: string): string {
  return location.slice(location.indexOf(':') + 1)
}

/** Return where a kind stands in that order; kinds not named there come last. */
export function kindRank(kind: string): number {
  const at = KIND_ORDER.indexOf(kind)
  return at < 0 ? KIND_ORDER.length : at
}

export function isHub(kind: string): boolean {
  return kind === 'hub' || kind === 'trading hub'
}
