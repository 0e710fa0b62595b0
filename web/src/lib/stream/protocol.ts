import type { Cell, EntitlementTuple, Problem } from '@/lib/api/types'

/** Messages of /v1/stream, protocol 1. */
export type FilterOf = Record<string, readonly string[]>
export type StreamColumns = Record<string, Cell[]>

export interface SubscribeSpec {
  channel: string
  filter: FilterOf
  fields?: readonly string[]
  conflate_ms: number
  policy: 'conflate' | 'block' | 'skip'
}

export type ClientMessage =
  | { t: 'hello'; proto: 1; resume?: string; features?: string[] }
  | ({ t: 'sub'; id: number; from: 'snapshot' | 'now' | { seq: number } } & SubscribeSpec)
  | { t: 'unsub'; sid: string | number }
  | { t: 'ping' }

export type Sid = string | number

export type ServerMessage =
  | { t: 'welcome'; session: string; heartbeat_ms: number; server_time: string; epoch: string | number; limits: { subscriptions: number; queue: number } }
  | { t: 'ack'; id: number; sid: Sid; series: number; denied: EntitlementTuple[] }
  | { t: 'err'; id: number; problem: Problem }
  | { t: 'snap'; sid: Sid; seq: number; as_of: string; columns: StreamColumns }
  | { t: 'snap_end'; sid: Sid; seq: number }
  | { t: 'upd'; sid: Sid; seq: number; prev: number; columns: StreamColumns }
  | { t: 'gap'; sid: Sid; from: number; to: number; reason: string; rest?: string }
  | { t: 'hb'; ts: string; seq: Record<string, number>; resume?: string }
  | { t: 'warn'; code: string; lag_ms: number; dropped: number }
  | { t: 'revoked'; sid: Sid; denied?: EntitlementTuple[] }
  | { t: 'bye'; reason: string; resume?: string }
  | { t: 'pong' }

/** What carries the messages: a WebSocket, or server-sent events behind the same face. */
export interface Transport {
  send: (message: ClientMessage) => void
  close: () => void
  onOpen: () => void
  onMessage: (message: ServerMessage) => void
  onClose: (reason: string) => void
}

export type TransportKind = 'websocket' | 'sse'

/** Time and chance, injected so that the state machine is tested without waiting. */
export interface Surroundings {
  connect: (kind: TransportKind) => Transport
  now: () => number
  random: () => number
  after: (delay_ms: number, run: () => void) => () => void
}

/** What a subscriber hears. */
export interface SubscriptionHandler {
  onReset: () => void
  onRows: (columns: StreamColumns, live: boolean) => void
  onSnapshotEnd: () => void
  onDenied: (denied: EntitlementTuple[]) => void
  onProblem: (problem: Problem) => void
  /** The right ended while it was used: what was shown under it may be shown no longer. */
  onRevoked: (denied: EntitlementTuple[]) => void
  onGap: (reason: string) => void
}

export type StreamPhase = 'idle' | 'connecting' | 'live' | 'retrying' | 'paused'

export interface StreamStatus {
  phase: StreamPhase
  transport: TransportKind
  latency_ms: number | null
  /** When the next attempt is made, while retrying. */
  retryAt: number | null
  reason: string | null
  /** Server clock minus ours. */
  skew_ms: number
  slow: { lag_ms: number; dropped: number } | null
}
