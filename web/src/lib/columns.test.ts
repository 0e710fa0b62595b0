import { describe, expect, it } from 'vitest'
import { fitting, formatColumns, moved, parseColumns } from './columns'

const KNOWN = ['name', 'rt', 'da', 'dart'] as const

describe('chosen columns', () => {
  it('round-trip through the address, the pinned one first and unsaid', () => {
    expect(parseColumns('dart,rt', KNOWN)).toEqual(['name', 'dart', 'rt'])
    expect(formatColumns(['name', 'dart', 'rt'])).toBe('dart,rt')
  })

  it('are the standard when the address names none that exist, and each is there once', () => {
    expect([undefined, '', 'name', 'nonsense'].map((text) => parseColumns(text, KNOWN))).toEqual([undefined, undefined, undefined, undefined])
    expect(parseColumns('rt,rt,nonsense,name', KNOWN)).toEqual(['name', 'rt'])
  })

  it('move among themselves and never before the pinned one', () => {
    expect(moved(KNOWN, 'dart', -1)).toEqual(['name', 'rt', 'dart', 'da'])
    expect(moved(KNOWN, 'rt', -1)).toEqual(KNOWN)
    expect(moved(KNOWN, 'rt', 9)).toEqual(['name', 'da', 'dart', 'rt'])
    expect(moved(KNOWN, 'name', 1)).toEqual(KNOWN)
  })
})

describe('room', () => {
  const faces = [{ id: 'name', least: 100, weight: 0 }, { id: 'a', least: 50, weight: 3 }, { id: 'b', least: 50, weight: 1 }, { id: 'c', least: 50, weight: 2 }]
  const ids = (width: number) => fitting(faces, width).map(({ id }) => id)

  it('is given up by the lightest column first, never by the pinned one or the last beside it', () => {
    expect([Infinity, 250, 249, 199, 0].map(ids)).toEqual([['name', 'a', 'b', 'c'], ['name', 'a', 'b', 'c'], ['name', 'a', 'c'], ['name', 'a'], ['name', 'a']])
  })
})
