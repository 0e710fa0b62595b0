import type { ServerMessage, Sid, SubscribeSpec, SubscriptionHandler } from './protocol'

type SubscriptionMessage = Extract<ServerMessage, { t: 'snap' | 'snap_end' | 'upd' | 'gap' }>

/** What the client must do after a message of this subscription. */
export type Verdict = 'fine' | 'resnapshot'

/** One subscription's place in its sequence. Knows nothing of sockets. */
export class Subscription {
  readonly spec: SubscribeSpec
  readonly handler: SubscriptionHandler
  /** The id of the sub message not yet acknowledged, else undefined. */
  pendingId: number | undefined
  sid: Sid | undefined
  lastSeq: number | undefined
  ended = false
  private inSnapshot = false

  constructor(spec: SubscribeSpec, handler: SubscriptionHandler) {
    this.spec = spec
    this.handler = handler
  }

  /** Forget the server's names for this subscription; what was applied stays. */
  detach(): void {
    this.sid = undefined
    this.pendingId = undefined
    this.inSnapshot = false
  }

  receive(message: SubscriptionMessage): Verdict {
    switch (message.t) {
      case 'snap':
        if (!this.inSnapshot) {
          this.inSnapshot = true
          this.handler.onReset()
        }
        this.lastSeq = message.seq
        this.handler.onRows(message.columns, false)
        return 'fine'
      case 'snap_end':
        // An empty snapshot has no snap message, yet what was shown before it is over.
        if (!this.inSnapshot) this.handler.onReset()
        this.inSnapshot = false
        this.lastSeq = message.seq
        this.handler.onSnapshotEnd()
        return 'fine'
      case 'upd':
        return this.update(message)
      case 'gap':
        this.handler.onGap(message.reason)
        return 'resnapshot'
    }
  }

  private update(message: Extract<ServerMessage, { t: 'upd' }>): Verdict {
    if (this.lastSeq !== undefined && message.prev !== this.lastSeq) {
      this.handler.onGap(`update ${message.prev} followed ${this.lastSeq}`)
      return 'resnapshot'
    }
    this.lastSeq = message.seq
    this.handler.onRows(message.columns, true)
    return 'fine'
  }
}
