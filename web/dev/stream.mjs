/** The stream half of the contract, WebSocket and server-sent events. */
import { WebSocketServer } from 'ws'
import { LOCATIONS } from './market.mjs'
import { iso, latest, moved } from './rows.mjs'
import { world } from './state.mjs'

/** Updates a second, sent as the server conflates them for the hub; without FIXTURE_UPDATES a few, so that a tick can be seen. */
const RATE = Number(process.env.FIXTURE_UPDATES ?? 0)
const [UPDATES, EVERY_MS] = RATE > 0 ? [Math.ceil(RATE / 4), 250] : [5, 700]

let seq = 48_211

/** Run one subscription; returns what stops it. */
function subscription(send, sid, filter) {
  const refused = world.mode === 'refused'
  const denied = refused ? ['CAISO', 'NYISO', 'SIM'].filter((market) => !filter.market || filter.market.includes(market)).map((market) => ({ market, product: 'lmp', channel: 'hub' })) : []
  const down = world.mode === 'dead' ? ['NYISO', 'CAISO'] : []
  const params = new URLSearchParams(Object.entries(filter).map(([name, values]) => [name, values.join(',')]))
  const chosen = world.mode === 'empty' || refused ? [] : LOCATIONS.filter((one) => (!filter.market || filter.market.includes(one.market)) && !down.includes(one.market))
  let prev = seq
  send({ t: 'ack', sid, series: chosen.length, denied })
  const now = Date.now()
  for (let page = world.mode === 'empty' || refused ? null : '0'; page !== null;) {
    params.set('cursor', page)
    const { columns, next } = latest('markets.prices', params, now, down)
    send({ t: 'snap', sid, seq, as_of: iso(now), columns })
    page = next
  }
  send({ t: 'snap_end', sid, seq })
  const timer = setInterval(() => {
    if (chosen.length === 0) return
    const updates = Array.from({ length: UPDATES }, () => moved(chosen[Math.floor(Math.random() * chosen.length)], Date.now()))
    const columns = Object.fromEntries(Object.keys(updates[0]).map((name) => [name, updates.flatMap((update) => update[name])]))
    seq += 1
    send({ t: 'upd', sid, seq, prev, columns })
    prev = seq
  }, EVERY_MS)
  return () => clearInterval(timer)
}

export function attachStream(server) {
  const sockets = new WebSocketServer({ noServer: true })
  server.on('upgrade', (request, socket, head) => {
    if (!request.url.startsWith('/v1/stream') || world.mode === 'signed-out' || world.noWebSocket) return socket.destroy()
    sockets.handleUpgrade(request, socket, head, (client) => {
      const running = new Map()
      const send = (message) => client.send(JSON.stringify(message))
      const beat = setInterval(() => send({ t: 'hb', ts: iso(Date.now()), seq: {}, resume: `r-${seq}` }), 5000)
      client.on('message', (data) => {
        const message = JSON.parse(data)
        if (message.t === 'hello') send({ t: 'welcome', session: 'w1', heartbeat_ms: 5000, server_time: new Date().toISOString(), epoch: String(world.started), limits: { subscriptions: 8, queue: 1000 } })
        if (message.t === 'sub') running.set(`s${message.id}`, subscription((body) => send(body.t === 'ack' ? { ...body, id: message.id } : body), `s${message.id}`, message.filter))
        if (message.t === 'unsub') running.get(message.sid)?.()
        if (message.t === 'ping') send({ t: 'pong' })
      })
      client.on('close', () => {
        clearInterval(beat)
        for (const stop of running.values()) stop()
      })
    })
  })
}

export function serverSentEvents(request, response, url) {
  response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' })
  const send = (message) => response.write(`event: ${message.t}\ndata: ${JSON.stringify(message)}\n\n`)
  const filter = Object.fromEntries(['market', 'market_run', 'location'].filter((name) => url.searchParams.has(name)).map((name) => [name, url.searchParams.get(name).split(',')]))
  const stop = subscription((body) => send(body.t === 'ack' ? { ...body, id: 1 } : body), 'e1', filter)
  const beat = setInterval(() => send({ t: 'hb', ts: iso(Date.now()), seq: {} }), 5000)
  request.on('close', () => {
    stop()
    clearInterval(beat)
  })
}
