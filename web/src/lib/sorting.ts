/** A sort by one column, as the address has it: `name` or `name:desc`. */
export interface Sort {
  column: string
  descending: boolean
}

export function parseOneSort(text: string | undefined, standard: Sort): Sort {
  if (text === undefined || text === '') return standard
  const [column = '', order] = text.split(':')
  return { column, descending: order === 'desc' }
}

/** Return the text of the sort after a click on a column: numbers start with the highest; a second click turns it round. */
export function clickedSort(held: Sort, column: string, isNumber: boolean): string {
  const descending = held.column === column ? !held.descending : isNumber
  return descending ? `${column}:desc` : column
}

/** Return rows in order of their values; what is missing goes last whichever way. Stable, O(n log n). */
export function sortedBy<Row>(rows: readonly Row[], value: (row: Row) => number | string, descending: boolean): Row[] {
  const keyed = rows.map((row) => ({ row, key: value(row) }))
  const isMissing = (key: number | string) => (typeof key === 'number' ? Number.isNaN(key) : key === '')
  keyed.sort((a, b) => {
    if (isMissing(a.key) || isMissing(b.key)) return Number(isMissing(a.key)) - Number(isMissing(b.key))
    const order = a.key < b.key ? -1 : a.key > b.key ? 1 : 0
    return descending ? -order : order
  })
  return keyed.map(({ row }) => row)
}
