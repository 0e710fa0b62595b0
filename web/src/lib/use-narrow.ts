import { useSyncExternalStore } from 'react'

const QUERY = '(max-width: 720px)'

/** True on a phone: grids become cards, the drawer a sheet. */
export function useNarrow(): boolean {
  return useSyncExternalStore((listener) => {
    const media = window.matchMedia(QUERY)
    media.addEventListener('change', listener)
    return () => media.removeEventListener('change', listener)
  }, () => window.matchMedia(QUERY).matches)
}
