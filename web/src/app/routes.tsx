import { type ComponentType, useEffect, useState } from 'react'
import type { IconName } from '@/components/Icon'

export interface PageEntry {
  path: string
  name: string
  icon: IconName
  /** The letter after g. */
  letter: string
  /** One of the four that the bottom bar of a phone has room for; the others are found by Find. */
  isOnPhone: boolean
}

/** The pages of the rail, in order. */
export const PAGES: readonly PageEntry[] = [
  { path: '/prices', name: 'Prices', icon: 'prices', letter: 'p', isOnPhone: true },
  { path: '/map', name: 'Map', icon: 'map', letter: 'm', isOnPhone: true },
  { path: '/constraints', name: 'Constraints', icon: 'constraints', letter: 'c', isOnPhone: true },
  { path: '/status', name: 'Status', icon: 'status', letter: 's', isOnPhone: true },
  { path: '/datasets', name: 'Datasets', icon: 'datasets', letter: 'd', isOnPhone: false },
  { path: '/access', name: 'Access', icon: 'access', letter: 'a', isOnPhone: false },
]

type PageComponent = ComponentType<{ rest: string }>

/** A page in its own chunk. React.lazy would hold each first visit back by its 300 ms throttle; this does not. */
export interface LazyPage {
  load: () => Promise<{ default: PageComponent }>
  loaded?: PageComponent
}

const ROUTES: readonly [prefix: string, page: LazyPage][] = [
  ['/prices', { load: () => import('@/features/prices/PricesPage') }],
  ['/map', { load: () => import('@/features/grid/MapPage') }],
  ['/constraints', { load: () => import('@/features/grid/BoardPage') }],
  ['/status', { load: () => import('@/features/status/StatusPage') }],
  ['/datasets/', { load: () => import('@/features/datasets/DatasetPage') }],
  ['/datasets', { load: () => import('@/features/datasets/DatasetsPage') }],
  ['/access', { load: () => import('@/features/access/AccessPage') }],
  ['/docs/problems/', { load: () => import('@/features/problems/ProblemPage') }],
]
/** Every component in every state, for those who build and check the hub; not in the rail and not fetched ahead. */
const DESIGN: LazyPage = { load: () => import('./design/DesignPage') }
const NOT_FOUND: LazyPage = { load: () => import('@/features/problems/NotFoundPage') }

/** Return the text of a part of an address; one that is not encoded as addresses are stands for itself. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

/** Return the page of a path and what follows its prefix. */
export function route(path: string): { page: LazyPage; rest: string } {
  const at = path === '/' || path.startsWith('/sign-in') ? '/prices' : path
  for (const [prefix, page] of ROUTES) {
    if (prefix.endsWith('/') ? at.startsWith(prefix) && at.length > prefix.length : at === prefix) {
      return { page, rest: decoded(at.slice(prefix.length)) }
    }
  }
  return at === '/design' ? { page: DESIGN, rest: '' } : { page: NOT_FOUND, rest: at }
}

async function fetchPage(page: LazyPage): Promise<void> {
  page.loaded = (await page.load()).default
}

/** Fetch the other pages while nothing else happens, so that a change of page is a change of screen at once. */
export function fetchAhead(): void {
  for (const [, page] of ROUTES) {
    if (page.loaded === undefined) void fetchPage(page).catch(() => undefined)
  }
}

/** The component of a page: at once when it is here, undefined until it is; a chunk that cannot be had throws to the boundary. */
export function usePage(page: LazyPage): PageComponent | undefined {
  const [, setArrived] = useState<LazyPage | undefined>(undefined)
  const [failed, setFailed] = useState<{ page: LazyPage; reason: Error } | undefined>(undefined)
  useEffect(() => {
    if (page.loaded !== undefined) return
    fetchPage(page).then(() => setArrived(page), () => setFailed({ page, reason: new Error('This page could not be fetched. If the desk was updated meanwhile, reload it.') }))
  }, [page])
  if (failed?.page === page) throw failed.reason
  return page.loaded
}
