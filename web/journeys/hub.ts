import { readFileSync } from 'node:fs'
import type { Server } from 'node:http'
import { createRequire } from 'node:module'
import type { BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest'
import { startFixture } from '../dev/fixture.mjs'
import { launch } from '../scripts/browser.mjs'

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

export interface Hub {
  base: string
  page: Page
  context: BrowserContext
  /** True when a real server is driven: then the fixture's modes are not available. */
  isReal: boolean
  /** Everything the page complained about: script errors and what the content policy refused. */
  complaints: string[]
  mode: (name: string, more?: Record<string, unknown>) => Promise<void>
  close: () => Promise<void>
}

function portOf(server: Server | undefined): number {
  const address = server?.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

/** Open the hub: a real server by HUB_URL and HUB_LINK, otherwise the fixture on a free port. */
export async function openHub(): Promise<Hub> {
  const real = process.env['HUB_URL']
  const fixture = real === undefined ? await startFixture(0) : undefined
  const base = real ?? `http://127.0.0.1:${portOf(fixture)}`
  const { context, close } = await launch({ permissions: ['clipboard-read', 'clipboard-write'] })
  context.setDefaultTimeout(60_000)
  const page = await context.newPage()
  const complaints: string[] = []
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('console', (message) => {
    if (message.type() === 'error' && /Content Security Policy|Refused to/.test(message.text())) complaints.push(message.text())
  })
  const link = process.env['HUB_LINK']
  if (link !== undefined) {
    await page.goto(link)
    await page.locator('button').click()
    await page.waitForURL(`${base}/**`)
  }
  return {
    base, page, context, complaints, isReal: real !== undefined,
    mode: async (name, more = {}) => {
      if (fixture !== undefined) await fetch(`${base}/__fixture`, { method: 'POST', body: JSON.stringify({ mode: name, ...more }) })
    },
    close: async () => {
      await close()
      fixture?.closeAllConnections()
      fixture?.close()
    },
  }
}

/** Open the hub for a file of tests: each begins at a desk's width with everything there, and ends without complaint. */
export function hubOfFile(): Hub {
  const hub = {} as Hub
  beforeAll(async () => {
    Object.assign(hub, await openHub())
  })
  afterAll(() => hub.close())
  beforeEach(async () => {
    await hub.page.setViewportSize({ width: 1440, height: 900 })
    await hub.mode('full')
    hub.complaints.length = 0
  })
  afterEach(() => expect(hub.complaints).toEqual([]))
  return hub
}

/** Tell whether something holds within a few seconds. */
export async function soon(holds: () => Promise<boolean>): Promise<boolean> {
  const until = Date.now() + 5000
  while (!(await holds())) {
    if (Date.now() > until) return false
    await new Promise((done) => setTimeout(done, 50))
  }
  return true
}

interface AxeNode {
  html: string
  failureSummary?: string
}

/** Run axe over the page in view; returns one line per violation of WCAG 2.2 A and AA. */
export async function axeViolations(page: Page): Promise<string[]> {
  // Evaluated by the debugger, so the page's content policy stays in force for the page itself.
  await page.evaluate(AXE)
  const violations = await page.evaluate(async () => {
    const { axe } = window as unknown as { axe: { run: (root: Document, options: unknown) => Promise<{ violations: { id: string; nodes: AxeNode[] }[] }> } }
    const result = await axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] })
    return result.violations
  })
  return violations.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map((node) => `${node.html.slice(0, 160)} ${node.failureSummary ?? ''}`).join(' | ')}`)
}

export async function scrollsSideways(page: Page): Promise<boolean> {
  return page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth)
}
