import type { ClientMessage, ServerMessage, Surroundings, Transport, TransportKind } from './protocol'

/** A connection that a test scripts by hand. */
export class FakeTransport implements Transport {
  readonly kind: TransportKind
  readonly sent: ClientMessage[] = []
  closed = false
  onOpen = (): void => undefined
  onMessage: (message: ServerMessage) => void = () => undefined
  onClose: (reason: string) => void = () => undefined

  constructor(kind: TransportKind) {
    this.kind = kind
  }

  send(message: ClientMessage): void {
    this.sent.push(message)
  }

  close(): void {
    this.closed = true
  }

  subs(): Extract<ClientMessage, { t: 'sub' }>[] {
    return this.sent.filter((message) => message.t === 'sub')
  }
}

/** A clock that moves when told, connections that open when told, and no chance at all. */
export class FakeSurroundings implements Surroundings {
  time = 1_000_000
  readonly transports: FakeTransport[] = []
  private timers: { at: number; run: () => void }[] = []

  readonly now = (): number => this.time
  readonly random = (): number => 1

  readonly connect = (kind: TransportKind): Transport => {
    const transport = new FakeTransport(kind)
    this.transports.push(transport)
    return transport
  }

  readonly after = (delay_ms: number, run: () => void): (() => void) => {
    const timer = { at: this.time + delay_ms, run }
    this.timers.push(timer)
    return () => {
      this.timers = this.timers.filter((other) => other !== timer)
    }
  }

  advance(by_ms: number): void {
    const until = this.time + by_ms
    for (;;) {
      const due = this.timers.filter((timer) => timer.at <= until).sort((a, b) => a.at - b.at)[0]
      if (due === undefined) break
      this.time = Math.max(this.time, due.at)
      this.timers = this.timers.filter((timer) => timer !== due)
      due.run()
    }
    this.time = until
  }

  get last(): FakeTransport {
    const transport = this.transports.at(-1)
    if (transport === undefined) throw new Error('nothing connected yet')
    return transport
  }

  welcome(epoch = 'e1'): FakeTransport {
    const transport = this.last
    transport.onOpen()
    transport.onMessage({ t: 'welcome', session: 's', heartbeat_ms: 5000, server_time: new Date(this.time).toISOString(), epoch, limits: { subscriptions: 8, queue: 100 } })
    return transport
  }
}
