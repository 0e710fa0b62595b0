declare module '*/dev/fixture.mjs' {
  import type { Server } from 'node:http'

  export function startFixture(port: number): Promise<Server>
}

declare module '*/scripts/browser.mjs' {
  import type { BrowserContext } from 'playwright-core'

  export function launch(options?: Record<string, unknown>): Promise<{ context: BrowserContext; close: () => Promise<void> }>
}
