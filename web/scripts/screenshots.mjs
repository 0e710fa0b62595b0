/**
 * Take every page at 1440x900 dark and light and at 390x844 dark and light into web/screenshots (or OUT).
 * HUB_URL and HUB_LINK name a running server and a one-time sign-in link; without them the fixture is used, which
 * also shows the states that a healthy server does not: empty, dead feed, refused, back-fill, signed out.
 */
import { mkdir } from 'node:fs/promises'
import { startFixture } from '../dev/fixture.mjs'
import { launch } from './browser.mjs'

const out = process.env.OUT ?? 'screenshots'
const only = process.argv[2]
const fixture = process.env.HUB_URL ? undefined : await startFixture(0)
const base = process.env.HUB_URL ?? `http://127.0.0.1:${fixture.address().port}`
const SIZES = [['desk-dark', 1440, 900, 'dark'], ['desk-light', 1440, 900, 'light'], ['phone-dark', 390, 844, 'dark'], ['phone-light', 390, 844, 'light']]
const PAGES = [
  ['prices', '/prices?market=SIM'], ['prices-all', '/prices?sort=dart:desc&pin=NYISO:N.Y.C.'], ['prices-heat', '/prices?market=SIM&view=heat'], ['prices-drawer', '/prices?market=SIM&row=SIM:HUB_NORTH'],
  ['map', '/map?market=SIM'], ['map-evening', '/map?market=SIM&at=EVENING'], ['map-bus', '/map?market=SIM&at=EVENING&row=FIRST_BUS'], ['map-line', '/map?market=SIM&at=EVENING&line=FIRST_LINE'], ['map-lines', '/map?market=SIM&at=EVENING&view=lines'], ['map-buses', '/map?market=SIM&view=buses'],
  ['constraints', '/constraints?market=SIM'], ['constraints-drawer', '/constraints?market=SIM&sort=week:desc&row=FIRST_CONSTRAINT'],
  ['prices-past', '/prices?market=SIM&as_of=AS_OF'], ['status', '/status'], ['datasets', '/datasets'], ['dataset', '/datasets/markets.prices'],
  ['access', '/access'], ['access-sessions', '/access?tab=sessions'], ['access-entitlements', '/access?tab=entitlements'], ['problem', '/docs/problems/not-entitled'], ['not-found', '/nowhere'], ['design', '/design'],
]
const STATES = [['empty', '/prices'], ['dead', '/prices'], ['dead', '/status'], ['refused', '/prices'], ['refused', '/datasets/markets.prices'], ['backfill', '/prices?market=SIM'], ['empty', '/status'], ['first-run', '/prices?market=SIM'], ['empty', '/map'], ['empty', '/constraints'], ['refused', '/map'], ['refused', '/constraints'], ['signed-out', '/prices'], ['viewer', '/access?tab=entitlements']]

const { context, close } = await launch()
const page = await context.newPage()
page.on('console', (message) => {
  if (message.type() === 'error') console.error(`console: ${message.text()}`)
})
page.on('pageerror', (error) => console.error(`page: ${error.message}`))
if (process.env.HUB_LINK) {
  await page.goto(process.env.HUB_LINK)
  await page.locator('button').click()
}
await mkdir(out, { recursive: true })
await page.goto(`${base}/icon.svg`)
/** An evening peak of the day before, and a constraint, as this market has them. */
const constraint = await page.evaluate(async () => (await (await fetch('/v1/datasets/grid.constraints/latest?market=SIM')).json()).columns)
const places = {
  EVENING: `${new Date(Date.now() - 86_400_000).toISOString().slice(0, 10)}T23:30:00Z`, FIRST_LINE: encodeURIComponent(constraint.monitored?.[0] ?? ''), FIRST_CONSTRAINT: encodeURIComponent(constraint.constraint?.[0] ?? ''), FIRST_BUS: constraint.from_bus?.[0] ?? '',
}

async function shoot(name, path, size) {
  const [label, width, height, theme] = size
  if (only && !name.includes(only)) return
  await page.setViewportSize({ width, height })
  await page.goto(`${base}/icon.svg`)
  await page.evaluate((chosen) => localStorage.setItem('pd-theme', chosen), theme)
  const asOf = new Date(Date.now() - 6 * 3_600_000).toISOString().slice(0, 19)
  await page.goto(base + Object.entries({ ...places, AS_OF: `${asOf}Z` }).reduce((made, [name, value]) => made.replace(name, value), path))
  await page.waitForTimeout(1400)
  const wide = await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth)
  if (wide) console.error(`${name} ${label}: the page scrolls sideways`)
  await page.screenshot({ path: `${out}/${name}-${label}.png` })
}

async function mode(name) {
  if (fixture) await fetch(`${base}/__fixture`, { method: 'POST', body: JSON.stringify({ mode: name }) })
}

for (const size of SIZES) for (const [name, path] of PAGES) await shoot(name, path, size)
if (fixture) {
  for (const [state, path] of STATES) {
    await mode(state)
    for (const size of SIZES) await shoot(`state-${state}-${path.split(/[/?]/)[1]}`, path, size)
  }
}
await close()
fixture?.closeAllConnections()
fixture?.close()
