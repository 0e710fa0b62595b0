import { useEffect, useMemo } from 'react'
import { formatColumns, parseColumns } from '@/lib/columns'
import { place, setParams, useParam } from './use-place'

const PARAM = 'cols'

function kept(table: string): string | undefined {
  try {
    return localStorage.getItem(`pd-columns:${table}`) ?? undefined
  } catch {
    return undefined
  }
}

function keep(table: string, text: string | undefined): void {
  try {
    if (text === undefined) localStorage.removeItem(`pd-columns:${table}`)
    else localStorage.setItem(`pd-columns:${table}`, text)
  } catch {
    // Storage can be refused; the address still has the choice.
  }
}

/**
 * The columns of a table and the way to choose others. The address has the choice, so that it can be shared; this
 * browser remembers the last one for addresses that say nothing. `known` begins with the pinned column.
 */
export function useColumns<Id extends string>(table: string, known: readonly Id[], standard: readonly Id[]): [chosen: readonly Id[], choose: (next: readonly Id[] | undefined) => void] {
  const asked = useParam(PARAM)
  useEffect(() => {
    const remembered = kept(table)
    if (place().params.get(PARAM) === undefined && remembered !== undefined) setParams({ [PARAM]: remembered }, 'replace')
  }, [table])
  const chosen = useMemo(() => parseColumns(asked, known) ?? standard, [asked, known, standard])
  const choose = useMemo(() => (next: readonly Id[] | undefined) => {
    const text = next === undefined ? undefined : formatColumns(next)
    keep(table, text)
    setParams({ [PARAM]: text }, 'replace')
  }, [table])
  return [chosen, choose]
}
