import { problemOf } from '@/lib/api/problem'
import { readRows } from '@/lib/api/rows'
import type { EntitlementTuple, Problem } from '@/lib/api/types'
import type { StreamClient } from '@/lib/stream/client'
import { Pacer, browserPacing } from '@/lib/stream/pacer'
import type { StreamColumns } from '@/lib/stream/protocol'
import { SeriesStore } from '@/lib/stream/series-store'
import { serverNow } from '@/lib/time/use-now'
import { Sparks } from './sparks'

export const DATASET = 'markets.prices'
export const LIVE_RUN = 'RT5'
const RESORT_MS = 2000

const SHAPE = {
  key: ['location'],
  timeColumn: 'interval_start',
  endColumn: 'interval_end',
  numbers: ['price_per_mwh', 'energy_per_mwh', 'congestion_per_mwh', 'loss_per_mwh', 'revision'],
  texts: ['market'],
} as const

export type Phase = 'loading' | 'ready' | 'revoked' | 'failed'

/** The newest real-time price of every location in scope, live or as known at a past moment. */
export class PricesModel {
  readonly store = new SeriesStore(SHAPE)
  readonly sparks: Sparks
  phase: Phase = 'loading'
  denied: EntitlementTuple[] = []
  problem: Problem | undefined
  /** The last time updates were missed, and why; what is shown since is whole again. */
  gap: { reason: string; at: number } | undefined
  version = 0
  /** Moves at most every two seconds, so that sorted rows do not dance. */
  order = 0
  private orderedAt = 0
  private readonly listeners = new Set<() => void>()
  private readonly pacer = new Pacer(browserPacing, () => this.announce())

  constructor(asOf: string | undefined) {
    this.sparks = new Sparks(asOf, () => this.pacer.touch())
  }

  readonly watch = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  readonly getVersion = (): number => this.version

  /** Follow the stream; returns what stops it. */
  follow(stream: StreamClient, market: string | undefined): () => void {
    const filter = { market_run: [LIVE_RUN], ...(market === undefined ? {} : { market: [market] }) }
    return stream.subscribe({ channel: DATASET, filter, conflate_ms: 250, policy: 'conflate' }, {
      onReset: () => this.store.beginSnapshot(),
      onRows: (columns, live) => this.take(columns, live),
      onSnapshotEnd: () => {
        this.store.endSnapshot()
        this.enter('ready')
      },
      onDenied: (denied) => {
        this.denied = denied
        this.pacer.touch()
      },
      onProblem: (problem) => {
        this.problem = problem
        this.enter('failed')
      },
      onRevoked: () => this.enter('revoked'),
      onGap: (reason) => {
        this.gap = { reason, at: serverNow() }
        this.pacer.touch()
      },
    })
  }

  /** Read the newest intervals that were known at `asOf`. */
  readPast(asOf: string, market: string | undefined): () => void {
    const abort = new AbortController()
    const query = { market_run: LIVE_RUN, market, as_of: asOf, allow_partial: true }
    readRows(`/v1/datasets/${DATASET}/latest`, query, abort.signal).then((answer) => {
      this.denied = answer.left_out
      this.take(answer.columns, false)
      this.enter('ready')
    }, (error: unknown) => {
      if (abort.signal.aborted) return
      this.problem = problemOf(error)
      this.enter('failed')
    })
    return () => abort.abort()
  }

  private take(columns: StreamColumns, live: boolean): void {
    const changed = this.store.apply(columns, live)
    if (live) {
      for (const row of changed) this.sparks.add(this.store.keys[row] ?? '', this.store.start[row] ?? Number.NaN, this.store.value('price_per_mwh', row))
    }
    this.pacer.touch()
  }

  private enter(phase: Phase): void {
    this.phase = phase
    this.pacer.touch()
  }

  private announce(): void {
    this.version += 1
    const now = performance.now()
    if (now - this.orderedAt >= RESORT_MS) {
      this.order += 1
      this.orderedAt = now
    }
    for (const listener of this.listeners) listener()
  }
}
