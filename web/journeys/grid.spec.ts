import { beforeAll, describe, expect, it } from 'vitest'
import { hubOfFile, soon } from './hub'

const hub = hubOfFile()
/** A constraint that has bound and the line that it limits, as the market under test has them. */
let known: { constraint: string; line: string; bus: string; at: string }

async function column(path: string, name: string): Promise<(string | number)[]> {
  return hub.page.evaluate(async ([address, wanted]) => {
    const answer = (await (await fetch(address ?? '')).json()) as { columns: Record<string, (string | number)[]> }
    return answer.columns[wanted ?? ''] ?? []
  }, [path, name])
}

beforeAll(async () => {
  await hub.mode('full')
  await hub.page.goto(`${hub.base}/icon.svg`)
  const span = `start=${new Date(Date.now() - 30 * 3_600_000).toISOString()}&end=${new Date().toISOString()}`
  const bound = `/v1/datasets/grid.shadow_prices/rows?market=SIM&market_run=RT5&limit=5000&${span}`
  const [names, starts, shadows] = [await column(bound, 'constraint'), await column(bound, 'interval_start'), await column(bound, 'shadow_price_per_mwh')]
  const dearest = shadows.reduce<number>((most, shadow, row) => (Number(shadow) > Number(shadows[most]) ? row : most), 0)
  const constraint = String(names[dearest])
  const about = `/v1/datasets/grid.constraints/latest?market=SIM&constraint=${encodeURIComponent(constraint)}`
  known = { constraint, line: String((await column(about, 'monitored'))[0]), bus: String((await column(about, 'from_bus'))[0]), at: String(starts[dearest]) }
  expect(Object.values(known)).not.toContain('undefined')
})

const amount = (text: string) => Number(text.replace('−', '-').replaceAll('\u202f', ''))

async function openMap(query = ''): Promise<void> {
  await hub.page.goto(`${hub.base}/map?market=SIM${query}`)
  await hub.page.locator('[data-map] canvas').waitFor()
  await expect.poll(() => hub.page.locator('.page-head').innerText()).toMatch(/low – high[\s\S]*\d\.\d\d/)
}

const picture = () => hub.page.locator('[data-map] canvas').evaluate((canvas) => (canvas as HTMLCanvasElement).toDataURL())

describe('the network map', () => {
  it('is walked by keys: buses by arrows, binding lines by b, and Enter opens what is told', async () => {
    await openMap(`&at=${known.at}`)
    await hub.page.locator('[data-map]').focus()
    await hub.page.keyboard.press('ArrowRight')
    const told = hub.page.locator('.map-host [role="status"]')
    await expect.poll(() => told.innerText()).toMatch(/RT5 −?\d+\.\d\d USD\/MWh/)
    await hub.page.keyboard.press('b')
    await expect.poll(() => told.innerText()).toMatch(/of \d+ MW.*binds at \d/)
    await hub.page.keyboard.press('Enter')
    await hub.page.waitForURL(/line=/)
    await hub.page.locator('.drawer canvas').first().waitFor()
    await hub.page.keyboard.press('Escape')
    await expect.poll(() => hub.page.locator('.drawer').count()).toBe(0)
  })

  it('tells a bus or line below the pointer, and a click on a bus opens what makes its price', async () => {
    await openMap(`&at=${known.at}&row=${known.bus}`)
    await hub.page.locator('.drawer .fall tbody tr').first().waitFor()
    await hub.page.keyboard.press('Escape')
    const box = await hub.page.locator('[data-map] canvas').boundingBox()
    expect(box).not.toBeNull()
    // Somewhere on a raster over the map lies a bus or a line.
    const { x, y, width, height } = box ?? { x: 0, y: 0, width: 0, height: 0 }
    for (let row = 1; row < 40 && (await hub.page.locator('.map-tip').count()) === 0; row += 1) {
      await hub.page.mouse.move(x + 2, y + (height * row) / 40)
      await hub.page.mouse.move(x + width - 2, y + (height * row) / 40, { steps: 60 })
      for (let step = 0; step < 60 && (await hub.page.locator('.map-tip').count()) === 0; step += 1) await hub.page.mouse.move(x + (width * step) / 60, y + (height * row) / 40)
    }
    expect(await hub.page.locator('.map-tip').innerText()).toMatch(/\d/)
  })

  it('moves through the day by keys and by playing, and its address shows the same again', async () => {
    await openMap(`&at=${known.at}`)
    const before = new URL(hub.page.url()).searchParams.get('at')
    await hub.page.keyboard.press('[')
    await expect.poll(() => new URL(hub.page.url()).searchParams.get('at')).not.toBe(before)
    const moved = new URL(hub.page.url()).searchParams.get('at') ?? ''
    expect(Date.parse(before ?? '') - Date.parse(moved)).toBe(300_000)
    await hub.page.locator('body').press('Space')
    await expect.poll(() => Date.parse(new URL(hub.page.url()).searchParams.get('at') ?? '')).toBeGreaterThan(Date.parse(moved))
    await hub.page.getByRole('button', { name: 'Pause (Space)' }).click()
    await hub.page.locator('[data-map]').focus()
    await hub.page.keyboard.press('+')
    await hub.page.waitForURL(/look=/)
    // Tried again where the map was not finished yet.
    await expect.poll(async () => {
      const shown = await picture()
      await hub.page.reload()
      await hub.page.locator('[data-map] canvas').waitFor()
      return soon(async () => await picture() === shown)
    }).toBe(true)
    await hub.page.locator('[data-map]').focus()
    await hub.page.keyboard.press('0')
    await hub.page.waitForURL((url) => !url.search.includes('look'))
  })

  it('turns to day-ahead, and the slider then has the hours of the day', async () => {
    await openMap()
    await hub.page.getByRole('button', { name: 'DA', exact: true }).click()
    await hub.page.waitForURL(/run=DA/)
    await expect.poll(() => hub.page.getByRole('slider', { name: 'Interval of the day' }).getAttribute('max')).toMatch(/^2[234]$/)
    await expect.poll(() => hub.page.locator('.page-head').innerText()).toMatch(/DA low – high[\s\S]*\d\.\d\d/)
  })

  it('has the same as tables, sorted by loading, whose rows open the line', async () => {
    await hub.page.goto(`${hub.base}/map?market=SIM&at=${known.at}&view=lines`)
    const rows = hub.page.locator('[data-table] .vtable-row')
    await rows.first().waitFor()
    await hub.page.getByRole('columnheader', { name: /Shadow price/ }).locator('button').click()
    await hub.page.waitForURL(/sort=shadow:desc/)
    await expect.poll(() => rows.first().innerText()).toContain(known.line)
    await hub.page.locator('[data-table]').focus()
    await hub.page.keyboard.press('j')
    await hub.page.keyboard.press('Enter')
    await hub.page.waitForURL((url) => url.searchParams.get('line') === known.line)
    await hub.page.getByRole('button', { name: 'Buses', exact: true }).click()
    await hub.page.getByRole('columnheader', { name: /Generators/ }).waitFor()
    await hub.page.keyboard.press('Escape')
    await hub.page.keyboard.press('/')
    await hub.page.keyboard.type(known.bus.slice(4))
    await expect.poll(() => rows.first().innerText()).toContain(known.bus)
  })

  it('shows a past moment without what was published later', async () => {
    const asOf = new Date(Math.floor((Date.parse(known.at) - 3_600_000) / 1000) * 1000).toISOString().slice(0, 19)
    await openMap(`&as_of=${asOf}Z`)
    await hub.page.locator('.banner', { hasText: 'Live updates are stopped' }).waitFor()
    await hub.page.goto(`${hub.base}/map?market=SIM&as_of=${asOf}Z&at=${known.at}`)
    await hub.page.getByText('No price of RT5 is known for this interval').waitFor()
  })
})

describe('the constraint board', () => {
  it('sorts, searches and opens by keys, and the detail tells history and whom it moves', async () => {
    await hub.page.goto(`${hub.base}/constraints?market=SIM`)
    const rows = hub.page.locator('[data-table] .vtable-row')
    await rows.first().waitFor()
    await hub.page.getByRole('columnheader', { name: /^7 days/ }).locator('button').click()
    await hub.page.waitForURL(/sort=week:desc/)
    await hub.page.keyboard.press('/')
    await hub.page.keyboard.type(known.constraint)
    await hub.page.waitForURL((url) => url.searchParams.get('q') === known.constraint)
    await expect.poll(() => rows.first().innerText()).toContain(known.constraint)
    await hub.page.keyboard.press('Enter')
    await hub.page.keyboard.press('j')
    await hub.page.keyboard.press('Enter')
    await hub.page.waitForURL(/row=/)
    await hub.page.locator('.drawer canvas').first().waitFor()
    await hub.page.locator('.drawer .explain tbody tr').first().waitFor()
    await hub.page.getByRole('link', { name: 'Show on the map' }).click()
    await hub.page.waitForURL(/\/map\?.*line=/)
  })

  it('agrees with the dataset on what binds now', async () => {
    await hub.page.goto(`${hub.base}/constraints?market=SIM`)
    await hub.page.locator('[data-table] .vtable-row').first().waitFor()
    await expect.poll(() => hub.page.locator('.figure', { hasText: 'Binding now' }).innerText()).toMatch(/\d/)
    const newest = String((await column('/v1/datasets/markets.prices/latest?market=SIM&market_run=RT5&limit=1', 'interval_start'))[0])
    const told = (await column(`/v1/datasets/grid.shadow_prices/rows?market=SIM&market_run=RT5&interval_start=${newest}`, 'shadow_price_per_mwh')).filter((shadow) => Number(shadow) > 0)
    await expect.poll(async () => Number(/Binding now\s*RT5\s*(\d+)/.exec(await hub.page.locator('.figure', { hasText: 'Binding now' }).innerText())?.[1])).toBe(told.length)
    await hub.page.getByRole('button', { name: 'Binding now' }).click()
    await hub.page.waitForURL(/show=now/)
    if (told.length > 0) await expect.poll(() => hub.page.locator('[data-table]').getAttribute('aria-rowcount')).toBe(String(told.length + 1))
  })
})

describe('what makes a price', () => {
  it('adds up to the price in the detail of the live grid, by part and in both runs', async () => {
    await hub.page.goto(`${hub.base}/prices?market=SIM&row=${known.bus}&at=${known.at}`)
    for (const run of ['RT5', 'DA']) {
      await hub.page.locator('.explain').getByRole('button', { name: run, exact: true }).click()
      const fall = hub.page.getByRole('region', { name: `What makes the ${run} price` }).locator('.fall tbody')
      await fall.locator('tr.price').waitFor()
      const parts = await fall.locator('tr:not(.price) td.number').allInnerTexts()
      const price = amount(await fall.locator('tr.price td.number').innerText())
      expect(parts.length).toBeGreaterThanOrEqual(2)
      // Each figure is rounded to a cent.
      expect(Math.abs(parts.reduce((sum, one) => sum + amount(one), 0) - price)).toBeLessThanOrEqual(0.005 * (parts.length + 1) + 1e-9)
    }
    expect(await hub.page.locator('.explainer pre').innerText()).toContain('/v1/grid/explain')
  })
})
