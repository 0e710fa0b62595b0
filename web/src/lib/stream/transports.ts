import { address } from '@/lib/api/client'
import type { ClientMessage, ServerMessage, Sid, Transport, TransportKind } from './protocol'

function silent(): Pick<Transport, 'onOpen' | 'onMessage' | 'onClose'> {
  return { onOpen: () => undefined, onMessage: () => undefined, onClose: () => undefined }
}

function webSocketTransport(): Transport {
  const url = new URL('/v1/stream', window.location.href)
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
  const socket = new WebSocket(url)
  const transport: Transport = {
    ...silent(),
    send: (message) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message))
    },
    close: () => socket.close(),
  }
  socket.onopen = () => transport.onOpen()
  socket.onmessage = (event: MessageEvent<string>) => transport.onMessage(JSON.parse(event.data) as ServerMessage)
  socket.onclose = (event) => transport.onClose(event.reason === '' ? `closed (${event.code})` : event.reason)
  return transport
}

const EVENTS = ['welcome', 'ack', 'err', 'snap', 'snap_end', 'upd', 'gap', 'hb', 'warn', 'revoked', 'bye'] as const

/** One event source per subscription; ours are named sse-N, whatever number the server gave. */
function sseTransport(): Transport {
  const sources = new Map<Sid, EventSource>()
  const transport: Transport = { ...silent(), send, close }

  function close(): void {
    for (const source of sources.values()) source.close()
    sources.clear()
  }

  function open(message: Extract<ClientMessage, { t: 'sub' }>): void {
    const sid = `sse-${message.id}`
    const from = typeof message.from === 'string' ? message.from : message.from.seq
    const source = new EventSource(address('/v1/stream/sse', { channel: message.channel, ...message.filter, from, conflate_ms: message.conflate_ms }))
    sources.set(sid, source)
    let known = false
    for (const name of EVENTS) {
      source.addEventListener(name, (event: MessageEvent<string>) => {
        const heard = JSON.parse(event.data) as ServerMessage
        if (heard.t === 'welcome') return
        if (heard.t === 'ack') transport.onMessage({ ...heard, id: message.id, sid })
        else if (heard.t === 'err') transport.onMessage({ ...heard, id: message.id })
        else {
          if (!known) transport.onMessage({ t: 'ack', id: message.id, sid, series: 0, denied: [] })
          transport.onMessage('sid' in heard ? { ...heard, sid } : heard)
        }
        known = true
      })
    }
    source.onerror = () => transport.onClose('event stream failed')
  }

  function send(message: ClientMessage): void {
    if (message.t === 'sub') open(message)
    if (message.t === 'unsub') {
      sources.get(message.sid)?.close()
      sources.delete(message.sid)
    }
    // There is no way back on this wire: a ping is answered by the heartbeat, or by silence that ends the connection.
    if (message.t === 'hello') {
      transport.onMessage({ t: 'welcome', session: 'sse', heartbeat_ms: 15_000, server_time: new Date().toISOString(), epoch: 'sse', limits: { subscriptions: 6, queue: 0 } })
    }
  }

  queueMicrotask(() => transport.onOpen())
  return transport
}

export function connect(kind: TransportKind): Transport {
  return kind === 'websocket' ? webSocketTransport() : sseTransport()
}
