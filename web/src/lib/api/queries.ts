import { type UseQueryResult, queryOptions, useQuery, useQueryClient } from '@tanstack/react-query'
import { useCallback } from 'react'
import { unitIn } from '@/lib/units/format'
import { getJson, send } from './client'
import type { Dataset, Feed, Location, Me } from './types'

export const meQuery = queryOptions({
  queryKey: ['me'],
  queryFn: ({ signal }) => getJson<Me>('/v1/me', {}, signal),
  staleTime: 60_000,
  retry: false,
})

export const feedsQuery = queryOptions({
  queryKey: ['feeds'],
  queryFn: ({ signal }) => getJson<{ feeds: Feed[] }>('/v1/feeds', {}, signal).then((answer) => answer.feeds),
  refetchInterval: (query) => (query.state.data?.some((feed) => feed.backfill !== null) ? 1000 : 5000),
})

export const datasetsQuery = queryOptions({
  queryKey: ['datasets'],
  queryFn: ({ signal }) => getJson<{ datasets: Dataset[] }>('/v1/datasets', {}, signal).then((answer) => answer.datasets),
  staleTime: 60_000,
})

/** Every location the caller may see, for names, kinds and search; one list per session. */
export const locationsQuery = queryOptions({
  queryKey: ['locations'],
  queryFn: ({ signal }) => getJson<{ locations: Location[] }>('/v1/locations', { limit: 20_000 }, signal).then((answer) => answer.locations),
  staleTime: 300_000,
  // A desk that has just begun knows none yet.
  refetchInterval: (query) => (query.state.data?.length === 0 ? 5000 : false),
})

export function useDataset(id: string): Dataset | undefined {
  return useQuery(datasetsQuery).data?.find((dataset) => dataset.id === id)
}

/** The unit that a dataset declares for a column, in the currency of the rows shown. */
export function useUnit(id: string, column: string, currencies: Iterable<string>): string {
  return unitIn(useDataset(id)?.columns.find((one) => one.name === column)?.unit ?? '', currencies)
}

export function useMe(): UseQueryResult<Me> {
  return useQuery(meQuery)
}

export function useRole(...roles: string[]): boolean {
  const { data } = useMe()
  return data?.user.roles.some((role) => roles.includes(role)) ?? false
}

/** End this session; what was read under it is forgotten, and the sign-in page comes. */
export function useSignOut(): () => void {
  const client = useQueryClient()
  return useCallback(() => {
    const forget = () => void client.resetQueries()
    send('DELETE', '/v1/session').then(forget, forget)
  }, [client])
}
