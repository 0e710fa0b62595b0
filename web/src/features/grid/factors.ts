import { type UseQueryResult, useQueries } from '@tanstack/react-query'
import { readDataset } from '@/lib/api/dataset-rows'
import { useScope } from '@/lib/url/scope'

const BATCH = 8

export type Factors = ReadonlyMap<string, ReadonlyMap<string, number>>

function joined(results: readonly UseQueryResult<Factors>[]): Factors {
  return new Map(results.flatMap((result) => [...(result.data ?? [])]))
}

/** Shift factors by constraint and location of those constraints that are in view, read a few at a time; `all` fixes what is read together. */
export function useFactors(market: string | undefined, all: readonly string[], inView: ReadonlySet<string>): Factors {
  const { asOf } = useScope()
  const batches: string[][] = []
  const sorted = [...all].sort()
  for (let from = 0; from < sorted.length; from += BATCH) batches.push(sorted.slice(from, from + BATCH))
  return useQueries({
    queries: batches.filter((batch) => batch.some((name) => inView.has(name))).map((batch) => ({
      queryKey: ['shift-factors', market, batch, asOf], staleTime: 600_000,
      queryFn: async ({ signal }: { signal: AbortSignal }) => {
        const rows = await readDataset('grid.shift_factors', 'latest', { market, constraint: batch, as_of: asOf, columns: ['constraint', 'location', 'shift_factor'] }, signal)
        const found = new Map<string, Map<string, number>>()
        for (let row = 0; row < rows.count; row += 1) {
          const name = rows.text('constraint', row)
          const held = found.get(name) ?? new Map<string, number>()
          held.set(rows.text('location', row), rows.number('shift_factor', row))
          found.set(name, held)
        }
        return found
      },
    })),
    combine: joined,
  })
}
