import { useSyncExternalStore } from 'react'
import { type ParamPatch, type Place, formatPlace, parsePlace, patched, travelTo } from './location'

let current: { href: string; place: Place } | undefined
const listeners = new Set<() => void>()

export function place(): Place {
  const { href } = window.location
  if (current?.href !== href) current = { href, place: parsePlace(href) }
  return current.place
}

function announce(): void {
  for (const listener of listeners) listener()
}

function subscribe(listener: () => void): () => void {
  if (listeners.size === 0) window.addEventListener('popstate', announce)
  listeners.add(listener)
  return () => {
    listeners.delete(listener)
    if (listeners.size === 0) window.removeEventListener('popstate', announce)
  }
}

export function usePlace(): Place {
  return useSyncExternalStore(subscribe, place)
}

/** Go to an address of the hub; `replace` leaves no step behind for the back button. */
export function navigate(address: string, how: 'push' | 'replace' = 'push'): void {
  if (how === 'push') window.history.pushState(null, '', address)
  else window.history.replaceState(null, '', address)
  announce()
}

/** Go to another page of the hub, carrying scope, zone and as-of. */
export function go(path: string, patch: ParamPatch = {}): void {
  navigate(travelTo(place(), path, patch))
}

/** Change parameters of the page in view. */
export function setParams(patch: ParamPatch, how: 'push' | 'replace' = 'push'): void {
  const { path, params } = place()
  navigate(formatPlace(path, patched(params, patch)), how)
}

export function useParam(name: string): string | undefined {
  return usePlace().params.get(name)
}
