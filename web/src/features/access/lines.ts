import type { EntitlementTuple, Grant } from '@/lib/api/types'
import { isoInstant } from '@/lib/time/format'

/** A line as the server takes it. */
export type Line = Omit<Grant, 'tenant'>

/** What a tenant-admin is about to do, before it is confirmed. */
export type Intent = { verb: 'add'; line: Line } | { verb: 'end'; line: Line } | { verb: 'remove'; line: Line }

export interface LineChanges {
  add: Line[]
  remove: Line[]
}

const SECOND_MS = 1000

export function lineOf({ market, product, channel, valid_from, valid_to, deny }: Grant): Line {
  return { market, product, channel, valid_from, valid_to, deny }
}

/** Return the lines that an intent adds and removes; ending happens at `at`, and what has not begun by then goes. */
export function changesOf({ verb, line }: Intent, at: number): LineChanges {
  if (verb === 'add') return { add: [line], remove: [] }
  const begun = line.valid_from === null || Date.parse(line.valid_from) < at
  if (verb === 'remove' || !begun) return { add: [], remove: [line] }
  return { add: [{ ...line, valid_to: isoInstant(Math.floor(at / SECOND_MS) * SECOND_MS) }], remove: [line] }
}

export type LineState = 'in force' | 'to come' | 'ended'

export function stateOf(line: Line, now: number): LineState {
  if (line.valid_to !== null && Date.parse(line.valid_to) <= now) return 'ended'
  return line.valid_from !== null && Date.parse(line.valid_from) > now ? 'to come' : 'in force'
}

const names = (said: string, asked: string) => said === '*' || said === asked

/** Tell whether a line speaks of the tuple, itself or by api, which carries the channels of programs. */
export function speaksOf(line: Line, { market, product, channel }: EntitlementTuple): boolean {
  return names(line.market, market) && names(line.product, product) && (names(line.channel, channel) || (line.channel === 'api' && channel !== 'hub' && channel !== 'download'))
}

const everyOr = (code: string, many: string) => (code === '*' ? many : code)

/** Return a line in words: SIM × every product × hub. */
export function lineText({ market, product, channel }: EntitlementTuple): string {
  return `${everyOr(market, 'every market')} × ${everyOr(product, 'every product')} × ${everyOr(channel, 'every channel')}`
}

/** Whether a person may turn a verdict: a tenant-admin takes away, and only one who is the operator too grants. */
export function mayTurn(roles: readonly string[], allowed: boolean): boolean {
  return roles.includes('tenant-admin') && (allowed || roles.includes('operator'))
}
