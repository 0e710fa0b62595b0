/** The address is the state: a store over history, so that back works and sharing is copying the address. */

export interface Place {
  path: string
  params: ReadonlyMap<string, string>
}

/** Parameters that travel from page to page. */
export const TRAVELLING = ['market', 'hub', 'as_of', 'tz'] as const

export type ParamPatch = Record<string, string | null | undefined>

export function parsePlace(href: string): Place {
  const url = new URL(href, 'http://hub.invalid')
  const path = url.pathname.length > 1 && url.pathname.endsWith('/') ? url.pathname.slice(0, -1) : url.pathname
  return { path, params: new Map(url.searchParams) }
}

/** Return the address of `path` with `params`, keys sorted so that equal states have equal addresses. */
export function formatPlace(path: string, params: ReadonlyMap<string, string>): string {
  const query = new URLSearchParams([...params].sort(([a], [b]) => (a < b ? -1 : 1)))
  const text = query.toString().replaceAll('%3A', ':').replaceAll('%2C', ',')
  return text === '' ? path : `${path}?${text}`
}

/** Return the parameters after a patch: null, undefined and empty text remove. */
export function patched(params: ReadonlyMap<string, string>, patch: ParamPatch): Map<string, string> {
  const next = new Map(params)
  for (const [name, value] of Object.entries(patch)) {
    if (value === null || value === undefined || value === '') next.delete(name)
    else next.set(name, value)
  }
  return next
}

/** Return the address of another page, carrying only what travels. */
export function travelTo(place: Place, path: string, patch: ParamPatch = {}): string {
  const kept = new Map([...place.params].filter(([name]) => (TRAVELLING as readonly string[]).includes(name)))
  return formatPlace(path, patched(kept, patch))
}
