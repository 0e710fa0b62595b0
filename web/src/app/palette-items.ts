import type { Location } from '@/lib/api/types'
import { toggleTheme } from '@/lib/theme'
import { go, setParams } from '@/lib/url/use-place'
import type { Overlay } from './Frame'
import { pressHotkey } from './keys'
import { PAGES } from './routes'

export interface PaletteItem {
  id: string
  group: 'Recent' | 'Pages' | 'Commands' | 'Locations'
  name: string
  note: string
  run: () => void
}

const RECENT_KEY = 'pd-recent'
const RECENT_KEPT = 6

export function recentIds(): string[] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(RECENT_KEY) ?? '[]')
    return Array.isArray(kept) ? kept.filter((id): id is string => typeof id === 'string') : []
  } catch {
    return []
  }
}

export function remember(id: string): void {
  const kept = [id, ...recentIds().filter((other) => other !== id)].slice(0, RECENT_KEPT)
  try {
    localStorage.setItem(RECENT_KEY, JSON.stringify(kept))
  } catch {
    // Recent places are a convenience; without storage there are none.
  }
}

export function pageItems(): PaletteItem[] {
  return PAGES.map(({ path, name, letter }) => ({ id: `page:${path}`, group: 'Pages', name, note: `g ${letter}`, run: () => go(path) }))
}

export function commandItems(open: (overlay: Overlay) => void, signOut: () => void): PaletteItem[] {
  const command = (id: string, name: string, note: string, run: () => void): PaletteItem => ({ id: `command:${id}`, group: 'Commands', name, note, run })
  return [
    command('theme', 'Switch between dark and light', '', toggleTheme),
    command('utc', 'Tell time in UTC', 'z', () => setParams({ tz: 'utc' }, 'replace')),
    command('market-time', 'Tell time as the market does', 'z', () => setParams({ tz: null }, 'replace')),
    command('local', 'Tell time as this machine does', 'z', () => setParams({ tz: 'local' }, 'replace')),
    command('as-of', 'As known at a past moment', 'a', () => pressHotkey('a')),
    command('now', 'Back to now', '', () => setParams({ as_of: null })),
    command('heat', 'Prices as a heat view', '', () => go('/prices', { view: 'heat' })),
    command('columns', 'Choose columns', 'c', () => pressHotkey('c')),
    command('keys', 'Keyboard map', '?', () => open('keys')),
    command('sign-out', 'Sign out', '', signOut),
  ]
}

export function locationItem(location: Location): PaletteItem {
  return {
    id: `location:${location.id}`, group: 'Locations', name: location.name, note: `${location.market} ${location.kind}`,
    run: () => go('/prices', { market: location.market, row: location.id }),
  }
}

/** Return how well `text` answers `query`: 0 no, higher is better; every word of the query must occur. */
export function score(query: string, text: string): number {
  const hay = text.toLowerCase()
  let total = 1
  for (const word of query.toLowerCase().split(/\s+/).filter((one) => one !== '')) {
    const at = hay.indexOf(word)
    if (at < 0) return 0
    total += at === 0 ? 3 : /[\s_:.-]/.test(hay.charAt(at - 1)) ? 2 : 1
  }
  return total
}
