import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Hub, axeViolations, openHub } from './hub'

let hub: Hub

beforeAll(async () => {
  hub = await openHub()
})
afterAll(() => hub.close())

/** These states need a server that can be made ill; a real one under HUB_URL is not. */
describe.skipIf(process.env['HUB_URL'] !== undefined)('states of the panels', () => {
  it('refused: names every missing tuple', async () => {
    await hub.mode('refused')
    await hub.page.goto(`${hub.base}/prices`)
    const panel = hub.page.locator('.state')
    await panel.getByText('Not entitled').waitFor()
    expect(await panel.innerText()).toMatch(/SIM × lmp × hub/)
    expect(await axeViolations(hub.page)).toEqual([])
  })

  it('entitlements of a viewer: everything to see, nothing to change, and who may', async () => {
    await hub.mode('viewer')
    await hub.page.goto(`${hub.base}/access?tab=entitlements`)
    await hub.page.getByText('tenant-admin').waitFor()
    expect(await hub.page.locator('.lines-table tbody tr').count()).toBeGreaterThan(0)
    await hub.page.locator('.matrix td button').first().click()
    for (const name of [/Add a line/, /^End /, /this…$/]) expect(await hub.page.getByRole('button', { name }).count()).toBe(0)
    expect(await axeViolations(hub.page)).toEqual([])
  })

  it('empty: says what would be here and how to fill it', async () => {
    await hub.mode('empty')
    await hub.page.goto(`${hub.base}/prices`)
    await hub.page.getByText('No prices yet').waitFor()
    await hub.page.getByRole('link', { name: 'Look at the feeds' }).click()
    await hub.page.getByText('No feeds here').waitFor()
    expect(await hub.page.locator('.price-row').count()).toBe(0)
  })

  for (const path of ['/map', '/constraints']) {
    it(`of ${path} without any market: not a skeleton for ever, but who may see it and what would be here`, async () => {
      await hub.mode('refused')
      await hub.page.goto(hub.base + path)
      await hub.page.locator('.state', { hasText: 'Not entitled' }).waitFor()
      expect(await axeViolations(hub.page)).toEqual([])
      await hub.mode('empty')
      await hub.page.goto(hub.base + path)
      await hub.page.getByText('No market yet').waitFor()
      expect(await hub.page.locator('.skeleton').count()).toBe(0)
    })
  }

  for (const [path, missing, empty] of [['/map?market=SIM', /SIM × network × hub/, 'No network of SIM yet'], ['/constraints?market=SIM', /SIM × congestion × hub/, 'Nothing bound in SIM in seven days']] as const) {
    it(`of the grid at ${path}: refused names the grant, empty says what would be here`, async () => {
      await hub.mode('refused')
      await hub.page.goto(hub.base + path)
      await hub.page.locator('.state', { hasText: 'Not entitled' }).first().waitFor()
      expect(await hub.page.locator('.state').first().innerText()).toMatch(missing)
      expect(await axeViolations(hub.page)).toEqual([])
      await hub.mode('empty')
      await hub.page.goto(hub.base + path)
      await hub.page.getByText(empty).waitFor()
      expect(await axeViolations(hub.page)).toEqual([])
    })
  }

  it('dead feed: keeps the last prices, greyed, and says since when', async () => {
    await hub.mode('dead')
    await hub.page.goto(`${hub.base}/prices?market=NYISO`)
    await hub.page.getByText(/unreachable since/).first().waitFor()
    await hub.page.locator('.price-row.stale').first().waitFor()
    await hub.page.locator('.page-head .figure .aged').first().waitFor()
    expect(await hub.page.locator('.price-row.stale').first().innerText()).toMatch(/\d/)
  })

  it('back-fill: the first minute has a bar and words', async () => {
    await hub.mode('backfill')
    await hub.page.goto(`${hub.base}/prices?market=SIM`)
    await hub.page.locator('progress').waitFor()
    expect(await hub.page.locator('.progress .words').innerText()).toMatch(/left/)
  })

  it('signed out: a wrong password is told, a right one opens the page that was asked for', async () => {
    await hub.mode('signed-out')
    await hub.page.goto(`${hub.base}/status`)
    await hub.page.getByText('powerdesk sign-in-link').waitFor()
    expect(await axeViolations(hub.page)).toEqual([])
    await hub.page.getByLabel('Name').fill('ada')
    await hub.page.getByLabel('Password').fill('wrong')
    await hub.page.getByRole('button', { name: 'Sign in' }).click()
    await hub.page.getByRole('alert').waitFor()
    await hub.page.getByLabel('Password').fill('fixture')
    await hub.page.getByRole('button', { name: 'Sign in' }).click()
    await hub.page.getByRole('heading', { name: 'Data status' }).waitFor()
  })

  it('one-time link: the password banner that is put off stays away after a reload', async () => {
    await hub.mode('first-run')
    await hub.page.goto(`${hub.base}/prices?market=SIM`)
    await hub.page.getByRole('button', { name: 'Later' }).click()
    await hub.page.reload()
    await hub.page.locator('.price-row').first().waitFor()
    expect(await hub.page.getByRole('button', { name: 'Set password' }).count()).toBe(0)
  })

  it('signing out from the palette leaves nothing but the way in', async () => {
    await hub.mode('full')
    await hub.page.goto(`${hub.base}/status`)
    await hub.page.getByRole('heading', { name: 'Data status' }).waitFor()
    await hub.page.keyboard.press('Control+k')
    await hub.page.keyboard.type('sign out')
    await hub.page.keyboard.press('Enter')
    await hub.page.getByText('powerdesk sign-in-link').waitFor()
    expect(await hub.page.getByRole('heading', { name: 'Data status' }).count()).toBe(0)
  })

  it('no WebSocket: falls back to server-sent events and still ticks', async () => {
    await hub.mode('full', { noWebSocket: true })
    await hub.page.goto(`${hub.base}/prices?market=SIM`)
    await hub.page.locator('.statusbar', { hasText: 'events on' }).waitFor()
    await hub.page.locator('.statusbar', { hasText: 'last tick' }).waitFor()
    expect(await hub.page.locator('.price-row').count()).toBeGreaterThan(0)
    await hub.mode('full', { noWebSocket: false })
  })
})
