import { useSyncExternalStore } from 'react'

let query: MediaQueryList | undefined

function phone(): MediaQueryList {
  query ??= window.matchMedia('(max-width: 720px)')
  return query
}

/** True on a phone: grids become cards, the drawer a sheet. */
export function useNarrow(): boolean {
  return useSyncExternalStore((listener) => {
    phone().addEventListener('change', listener)
    return () => phone().removeEventListener('change', listener)
  }, () => phone().matches)
}
