import { defineConfig } from 'vitest/config'

/** Browser journeys: one browser, one server, one file after the other. */
export default defineConfig({
  test: {
    include: ['journeys/**/*.spec.ts'],
    environment: 'node',
    testTimeout: 60_000,
    hookTimeout: 60_000,
    fileParallelism: false,
  },
})
