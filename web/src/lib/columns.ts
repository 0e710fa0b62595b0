/** Which columns a table shows, in which order; the first is pinned and always there. */

/** Return the columns that `text` names, the pinned one first; undefined when it names none that exist. */
export function parseColumns<Id extends string>(text: string | undefined, known: readonly Id[]): Id[] | undefined {
  const [pinned, ...others] = known
  const named = (text ?? '').split(',')
  const found = [...new Set(named)].filter((name): name is Id => (others as readonly string[]).includes(name))
  return pinned === undefined || found.length === 0 ? undefined : [pinned, ...found]
}

/** Return the text of chosen columns; the pinned one goes without saying. */
export function formatColumns(chosen: readonly string[]): string {
  return chosen.slice(1).join(',')
}

/** Move a column by `by` places among those that are not pinned. */
export function moved<Id extends string>(chosen: readonly Id[], id: Id, by: number): Id[] {
  const at = chosen.indexOf(id)
  const to = Math.max(1, Math.min(chosen.length - 1, at + by))
  if (at < 1 || at === to) return [...chosen]
  const rest = chosen.filter((one) => one !== id)
  return [...rest.slice(0, to), id, ...rest.slice(to)]
}

export interface Space {
  /** Least width in CSS pixels. */
  least: number
  /** The column with the smallest weight gives way first. */
  weight: number
}

/** Return the columns that find room side by side, in order; the pinned one and one more always stay. */
export function fitting<Face extends Space>(faces: readonly Face[], width: number): Face[] {
  const kept = [...faces]
  let total = kept.reduce((sum, face) => sum + face.least, 0)
  while (total > width && kept.length > 2) {
    const weakest = kept.slice(1).reduce((low, face) => (face.weight < low.weight ? face : low))
    kept.splice(kept.indexOf(weakest), 1)
    total -= weakest.least
  }
  return kept
}
