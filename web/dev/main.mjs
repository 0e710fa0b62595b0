/** `npm run dev`: Vite with hot reload in front of a real server (HUB_URL) or of the fixture. */
import { createServer } from 'vite'
import { startFixture } from './fixture.mjs'

let target = process.env.HUB_URL
if (!target) {
  const server = await startFixture(8610)
  target = `http://127.0.0.1:${server.address().port}`
}
const proxied = { target, ws: true, changeOrigin: true }
const vite = await createServer({ server: { port: 5173, proxy: { '/v1': proxied, '/docs/problems': { ...proxied, bypass: (request) => (request.headers.accept?.includes('html') ? '/index.html' : undefined) }, '/__fixture': proxied } } })
await vite.listen()
vite.printUrls()
