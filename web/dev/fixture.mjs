/** A stand-in for the server while the hub is developed: the contract over made-up data. Never shipped. */
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { extname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { answer } from './api.mjs'
import { MODES, world } from './state.mjs'
import { attachStream, serverSentEvents } from './stream.mjs'

const DIST = fileURLToPath(new URL('../dist', import.meta.url))
const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.woff2': 'font/woff2' }
/** The policy of the real server, so that what it would block is blocked here too. */
const POLICY = "default-src 'self'; style-src 'self'; script-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"

async function bodyOf(request) {
  let text = ''
  for await (const chunk of request) text += chunk
  return text === '' ? {} : JSON.parse(text)
}

async function page(response, pathname) {
  // Ids such as markets.prices have a dot too: only what the build makes is a file.
  const file = extname(pathname) in TYPES ? normalize(pathname) : 'index.html'
  try {
    const content = await readFile(join(DIST, file))
    response.writeHead(200, { 'Content-Type': TYPES[extname(file)] ?? 'application/octet-stream', 'Content-Security-Policy': POLICY, 'X-Content-Type-Options': 'nosniff' })
    response.end(content)
  } catch {
    response.writeHead(404).end('not found')
  }
}

async function control(request, response) {
  const { mode, noWebSocket } = await bodyOf(request)
  if (mode !== undefined && !MODES.includes(mode)) return response.writeHead(400).end(`found ${mode}; allowed: ${MODES.join(', ')}`)
  Object.assign(world, mode === undefined ? {} : { mode, started: Date.now() }, noWebSocket === undefined ? {} : { noWebSocket })
  response.writeHead(204).end()
}

async function handle(request, response) {
  const url = new URL(request.url, 'http://localhost')
  if (url.pathname === '/__fixture') return control(request, response)
  if (url.pathname === '/v1/stream/sse') return serverSentEvents(request, response, url)
  if (url.pathname.startsWith('/docs/problems/') && !request.headers.accept?.includes('html')) {
    response.writeHead(200, { 'Content-Type': 'text/markdown' })
    return response.end('# Not entitled\n\nThe account has no grant for one of the markets, products and channels that the read touches.\n\n## What to do\n\nAsk a tenant administrator for the grant named in the answer. Say `allow_partial=true` to read what you may and be told what was left out.\n')
  }
  if (!url.pathname.startsWith('/v1/')) return page(response, url.pathname)
  const { status, body } = answer(request.method, url, request.method === 'GET' ? {} : await bodyOf(request))
  const type = status >= 400 ? 'application/problem+json' : 'application/json'
  response.writeHead(status, { 'Content-Type': type })
  response.end(body === undefined ? undefined : JSON.stringify(body))
}

/** Start on `port` (0 = any free one); resolves to the server. */
export function startFixture(port) {
  const server = createServer((request, response) => {
    handle(request, response).catch((error) => response.writeHead(500).end(String(error)))
  })
  attachStream(server)
  return new Promise((resolve) => {
    server.listen(port, '127.0.0.1', () => resolve(server))
  })
}
