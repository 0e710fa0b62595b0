/** Measure the hub in headless Chromium and print one JSON line per figure: HUB_URL and HUB_LINK, or the fixture with FIXTURE_NODES. */
import { startFixture } from '../dev/fixture.mjs'
import { launch } from './browser.mjs'

const fixture = process.env.HUB_URL ? undefined : await startFixture(0)
const base = process.env.HUB_URL ?? `http://127.0.0.1:${fixture.address().port}`
const { context, close } = await launch()
const page = await context.newPage()
if (process.env.HUB_LINK) {
  await page.goto(process.env.HUB_LINK)
  await page.locator('button').click()
}
const say = (name, value, unit) => console.log(JSON.stringify({ subject: 'hub', case: name, value: Math.round(value * 10) / 10, unit }))
const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]

const loads = []
for (let run = 0; run < 3; run += 1) {
  const started = performance.now()
  await page.goto(`${base}/prices`)
  await page.locator('[role="row"].price-row').first().waitFor({ timeout: 60_000 })
  loads.push(performance.now() - started)
}
say('first prices on screen', median(loads), 'ms')
say('rows in the grid', Number(await page.locator('[role="grid"]').getAttribute('aria-rowcount')) - 1, 'rows')

const routes = []
for (const name of ['Status', 'Datasets', 'Access', 'Prices', 'Status', 'Prices']) {
  routes.push(await page.evaluate((wanted) => new Promise((resolve) => {
    const link = [...document.querySelectorAll('.rail a')].find((one) => one.textContent === wanted)
    const from = performance.now()
    link.click()
    const look = () => (document.querySelector('.page-head h1') !== null && link.getAttribute('aria-current') === 'page' ? resolve(performance.now() - from) : window.requestAnimationFrame(look))
    look()
  }), name))
  await page.waitForTimeout(400)
}
say('route change, median of 6', median(routes), 'ms')

await page.locator('[role="row"].price-row').first().waitFor({ timeout: 60_000 })
await page.waitForTimeout(1500)
const scroll = await page.evaluate(() => new Promise((resolve) => {
  const grid = document.querySelector('[role="grid"]')
  const frames = []
  let blank = 0
  let last = performance.now()
  const turn = (count) => {
    const now = performance.now()
    frames.push(now - last)
    last = now
    const box = grid.getBoundingClientRect()
    if (document.elementFromPoint(box.left + 60, box.top + box.height / 2)?.closest('.price-row') === null) blank += 1
    if (count === 0) resolve({ frames, blank })
    else {
      grid.scrollTop += 280
      window.requestAnimationFrame(() => turn(count - 1))
    }
  }
  turn(120)
}))
say('scrolling by 10 rows a frame, median frame', median(scroll.frames), 'ms')
say('scrolling, frames with no row in the middle', scroll.blank, 'of 120')

/** Type a search letter by letter; each letter is timed from its event until the rows that answer it are painted. */
async function timeSearch(words) {
  await page.evaluate(() => {
    window.searched = []
    const grid = document.querySelector('[role="grid"]')
    let typed
    let waiting = false
    document.querySelector('[data-page-search]').addEventListener('input', (event) => (typed = event.timeStamp), true)
    new window.MutationObserver(() => {
      if (typed === undefined || waiting) return
      waiting = true
      // After the frame that shows the change: a task posted from inside it runs when the frame has been drawn.
      window.requestAnimationFrame(() => {
        const { port1, port2 } = new window.MessageChannel()
        port1.onmessage = () => {
          const { duration } = performance.measure('search', { start: typed })
          window.searched.push(duration)
          typed = undefined
          waiting = false
        }
        port2.postMessage(null)
      })
    }).observe(grid, { attributes: true, attributeFilter: ['aria-rowcount'] })
  })
  await page.keyboard.press('/')
  for (const word of words) {
    for (const letter of word) {
      await page.keyboard.type(letter)
      await page.waitForTimeout(400)
    }
    for (let left = word.length; left > 0; left -= 1) {
      await page.keyboard.press('Backspace')
      await page.waitForTimeout(400)
    }
  }
  await page.keyboard.press('Escape')
  return page.evaluate(() => window.searched)
}

const searched = await timeSearch(['n_12', 'e_77', 'hub'])
say('search, letters timed', searched.length, 'letters')
say('search, letter to rows painted, median', median(searched), 'ms')
say('search, letter to rows painted, slowest', Math.max(...searched), 'ms')

const cdp = await context.newCDPSession(page)
// Time of the thread, not of the wall: other programs on the machine do not count.
await cdp.send('Performance.enable', { timeDomain: 'threadTicks' })
const busy = async () => Object.fromEntries((await cdp.send('Performance.getMetrics')).metrics.map(({ name, value }) => [name, value]))
const before = await busy()
await page.waitForTimeout(5000)
const after = await busy()
say(`main thread at ${process.env.FIXTURE_UPDATES ?? 'the usual'} updates a second`, (100 * (after.TaskDuration - before.TaskDuration)) / 5, '% of a core')
say('heap', after.JSHeapUsedSize / 1e6, 'MB')
await page.goto(`${base}/design?part=TimeChart%20of%20100%20000`)
const again = page.getByRole('button', { name: 'Draw again' })
await again.waitFor()
await page.waitForTimeout(1500)
const cpu = await context.newCDPSession(page)
await cpu.send('Performance.enable', { timeDomain: 'threadTicks' })
const drawn = []
for (let run = 0; run < 7; run += 1) {
  const from = (await cpu.send('Performance.getMetrics')).metrics.find(({ name }) => name === 'TaskDuration').value
  await again.click()
  await page.waitForTimeout(700)
  drawn.push(1000 * ((await cpu.send('Performance.getMetrics')).metrics.find(({ name }) => name === 'TaskDuration').value - from))
}
say('100 000 points made and drawn, main thread, median of 7', median(drawn), 'ms')
await page.goto(`${base}/map?market=SIM`)
await page.locator('[data-map] canvas').waitFor({ timeout: 60_000 })
await page.waitForFunction(() => /low – high[^]*\d\.\d\d/.test(document.querySelector('.page-head')?.innerText ?? ''), undefined, { timeout: 60_000 })
await page.waitForTimeout(1500)
const map = await page.evaluate(() => new Promise((resolve) => {
  const target = document.querySelector('[data-map]')
  const frames = []
  let last = performance.now()
  const turn = (count) => {
    const now = performance.now()
    frames.push(now - last)
    last = now
    if (count === 0) return resolve({ frames: frames.slice(1), buses: document.querySelector('.grid-tools').innerText })
    const key = count % 30 === 0 ? '+' : ['ArrowLeft', 'ArrowRight'][Math.floor(count / 15) % 2]
    target.dispatchEvent(new window.KeyboardEvent('keydown', { key, shiftKey: key !== '+', bubbles: true, cancelable: true }))
    window.requestAnimationFrame(() => turn(count - 1))
  }
  turn(120)
}))
say(`map of ${/[\d\u202f]+ buses, [\d\u202f]+ lines/.exec(map.buses)?.[0]}, panned and zoomed, median frame`, median(map.frames), 'ms')
say('map, slowest frame of 120', Math.max(...map.frames), 'ms')
await close()
fixture?.closeAllConnections()
fixture?.close()
process.exit()
