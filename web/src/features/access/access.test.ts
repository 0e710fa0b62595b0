import { describe, expect, it } from 'vitest'
import { type Line, changesOf, lineText, mayTurn, speaksOf, stateOf } from './lines'
import { cellBeside } from './Matrix'

const NOW = Date.parse('2026-11-21T12:00:00.700Z')
const line: Line = { market: 'SIM', product: '*', channel: 'api', valid_from: null, valid_to: null, deny: false }
const later: Line = { ...line, valid_from: '2026-12-01T00:00:00Z' }

describe('what an intent changes', () => {
  it('ends a line that has begun at the moment, in whole seconds and never after it', () => {
    expect(changesOf({ verb: 'end', line }, NOW)).toEqual({ add: [{ ...line, valid_to: '2026-11-21T12:00:00Z' }], remove: [line] })
  })

  it('takes away a line that would end before it begins', () => {
    expect(changesOf({ verb: 'end', line: later }, NOW)).toEqual({ add: [], remove: [later] })
    expect(changesOf({ verb: 'end', line: later }, Date.parse('2026-12-02T00:00:00Z')).add).toHaveLength(1)
  })

  it('adds and removes nothing else', () => {
    expect([changesOf({ verb: 'add', line }, NOW), changesOf({ verb: 'remove', line }, NOW)]).toEqual([{ add: [line], remove: [] }, { add: [], remove: [line] }])
  })
})

describe('a line', () => {
  it('is to come, in force or ended', () => {
    expect([later, line, { ...line, valid_to: '2026-11-21T12:00:00Z' }].map((one) => stateOf(one, NOW))).toEqual(['to come', 'in force', 'ended'])
  })

  it('speaks of what it names, and by api of the channels of programs but not of hub and download', () => {
    const of = (market: string, channel: string) => speaksOf(line, { market, product: 'prices', channel })
    expect([of('SIM', 'api'), of('SIM', 'stream'), of('SIM', 'hub'), of('SIM', 'download'), of('MISO', 'api')]).toEqual([true, true, false, false, false])
  })

  it('is told without stars', () => {
    expect(lineText(line)).toBe('SIM × every product × api')
  })
})

describe('who may turn a verdict', () => {
  it('lets a tenant-admin deny, and grant only as the operator too', () => {
    const may = (...roles: string[]) => [mayTurn(roles, true), mayTurn(roles, false)]
    expect([may('tenant-admin'), may('tenant-admin', 'operator'), may('operator'), may('viewer'), may()]).toEqual([[true, false], [true, true], [false, false], [false, false], [false, false]])
  })
})

describe('the matrix by keyboard', () => {
  it('stays within its rows and edges', () => {
    const to = (key: string, at: number) => cellBeside(key, at, 3, 6)
    expect([to('ArrowRight', 2), to('ArrowRight', 1), to('ArrowLeft', 3), to('ArrowDown', 4), to('ArrowDown', 1), to('ArrowUp', 1), to('End', 3), to('Home', 5), to('x', 0)]).toEqual([2, 2, 3, 4, 4, 1, 5, 3, undefined])
  })
})
