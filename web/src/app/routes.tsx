import { type ComponentType, type LazyExoticComponent, lazy } from 'react'
import type { IconName } from '@/components/Icon'

export interface PageEntry {
  path: string
  name: string
  icon: IconName
  /** The letter after g. */
  letter: string
}

/** The pages of the rail, in order. */
export const PAGES: readonly PageEntry[] = [
  { path: '/prices', name: 'Prices', icon: 'prices', letter: 'p' },
  { path: '/status', name: 'Status', icon: 'status', letter: 's' },
  { path: '/datasets', name: 'Datasets', icon: 'datasets', letter: 'd' },
  { path: '/access', name: 'Access', icon: 'access', letter: 'a' },
]

type Page = LazyExoticComponent<ComponentType<{ rest: string }>>

const ROUTES: readonly [prefix: string, page: Page][] = [
  ['/prices', lazy(() => import('@/features/prices/PricesPage'))],
  ['/status', lazy(() => import('@/features/status/StatusPage'))],
  ['/datasets/', lazy(() => import('@/features/datasets/DatasetPage'))],
  ['/datasets', lazy(() => import('@/features/datasets/DatasetsPage'))],
  ['/access', lazy(() => import('@/features/access/AccessPage'))],
  ['/docs/problems/', lazy(() => import('@/features/problems/ProblemPage'))],
]
const NOT_FOUND: Page = lazy(() => import('@/features/problems/NotFoundPage'))

/** Return the page of a path and what follows its prefix. */
export function route(path: string): { Page: Page; rest: string } {
  const at = path === '/' || path.startsWith('/sign-in') ? '/prices' : path
  for (const [prefix, page] of ROUTES) {
    if (prefix.endsWith('/') ? at.startsWith(prefix) && at.length > prefix.length : at === prefix) {
      return { Page: page, rest: decodeURIComponent(at.slice(prefix.length)) }
    }
  }
  return { Page: NOT_FOUND, rest: at }
}
