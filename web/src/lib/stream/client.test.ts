import { describe, expect, it } from 'vitest'
import { StreamClient } from './client'
import { FakeSurroundings, type FakeTransport } from './fake-surroundings'
import type { StreamColumns, SubscribeSpec } from './protocol'

const SPEC: SubscribeSpec = { channel: 'markets.prices', filter: { market_run: ['RT5'] }, conflate_ms: 250, policy: 'conflate' }

class Log {
  readonly lines: string[] = []
  readonly onReset = () => void this.lines.push('reset')
  readonly onRows = (columns: StreamColumns, live: boolean) => void this.lines.push(`${live ? 'upd' : 'snap'} ${String(columns['p']?.[0])}`)
  readonly onSnapshotEnd = () => void this.lines.push('end')
  readonly onDenied = (denied: { market: string }[]) => {
    if (denied.length > 0) this.lines.push(`denied ${denied.map((tuple) => tuple.market).join()}`)
  }
  readonly onProblem = (problem: { title: string }) => void this.lines.push(`problem ${problem.title}`)
  readonly onRevoked = (denied: { market: string }[]) => void this.lines.push(['revoked', ...denied.map(({ market }) => market)].join(' '))
  readonly onGap = (reason: string) => void this.lines.push(`gap ${reason}`)
}

function started() {
  const around = new FakeSurroundings()
  const client = new StreamClient(around)
  const log = new Log()
  const stop = client.subscribe(SPEC, log)
  return { around, client, log, stop }
}

function snapshot(transport: FakeTransport, sid: string, seq: number, price: number) {
  const id = transport.subs().at(-1)?.id ?? -1
  transport.onMessage({ t: 'ack', id, sid, series: 1, denied: [] })
  transport.onMessage({ t: 'snap', sid, seq, as_of: '2026-01-01T00:00:00Z', columns: { p: [price] } })
  transport.onMessage({ t: 'snap_end', sid, seq })
}

describe('stream client', () => {
  it('says hello, subscribes from a snapshot and applies updates in order', () => {
    const { around, client, log } = started()
    expect(client.status().phase).toBe('connecting')
    const transport = around.welcome()
    expect(transport.sent[0]).toEqual({ t: 'hello', proto: 1 })
    expect(transport.subs()[0]).toMatchObject({ from: 'snapshot', channel: 'markets.prices' })
    snapshot(transport, 'a', 10, 1)
    transport.onMessage({ t: 'upd', sid: 'a', seq: 12, prev: 10, columns: { p: [2] } })
    expect(log.lines).toEqual(['reset', 'snap 1', 'end', 'upd 2'])
    expect(client.status().phase).toBe('live')
  })

  it('takes a fresh snapshot when an update was lost, and never applies what followed the loss', () => {
    const { around, log } = started()
    const transport = around.welcome()
    snapshot(transport, 'a', 10, 1)
    transport.onMessage({ t: 'upd', sid: 'a', seq: 14, prev: 12, columns: { p: [3] } })
    expect(transport.sent).toContainEqual({ t: 'unsub', sid: 'a' })
    transport.onMessage({ t: 'upd', sid: 'a', seq: 15, prev: 14, columns: { p: [4] } })
    snapshot(transport, 'b', 15, 4)
    expect(transport.subs()).toHaveLength(2)
    expect(transport.subs()[1]?.from).toBe('snapshot')
    expect(log.lines).toEqual(['reset', 'snap 1', 'end', 'gap update 12 followed 10', 'reset', 'snap 4', 'end'])
  })

  it('resumes by sequence in the same epoch and hands back the resume token', () => {
    const { around } = started()
    const first = around.welcome()
    snapshot(first, 'a', 10, 1)
    first.onMessage({ t: 'hb', ts: 'x', seq: { a: 10 }, resume: 'token-9' })
    first.onClose('closed (1006)')
    around.advance(500)
    const second = around.welcome()
    expect(second.sent[0]).toEqual({ t: 'hello', proto: 1, resume: 'token-9' })
    expect(second.subs()[0]?.from).toEqual({ seq: 10 })
  })

  it('starts from a snapshot in a new epoch, or after a long absence', () => {
    const { around } = started()
    snapshot(around.welcome('e1'), 'a', 10, 1)
    around.last.onClose('gone')
    around.advance(500)
    const second = around.welcome('e2')
    expect(second.subs()[0]?.from).toBe('snapshot')
    snapshot(second, 'a', 3, 1)
    second.onClose('gone')
    around.advance(500)
    around.time += 120_000
    expect(around.welcome('e2').subs()[0]?.from).toBe('snapshot')
  })

  it('backs off longer each time and falls back to server-sent events after two failures', () => {
    const { around, client } = started()
    around.last.onClose('refused')
    expect(client.status()).toMatchObject({ phase: 'retrying', retryAt: around.time + 500 })
    around.advance(500)
    expect(around.last.kind).toBe('websocket')
    around.last.onClose('refused')
    expect(client.status().retryAt).toBe(around.time + 1000)
    around.advance(1000)
    expect(around.transports.map((transport) => transport.kind)).toEqual(['websocket', 'websocket', 'sse'])
    around.welcome()
    expect(client.status()).toMatchObject({ phase: 'live', transport: 'sse' })
  })

  it('never waits longer than 30 s', () => {
    const { around, client } = started()
    for (let count = 0; count < 12; count += 1) {
      around.last.onClose('refused')
      const wait_ms = (client.status().retryAt ?? 0) - around.time
      expect(wait_ms).toBeLessThanOrEqual(30_000)
      around.advance(wait_ms)
    }
  })

  it('notices a wire that went silent', () => {
    const { around, client } = started()
    around.welcome()
    around.advance(20_000)
    expect(client.status().reason).toMatch(/silent/)
    expect(around.transports.length).toBeGreaterThan(1)
  })

  it('stays while heartbeats come, and measures the round trip', () => {
    const { around, client } = started()
    const transport = around.welcome()
    around.time += 42
    transport.onMessage({ t: 'pong' })
    expect(client.status().latency_ms).toBe(42)
    for (let count = 0; count < 10; count += 1) {
      around.advance(5000)
      transport.onMessage({ t: 'hb', ts: 'x', seq: {} })
    }
    expect(around.transports).toHaveLength(1)
  })

  it('keeps a revoked subscription closed over reconnects', () => {
    const { around, log } = started()
    const transport = around.welcome()
    snapshot(transport, 'a', 1, 1)
    transport.onMessage({ t: 'revoked', sid: 'a', denied: [{ market: 'SIM', product: 'prices', channel: 'hub' }] })
    transport.onMessage({ t: 'upd', sid: 'a', seq: 2, prev: 1, columns: { p: [9] } })
    expect(log.lines.slice(-1)).toEqual(['revoked SIM'])
    transport.onMessage({ t: 'bye', reason: 'restart', resume: 'r' })
    around.advance(1000)
    expect(around.welcome().subs()).toHaveLength(0)
  })

  it('tells what was denied and what was refused', () => {
    const { around, log } = started()
    const transport = around.welcome()
    transport.onMessage({ t: 'ack', id: 1, sid: 'a', series: 0, denied: [{ market: 'CAISO', product: 'lmp', channel: 'hub' }] })
    const other = new Log()
    expect(log.lines).toEqual(['denied CAISO'])
    const { around: around2, client: client2 } = started()
    around2.welcome()
    client2.subscribe(SPEC, other)
    around2.last.onMessage({ t: 'err', id: 2, problem: { type: 'x', title: 'No such channel', status: 404 } })
    expect(other.lines).toEqual(['problem No such channel'])
  })

  it('leaves the wire while hidden and catches up from a snapshot', () => {
    const { around, client } = started()
    const transport = around.welcome()
    snapshot(transport, 'a', 5, 1)
    client.pause()
    expect(transport.closed).toBe(true)
    around.advance(60_000)
    expect(around.transports).toHaveLength(1)
    client.wake()
    expect(around.welcome().subs()[0]?.from).toBe('snapshot')
  })

  it('unsubscribes when the answer comes after the reader left', () => {
    const { around, stop } = started()
    const transport = around.welcome()
    stop()
    transport.onMessage({ t: 'ack', id: 1, sid: 'z', series: 1, denied: [] })
    expect(transport.sent).toContainEqual({ t: 'unsub', sid: 'z' })
  })

  it('refills after a gap that the server admits', () => {
    const { around, log } = started()
    const transport = around.welcome()
    snapshot(transport, 'a', 5, 1)
    transport.onMessage({ t: 'gap', sid: 'a', from: 5, to: 90, reason: 'log trimmed' })
    expect(log.lines.at(-1)).toBe('gap log trimmed')
    expect(transport.subs()[1]?.from).toBe('snapshot')
  })
})
