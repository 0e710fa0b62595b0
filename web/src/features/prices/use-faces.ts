import { type RefObject, useMemo } from 'react'
import { fitting } from '@/lib/columns'
import { chosenClock } from '@/lib/time/markets'
import { useScope } from '@/lib/url/scope'
import { useColumns } from '@/lib/url/use-columns'
import { useWidth } from '@/lib/use-width'
import { COLUMNS, type ColumnFace, STANDARD, columnFaces } from './columns'
import type { ColumnId } from './rows'

/** Padding of a row and the scroll bar. */
const AROUND_PX = 28

export interface Faces {
  all: readonly ColumnFace[]
  chosen: readonly ColumnId[]
  /** Those of the chosen that find room, in order. */
  shown: readonly ColumnFace[]
  choose: (next: readonly ColumnId[] | undefined) => void
}

/** The columns of the grid in `element`: chosen, in order, as far as there is room. */
export function useFaces(element: RefObject<HTMLElement | null>, unit: string): Faces {
  const { market, tz } = useScope()
  const width = useWidth(element)
  const [chosen, choose] = useColumns<ColumnId>('markets.prices', COLUMNS, STANDARD)
  const single = tz !== 'market' || market !== undefined
  const words = chosenClock(tz, market).abbreviation
  const zone = single ? (tz === 'market' ? `HE, ${words}` : words) : undefined
  return useMemo(() => {
    const all = columnFaces(unit, zone)
    const named = new Map(all.map((face) => [face.id, face]))
    return { all, chosen, choose, shown: fitting(chosen.flatMap((id) => named.get(id) ?? []), width - AROUND_PX) }
  }, [unit, zone, chosen, choose, width])
}
