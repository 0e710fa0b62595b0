import { defineConfig } from 'vitest/config'

/** Browser journeys: one browser, one server, one file after the other; on a busy machine, so that waits end late. */
export default defineConfig({
  test: {
    include: ['journeys/**/*.spec.ts'],
    environment: 'node',
    testTimeout: 240_000,
    hookTimeout: 240_000,
    expect: { poll: { timeout: 60_000 } },
    fileParallelism: false,
  },
})
