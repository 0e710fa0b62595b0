import { describe, expect, it } from 'vitest'
import { hubOfFile } from './hub'

const hub = hubOfFile()

const grid = '[role="grid"]'
async function openPrices(query: string): Promise<void> {
  await hub.page.goto(`${hub.base}/prices?${query}`)
  await hub.page.locator(`${grid} .price-row`).first().waitFor()
}

describe('the detail of a price', () => {
  it('steps by interval and by day, takes a typed day, and keeps the run in the address', async () => {
    await openPrices('market=SIM&row=SIM:HUB_NORTH')
    await hub.page.locator('.explain').waitFor()
    const param = (name: string) => new URL(hub.page.url()).searchParams.get(name)
    await hub.page.keyboard.press('[')
    await hub.page.waitForURL(/at=2/)
    const first = Date.parse(param('at') ?? '')
    await hub.page.keyboard.press('[')
    await expect.poll(() => Date.parse(param('at') ?? '')).toBe(first - 300_000)
    await hub.page.locator('.explain-head').getByRole('button', { name: 'DA' }).click()
    await hub.page.waitForURL(/run=DA/)
    const day = hub.page.getByLabel('Operating day, YYYY-MM-DD')
    const today = await day.inputValue()
    expect(today).toMatch(/^\d{4}-\d\d-\d\d$/)
    await hub.page.locator(grid).focus()
    await hub.page.keyboard.press('{')
    const before = new Date(Date.parse(today) - 86_400_000).toISOString().slice(0, 10)
    await expect.poll(() => param('day')).toBe(before)
    await day.fill('2026-02-31x')
    await day.press('Enter')
    await expect.poll(() => day.inputValue()).toBe(before)
    await day.fill(today)
    await day.press('Enter')
    await expect.poll(() => param('day')).toBe(today)
  })

  it('numbers hours only where the market tells the time', async () => {
    await openPrices('market=SIM&row=SIM:HUB_NORTH')
    const head = hub.page.locator('.explain > h2')
    await expect.poll(() => head.innerText()).toMatch(/ HE \d\d\*?, \d\d:\d\d–\d\d:\d\d CPT/)
    await hub.page.locator(grid).focus()
    await hub.page.keyboard.press('z')
    await hub.page.waitForURL(/tz=utc/)
    await expect.poll(() => head.innerText()).toMatch(/^\S+ \d\d:\d\d–\d\d:\d\d UTC/)
  })
})

describe('the cards of a phone', () => {
  it('are ordered by a choice, since they have no heads to click', async () => {
    await hub.page.setViewportSize({ width: 390, height: 844 })
    await hub.page.goto(`${hub.base}/prices?market=SIM`)
    await hub.page.locator('.price-cards li').first().waitFor()
    await hub.page.getByLabel('Order').selectOption('rt:desc')
    await hub.page.waitForURL(/sort=rt:desc/)
    const shown = () => hub.page.locator('.price-cards li').evaluateAll((cards) => cards.map((card) => ({ top: card.getBoundingClientRect().top, price: Number((card.querySelector('.strong')?.textContent ?? '').split(' ')[0]?.replace('−', '-').replaceAll('\u202f', '')) })).sort((a, b) => a.top - b.top).slice(0, 5).map((one) => one.price))
    await expect.poll(async () => { const prices = await shown(); return prices.length === 5 && prices.every((price, at) => at === 0 || price <= (prices[at - 1] ?? 0)) }).toBe(true)
  })
})
