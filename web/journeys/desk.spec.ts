import { describe, expect, it } from 'vitest'
import { axeViolations, hubOfFile, scrollsSideways, soon } from './hub'

const hub = hubOfFile()

const grid = '[role="grid"]'
async function openPrices(query = 'market=SIM'): Promise<void> {
  await hub.page.goto(`${hub.base}/prices?${query}`)
  await hub.page.locator(`${grid} .price-row`).first().waitFor()
}

describe('live prices', () => {
  it('tick, tell their stream, and search by the keyboard', async () => {
    // SIM ticks with its next interval, which may be minutes away: a running desk takes in files of another market.
    await openPrices(hub.isReal ? 'market=NYISO' : 'market=SIM')
    await hub.page.locator('.statusbar', { hasText: /(stream|events) on/ }).waitFor()
    await hub.page.locator('.statusbar', { hasText: 'last tick' }).waitFor()
    await openPrices()
    const all = await hub.page.locator(grid).getAttribute('aria-rowcount')
    await hub.page.keyboard.press('/')
    await hub.page.keyboard.type('hub')
    await hub.page.waitForURL(/q=hub/)
    await expect.poll(() => hub.page.locator(grid).getAttribute('aria-rowcount')).not.toBe(all)
    await hub.page.keyboard.press('Enter')
    await hub.page.keyboard.press('j')
    await hub.page.keyboard.press('Enter')
    await hub.page.locator('.drawer canvas').first().waitFor()
    expect(hub.page.url()).toMatch(/row=SIM/)
    await hub.page.keyboard.press('Escape')
    await expect.poll(() => hub.page.locator('.drawer').count()).toBe(0)
  })

  it('sort by two columns, pin a row, and keep both in the address', async () => {
    await openPrices()
    await hub.page.getByRole('columnheader', { name: /DART/ }).locator('button').click()
    await hub.page.getByRole('columnheader', { name: /Congestion/ }).locator('button').click({ modifiers: ['Shift'] })
    await hub.page.waitForURL(/sort=dart:desc,congestion:desc/)
    expect(await hub.page.getByRole('columnheader', { name: /DART/ }).getAttribute('aria-sort')).toBe('descending')
    await hub.page.locator(grid).focus()
    await hub.page.keyboard.press('j')
    await hub.page.keyboard.press('j')
    await hub.page.keyboard.press('p')
    await hub.page.waitForURL(/pin=SIM/)
    await hub.page.reload()
    await hub.page.locator('.price-row.pinned').waitFor()
  })

  it('are walked by cell with the arrow keys, and by row again left of the first', async () => {
    await openPrices()
    await hub.page.locator(grid).focus()
    await hub.page.keyboard.press('j')
    const active = () => hub.page.locator(grid).getAttribute('aria-activedescendant')
    await expect.poll(active).toMatch(/^price-row-/)
    await hub.page.keyboard.press('ArrowRight')
    await hub.page.keyboard.press('ArrowRight')
    await expect.poll(active).toBe('price-cell-active')
    const first = await hub.page.locator('#price-cell-active').innerText()
    await hub.page.keyboard.press('ArrowDown')
    expect(Number(first.replace('−', '-'))).not.toBeNaN()
    await hub.page.keyboard.press('ArrowLeft')
    await hub.page.keyboard.press('ArrowLeft')
    await expect.poll(active).toBe('price-row-1')
  })

  it('copy as tab-separated values with a head and a unit', async () => {
    await openPrices()
    await hub.page.getByRole('button', { name: 'Copy TSV' }).click()
    const text = await hub.page.evaluate(() => navigator.clipboard.readText())
    const [head, first] = text.split('\n')
    expect(head).toMatch(/^location\tmarket\tinterval_start/)
    expect(first).toMatch(/^SIM:\S+\tSIM\t\d{4}-.*USD\/MWh$/)
  })

  it('stop at a past moment, say so, and travel with it to other pages', async () => {
    await openPrices()
    await hub.page.keyboard.press('a')
    await hub.page.getByRole('dialog', { name: 'As known at' }).getByRole('button', { name: '1 h ago' }).click()
    await hub.page.waitForURL(/as_of=/)
    await hub.page.locator('.banner', { hasText: 'Live updates are stopped' }).waitFor()
    await hub.page.locator('.statusbar', { hasText: 'live updates stopped' }).waitFor()
    await hub.page.keyboard.press('g')
    await hub.page.keyboard.press('d')
    await hub.page.waitForURL(/\/datasets\?as_of=/)
    await hub.page.goBack()
    await hub.page.waitForURL(/\/prices\?as_of=/)
    await hub.page.getByRole('button', { name: 'Back to now' }).click()
    await expect.poll(() => hub.page.url()).not.toContain('as_of')
  })

  it('colour the hours of the day in the heat view', async () => {
    await openPrices('market=SIM&view=grid')
    await hub.page.getByRole('button', { name: 'Heat' }).click()
    await hub.page.locator('.heat-body [class^="heat-"]').first().waitFor()
    expect(await hub.page.locator('.heat-head > div').count()).toBeGreaterThanOrEqual(24)
  })

  it('show the chosen columns in the chosen order, in the address and in this browser', async () => {
    await openPrices()
    const heads = () => hub.page.locator(`${grid} [data-column]`).evaluateAll((all) => all.map((one) => (one as HTMLElement).dataset['column']))
    const before = await heads()
    await hub.page.keyboard.press('c')
    await hub.page.getByRole('dialog', { name: 'Columns' }).waitFor()
    await hub.page.keyboard.press('Alt+ArrowDown')
    await hub.page.waitForURL(/cols=change,rt,/)
    await hub.page.keyboard.press('ArrowDown')
    await hub.page.keyboard.press('Space')
    await hub.page.waitForURL((url) => !url.search.includes(',da,'))
    await hub.page.keyboard.press('Escape')
    const after = await heads()
    expect(after.slice(0, 3)).toEqual(['name', 'change', 'rt'])
    expect(after).toHaveLength(before.length - 1)
    await openPrices()
    await hub.page.waitForURL(/cols=change,rt/)
    await hub.page.keyboard.press('c')
    await hub.page.getByRole('button', { name: 'Standard columns' }).click()
    await hub.page.waitForURL((url) => !url.search.includes('cols'))
    expect(await heads()).toEqual(before)
  })

  it('are read in charts by keys and fingers: the interval moves, both charts look closer and back', async () => {
    await openPrices('market=SIM&row=SIM:HUB_NORTH')
    const charts = hub.page.locator('.time-chart[role="slider"]')
    await charts.nth(1).waitFor()
    await charts.first().focus()
    await hub.page.keyboard.press('ArrowLeft')
    await hub.page.waitForURL(/at=2/)
    expect(await charts.first().getAttribute('aria-valuetext')).toMatch(/^\d\d:\d\d, DA .*RT5/)
    const picture = async () => charts.nth(1).locator('canvas').evaluate((canvas) => (canvas as HTMLCanvasElement).toDataURL())
    // Tried again where the chart was not finished yet, or a price came in meanwhile.
    let whole = ''
    await expect.poll(async () => {
      whole = await picture()
      await hub.page.keyboard.press('+')
      const closer = await soon(async () => await picture() !== whole)
      await hub.page.keyboard.press('0')
      return closer && soon(async () => await picture() === whole)
    }).toBe(true)
    const over = charts.first().locator('.u-over')
    await over.evaluate((node) => {
      const { left, top, width } = node.getBoundingClientRect()
      const finger = (type: string, pointerId: number, share: number) => node.dispatchEvent(new PointerEvent(type, { pointerType: 'touch', pointerId, clientX: left + share * width, clientY: top + 20, bubbles: true }))
      finger('pointerdown', 11, 0.4)
      finger('pointerdown', 12, 0.6)
      finger('pointermove', 11, 0.1)
      finger('pointermove', 12, 0.9)
      finger('pointerup', 11, 0.1)
      finger('pointerup', 12, 0.9)
    })
    await expect.poll(picture).not.toBe(whole)
  })

  it('explain a number: revisions, source, and programs that give the same', async () => {
    await openPrices()
    await hub.page.locator('.price-row').first().click()
    const explain = hub.page.locator('.explain')
    await explain.getByText('in force').waitFor()
    expect(await explain.innerText()).toMatch(/Source/)
    expect(await explain.locator('pre').last().innerText()).toMatch(/as_of=/)
  })
})

describe('the frame', () => {
  it('finds pages, places and commands by Ctrl-K', async () => {
    await openPrices()
    await hub.page.keyboard.press('Control+k')
    await hub.page.keyboard.type('utc')
    await hub.page.keyboard.press('Enter')
    await hub.page.waitForURL(/tz=utc/)
    await hub.page.keyboard.press('Control+k')
    await hub.page.keyboard.type('status')
    await hub.page.keyboard.press('Enter')
    await hub.page.waitForURL(/\/status\?.*tz=utc/)
  })

  it('says so when no page has the address', async () => {
    await hub.page.goto(`${hub.base}/nowhere`)
    await hub.page.getByText('No page has this address').waitFor()
  })
})

describe('every page', () => {
  const pages = ['/map?market=SIM', '/map?market=SIM&view=lines', '/map?market=SIM&view=buses&row=SIM:HUB_NORTH', '/constraints?market=SIM', '/prices?market=SIM', '/prices?market=SIM&view=heat', '/prices?market=SIM&row=SIM:HUB_NORTH', '/status', '/datasets', '/datasets/markets.prices', '/access', '/access?tab=sessions', '/access?tab=entitlements', '/docs/problems/not-entitled', '/design']
  for (const theme of ['dark', 'light']) {
    it(`passes axe in the ${theme} theme`, async () => {
      await hub.page.goto(`${hub.base}/icon.svg`)
      await hub.page.evaluate((chosen) => localStorage.setItem('pd-theme', chosen), theme)
      // A tick's 400 ms pulse is not a state of the page; standing still, the same pixels are judged every time.
      await hub.page.emulateMedia({ reducedMotion: 'reduce' })
      const violations: string[] = []
      for (const path of pages) {
        await hub.page.goto(hub.base + path)
        await hub.page.waitForTimeout(900)
        for (const violation of await axeViolations(hub.page)) violations.push(`${path} ${violation}`)
      }
      await hub.page.emulateMedia({ reducedMotion: null })
      expect(violations).toEqual([])
    })
  }

  it('never scrolls sideways on a phone', async () => {
    await hub.page.setViewportSize({ width: 390, height: 844 })
    for (const path of pages) {
      await hub.page.goto(hub.base + path)
      await hub.page.waitForTimeout(600)
      expect({ path, sideways: await scrollsSideways(hub.page) }).toEqual({ path, sideways: false })
    }
  })
})
