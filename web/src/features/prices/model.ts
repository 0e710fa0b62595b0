import { problemOf } from '@/lib/api/problem'
import { instantCell, numberCell, readRows, rowsPath, textCell } from '@/lib/api/rows'
import type { EntitlementTuple, Problem } from '@/lib/api/types'
import type { StreamClient } from '@/lib/stream/client'
import { Pacer, browserPacing } from '@/lib/stream/pacer'
import type { StreamColumns } from '@/lib/stream/protocol'
import { SeriesStore } from '@/lib/stream/series-store'
import { isoInstant } from '@/lib/time/format'
import { serverNow } from '@/lib/time/use-now'
import { Sparks } from './sparks'

export const DATASET = 'markets.prices'
export const LIVE_RUN = 'RT5'
const RESORT_MS = 2000
const BEFORE_MS = 1_200_000
/** Above this many series only the one interval before the newest is read, not all that a late market may need. */
const MANY_SERIES = 2000

const SHAPE = {
  key: ['location'],
  timeColumn: 'interval_start',
  endColumn: 'interval_end',
  numbers: ['price_per_mwh', 'energy_per_mwh', 'congestion_per_mwh', 'loss_per_mwh', 'revision'],
  texts: ['market', 'currency'],
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
  private readonly asOf: string | undefined

  constructor(asOf: string | undefined) {
    this.asOf = asOf
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
    let stop: (() => void) | undefined
    const start = () => stream.subscribe({ channel: DATASET, filter, conflate_ms: 250, policy: 'conflate' }, {
      onReset: () => this.store.beginSnapshot(),
      onRows: (columns, live) => this.take(columns, live),
      onSnapshotEnd: () => {
        this.store.endSnapshot()
        this.enter('ready')
        this.readBefore(market)
      },
      onDenied: (denied) => {
        this.denied = denied
        this.pacer.touch()
      },
      onProblem: (problem) => {
        this.problem = problem
        this.enter('failed')
      },
      onRevoked: (denied) => {
        this.withdraw(denied)
        if (market !== undefined || denied.length === 0) return
        // One market of several: the others come again under a subscription of their own.
        stop?.()
        stop = start()
      },
      onGap: (reason) => {
        this.gap = { reason, at: serverNow() }
        this.pacer.touch()
      },
    })
    stop = start()
    return () => stop?.()
  }

  /** Forget every price at once: the right to them has ended. */
  private withdraw(denied: EntitlementTuple[]): void {
    this.store.beginSnapshot()
    this.store.endSnapshot()
    this.denied = denied
    this.enter('revoked')
  }

  /** Read the newest intervals that were known at `asOf`. */
  readPast(asOf: string, market: string | undefined): () => void {
    const abort = new AbortController()
    const query = { market_run: LIVE_RUN, market, as_of: asOf, allow_partial: true }
    readRows(`/v1/datasets/${DATASET}/latest`, query, abort.signal).then((answer) => {
      this.denied = answer.left_out
      this.take(answer.columns, false)
      this.enter('ready')
      this.readBefore(market)
    }, (error: unknown) => {
      if (abort.signal.aborted) return
      this.problem = problemOf(error)
      this.enter('failed')
    })
    return () => abort.abort()
  }

  /** A snapshot has the newest interval only; read the ones before it, so that the change since then is known at once. */
  private readBefore(market: string | undefined): void {
    let newest = -Infinity
    let length_ms = 0
    for (const row of this.store.rows.values()) {
      const start = this.store.start[row] ?? -Infinity
      if (start <= newest) continue
      newest = start
      length_ms = (this.store.end[row] ?? start) - start
    }
    if (!Number.isFinite(newest)) return
    const back_ms = this.store.rows.size > MANY_SERIES ? length_ms : BEFORE_MS
    const query = {
      market, market_run: LIVE_RUN, start: isoInstant(newest - back_ms), end: isoInstant(newest), as_of: this.asOf,
      columns: ['location', 'interval_end', 'interval_start', 'price_per_mwh'], allow_partial: true,
    }
    readRows(rowsPath(DATASET), query).then(({ columns, count }) => {
      for (let row = 0; row < count; row += 1) {
        this.store.setPrevious('price_per_mwh', textCell(columns, 'location', row), instantCell(columns, 'interval_end', row), numberCell(columns, 'price_per_mwh', row))
      }
      this.pacer.touch()
    }, () => {
      // Without it the change shows as unknown until the next interval; the prices themselves are there.
    })
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
