import { useSyncExternalStore } from 'react'

let skew_ms = 0
let timer: number | undefined
const listeners = new Set<() => void>()

/** Keep how far the server's clock is ahead of ours: ages are told by its clock. */
export function keepSkew(ms: number): void {
  skew_ms = ms
}

/** The server's clock now. */
export function serverNow(): number {
  return Date.now() + skew_ms
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  timer ??= window.setInterval(() => {
    for (const one of listeners) one()
  }, 1000)
  return () => {
    listeners.delete(listener)
    if (listeners.size === 0) {
      window.clearInterval(timer)
      timer = undefined
    }
  }
}

/** The server's clock in whole steps; renders once a step. */
export function useNowEvery(step_ms: number): number {
  return useSyncExternalStore(subscribe, () => Math.floor(serverNow() / step_ms) * step_ms)
}

/** The server's clock in whole seconds. */
export function useNow(): number {
  return useNowEvery(1000)
}
