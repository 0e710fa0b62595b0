import type { EntitlementTuple } from '@/lib/api/types'
import type { ClientMessage, ServerMessage, Sid, StreamStatus, SubscribeSpec, SubscriptionHandler, Surroundings, Transport, TransportKind } from './protocol'
import { Subscription } from './subscription'

const FIRST_RETRY_MS = 500
const LAST_RETRY_MS = 30_000
const WEBSOCKET_TRIES = 2
/** After a longer absence a snapshot is cheaper and surer than the missed updates. */
const RESUME_WITHIN_MS = 60_000
const SILENT_HEARTBEATS = 2.5
const PING_EVERY_MS = 5000

/**
 * Keeps subscriptions alive over connections that come and go: hello/welcome, back-off with jitter, resume by
 * sequence, fresh snapshot after a lost update or a new epoch, server-sent events when WebSocket fails twice.
 */
export class StreamClient {
  /** When rows last came, by our clock; the status bar reads it once a second. */
  lastRowsAt: number | null = null
  private readonly around: Surroundings
  private readonly subscriptions = new Set<Subscription>()
  private readonly listeners = new Set<() => void>()
  private transport: Transport | undefined
  private kind: TransportKind = 'websocket'
  private failures = 0
  private nextId = 1
  private epoch: string | number | undefined
  private resume: string | undefined
  private lastHeard = 0
  private leftAt = 0
  private pingedAt: number | undefined
  private heartbeat_ms = 5000
  private cancels: (() => void)[] = []
  private current: StreamStatus = { phase: 'idle', transport: 'websocket', latency_ms: null, retryAt: null, reason: null, skew_ms: 0, slow: null }

  constructor(around: Surroundings) {
    this.around = around
  }

  readonly status = (): StreamStatus => this.current

  readonly watch = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  subscribe(spec: SubscribeSpec, handler: SubscriptionHandler): () => void {
    const subscription = new Subscription(spec, handler)
    this.subscriptions.add(subscription)
    if (this.current.phase === 'idle') this.connect()
    else if (this.current.phase === 'live') this.sendSub(subscription)
    return () => {
      this.subscriptions.delete(subscription)
      if (subscription.sid !== undefined) this.send({ t: 'unsub', sid: subscription.sid })
    }
  }

  /** Leave the wire while nobody looks; `wake` catches up from a snapshot. */
  pause(): void {
    if (this.current.phase === 'idle' || this.current.phase === 'paused') return
    this.drop()
    for (const subscription of this.subscriptions) subscription.lastSeq = undefined
    this.set({ phase: 'paused', latency_ms: null, retryAt: null, reason: 'tab hidden' })
  }

  wake(): void {
    if (this.current.phase === 'paused') this.connect()
  }

  /** Try at once instead of waiting for the back-off. */
  retryNow(): void {
    if (this.current.phase === 'retrying') this.connect()
  }

  private connect(): void {
    this.drop()
    this.set({ phase: 'connecting', transport: this.kind, retryAt: null })
    const transport = this.around.connect(this.kind)
    this.transport = transport
    transport.onOpen = () => {
      this.lastHeard = this.around.now()
      this.send({ t: 'hello', proto: 1, ...(this.resume === undefined ? {} : { resume: this.resume }) })
    }
    transport.onMessage = (message) => this.hear(message)
    transport.onClose = (reason) => this.lost(reason)
    this.cancels.push(this.around.after(10_000, () => {
      if (this.current.phase === 'connecting') this.lost('no welcome within 10 s')
    }))
  }

  private drop(): void {
    for (const cancel of this.cancels.splice(0)) cancel()
    const { transport } = this
    this.transport = undefined
    if (transport !== undefined) {
      transport.onMessage = () => undefined
      transport.onClose = () => undefined
      transport.close()
    }
    for (const subscription of this.subscriptions) subscription.detach()
  }

  private lost(reason: string): void {
    const wasLive = this.current.phase === 'live'
    if (wasLive) this.leftAt = this.around.now()
    this.drop()
    this.failures = wasLive ? 1 : this.failures + 1
    if (!wasLive && this.kind === 'websocket' && this.failures >= WEBSOCKET_TRIES) this.kind = 'sse'
    const base = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** (this.failures - 1))
    const delay_ms = base * (0.5 + this.around.random() / 2)
    this.set({ phase: 'retrying', latency_ms: null, retryAt: this.around.now() + delay_ms, reason })
    this.cancels.push(this.around.after(delay_ms, () => this.connect()))
  }

  private hear(message: ServerMessage): void {
    this.lastHeard = this.around.now()
    switch (message.t) {
      case 'welcome': return this.welcomed(message)
      case 'ack': return this.acknowledged(message)
      case 'err': return this.refused(message)
      case 'pong': return this.ponged()
      case 'hb':
        if (message.resume !== undefined) this.resume = message.resume
        return
      case 'warn': return this.set({ slow: { lag_ms: message.lag_ms, dropped: message.dropped } })
      case 'bye':
        this.resume = message.resume ?? this.resume
        return this.lost(message.reason)
      case 'revoked': return this.revoked(message.sid, message.denied ?? [])
      default: {
        if (message.t === 'upd') this.lastRowsAt = this.lastHeard
        const subscription = this.bySid(message.sid)
        if (subscription?.receive(message) === 'resnapshot') this.resnapshot(subscription)
      }
    }
  }

  private welcomed(message: Extract<ServerMessage, { t: 'welcome' }>): void {
    const away_ms = this.around.now() - this.leftAt
    const sameEpoch = this.epoch === message.epoch && away_ms <= RESUME_WITHIN_MS
    this.epoch = message.epoch
    this.failures = 0
    this.heartbeat_ms = message.heartbeat_ms
    this.set({ phase: 'live', reason: null, slow: null, skew_ms: Date.parse(message.server_time) - this.around.now() })
    for (const subscription of this.subscriptions) {
      if (!sameEpoch) subscription.lastSeq = undefined
      this.sendSub(subscription)
    }
    this.beat()
  }

  private beat(): void {
    const silent_ms = this.around.now() - this.lastHeard
    if (silent_ms > this.heartbeat_ms * SILENT_HEARTBEATS) return this.lost(`silent for ${Math.round(silent_ms / 1000)} s`)
    this.pingedAt = this.around.now()
    this.send({ t: 'ping' })
    this.cancels.push(this.around.after(PING_EVERY_MS, () => this.beat()))
  }

  private ponged(): void {
    if (this.pingedAt === undefined) return
    this.set({ latency_ms: this.around.now() - this.pingedAt })
    this.pingedAt = undefined
  }

  private sendSub(subscription: Subscription): void {
    if (subscription.ended) return
    subscription.pendingId = this.nextId
    this.nextId += 1
    const from = subscription.lastSeq === undefined ? 'snapshot' : { seq: subscription.lastSeq }
    this.send({ t: 'sub', id: subscription.pendingId, from, ...subscription.spec })
  }

  private resnapshot(subscription: Subscription): void {
    if (subscription.sid !== undefined) this.send({ t: 'unsub', sid: subscription.sid })
    subscription.detach()
    subscription.lastSeq = undefined
    this.sendSub(subscription)
  }

  private acknowledged(message: Extract<ServerMessage, { t: 'ack' }>): void {
    const subscription = this.byPending(message.id)
    // Unsubscribed before the answer came: tell the server, who knows it only now.
    if (subscription === undefined) return this.send({ t: 'unsub', sid: message.sid })
    subscription.pendingId = undefined
    subscription.sid = message.sid
    subscription.handler.onDenied(message.denied)
  }

  private refused(message: Extract<ServerMessage, { t: 'err' }>): void {
    const subscription = this.byPending(message.id)
    if (subscription === undefined) return
    subscription.detach()
    subscription.ended = true
    subscription.handler.onProblem(message.problem)
  }

  private revoked(sid: Sid, denied: EntitlementTuple[]): void {
    const subscription = this.bySid(sid)
    if (subscription === undefined) return
    subscription.detach()
    subscription.ended = true
    subscription.handler.onRevoked(denied)
  }

  private bySid(sid: Sid): Subscription | undefined {
    return [...this.subscriptions].find((subscription) => subscription.sid === sid)
  }

  private byPending(id: number): Subscription | undefined {
    return [...this.subscriptions].find((subscription) => subscription.pendingId === id)
  }

  private send(message: ClientMessage): void {
    this.transport?.send(message)
  }

  private set(patch: Partial<StreamStatus>): void {
    this.current = { ...this.current, ...patch }
    for (const listener of this.listeners) listener()
  }
}
