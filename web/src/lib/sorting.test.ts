import { describe, expect, it } from 'vitest'
import { clickedSort, parseOneSort, sortedBy } from './sorting'

describe('sorting by one column', () => {
  it('goes into the address and back', () => {
    const standard = { column: 'now', descending: true }
    expect(parseOneSort(undefined, standard)).toBe(standard)
    expect(parseOneSort(clickedSort(standard, 'now', true), standard)).toEqual({ column: 'now', descending: false })
    expect(parseOneSort(clickedSort(standard, 'week', true), standard)).toEqual({ column: 'week', descending: true })
    expect(parseOneSort(clickedSort(standard, 'name', false), standard)).toEqual({ column: 'name', descending: false })
  })

  it('puts what is missing last whichever way', () => {
    const rows = [3, Number.NaN, 7, 1]
    expect(sortedBy(rows, (row) => row, true)).toEqual([7, 3, 1, Number.NaN])
    expect(sortedBy(rows, (row) => row, false)).toEqual([1, 3, 7, Number.NaN])
    expect(sortedBy(['b', '', 'a'], (row) => row, false)).toEqual(['a', 'b', ''])
  })
})
