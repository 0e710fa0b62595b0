import { describe, expect, it } from 'vitest'
import { axeViolations, hubOfFile } from './hub'

const hub = hubOfFile()

describe('keys', () => {
  it('show their secret once and can be revoked', async () => {
    await hub.page.goto(`${hub.base}/access`)
    await hub.page.getByRole('button', { name: 'New key' }).first().click()
    await hub.page.getByLabel('Name').fill('journey')
    await hub.page.getByRole('button', { name: 'Make key' }).click()
    const secret = await hub.page.locator('.secret-line code').innerText()
    expect(secret).toMatch(/^pd_live_/)
    await hub.page.getByRole('button', { name: 'I have it' }).click()
    expect(await hub.page.content()).not.toContain(secret)
    await hub.page.getByRole('button', { name: 'Revoke journey' }).first().click()
    await hub.page.getByRole('button', { name: 'Revoke now' }).click()
    await hub.page.locator('tr.gone', { hasText: 'journey' }).first().waitFor()
  })
})

describe('entitlements', () => {
  const openMatrix = async (page = hub.page) => {
    await page.goto(`${hub.base}/access?tab=entitlements`)
    await page.locator('.matrix td button').first().waitFor()
  }

  it('are denied and given back by the keyboard, after saying what turns and for whom', async () => {
    await openMatrix()
    await hub.page.locator('.matrix td button').first().focus()
    await hub.page.keyboard.press('ArrowRight')
    await hub.page.keyboard.press('End')
    await hub.page.keyboard.press('Home')
    await hub.page.keyboard.press('Enter')
    await hub.page.getByRole('button', { name: 'Deny this…' }).focus()
    await hub.page.keyboard.press('Enter')
    await hub.page.getByRole('button', { name: 'See what turns' }).focus()
    await hub.page.keyboard.press('Enter')
    const dialog = hub.page.getByRole('dialog', { name: /^Deny / })
    await dialog.getByText('becomes refused').waitFor()
    expect(await dialog.innerText()).toMatch(/everybody of tenant/)
    expect(await axeViolations(hub.page)).toEqual([])
    await hub.page.keyboard.press('Tab')
    await hub.page.keyboard.press('Enter')
    await hub.page.locator('.matrix td button.no').first().waitFor()
    await expect.poll(() => hub.page.locator('.why').first().innerText()).toMatch(/refused: .*denied/)
    await hub.page.locator('.lines-table tr', { hasText: 'deny' }).getByRole('button', { name: /^End / }).click()
    await hub.page.getByRole('dialog').getByText('becomes allowed').waitFor()
    await hub.page.getByRole('button', { name: 'End it' }).click()
    await expect.poll(() => hub.page.locator('.matrix td button.no').count()).toBe(0)
    await hub.page.locator('.lines-table tr.gone').getByRole('button', { name: /^Remove / }).first().click()
    await hub.page.getByRole('button', { name: 'Remove it' }).click()
    await expect.poll(() => hub.page.locator('.lines-table tr.gone').count()).toBe(0)
  })

  it.runIf(process.env['HUB_URL'] !== undefined)('close the live prices of an open page within a second, and the address opens them again', async () => {
    const other = await hub.context.newPage()
    await other.goto(`${hub.base}/prices?market=SIM`)
    await other.locator('.price-row').first().waitFor()
    const change = async (body: unknown) => hub.page.evaluate(async (sent) => {
      const me = (await (await fetch('/v1/me')).json()) as { csrf: string; user: { tenant: string } }
      const answer = await fetch(`/v1/entitlements/${me.user.tenant}/changes`, { method: 'POST', headers: { 'Content-Type': 'application/json', 'X-CSRF-Token': me.csrf }, body: JSON.stringify(sent) })
      return answer.status
    }, body)
    await openMatrix()
    const line = { market: 'SIM', product: 'prices', channel: 'hub', valid_from: null, valid_to: null, deny: true }
    const gone = other.evaluate(async () => {
      while (document.querySelector('.price-row') !== null) await new Promise((done) => setTimeout(done, 10))
      return Date.now()
    })
    const from = Date.now()
    expect(await change({ add: [line] })).toBe(204)
    const took_ms = (await gone) - from
    await other.getByText('Not entitled').waitFor()
    process.stdout.write(`${JSON.stringify({ subject: 'hub', case: 'denied to refused panel of another page', value: took_ms, unit: 'ms' })}\n`)
    expect(await other.locator('.price-row').count()).toBe(0)
    expect(await change({ remove: [line] })).toBe(204)
    await other.reload()
    await other.locator('.price-row').first().waitFor()
    await other.close()
  })
})
