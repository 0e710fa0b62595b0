import { createContext, useContext, useSyncExternalStore } from 'react'
import { StreamClient } from './client'
import type { StreamStatus } from './protocol'
import { connect } from './transports'

const HIDDEN_GRACE_MS = 10_000

export function browserStream(): StreamClient {
  return new StreamClient({
    connect,
    now: () => Date.now(),
    random: () => Math.random(),
    after: (delay_ms, run) => {
      const timer = window.setTimeout(run, delay_ms)
      return () => window.clearTimeout(timer)
    },
  })
}

/** Pause the stream ten seconds after the tab is hidden; wake it when somebody looks again. */
export function pauseWhileHidden(client: StreamClient): () => void {
  let timer: number | undefined
  const onChange = () => {
    window.clearTimeout(timer)
    if (document.hidden) timer = window.setTimeout(() => client.pause(), HIDDEN_GRACE_MS)
    else client.wake()
  }
  const onOnline = () => client.retryNow()
  document.addEventListener('visibilitychange', onChange)
  window.addEventListener('online', onOnline)
  return () => {
    window.clearTimeout(timer)
    document.removeEventListener('visibilitychange', onChange)
    window.removeEventListener('online', onOnline)
  }
}

export const StreamContext = createContext<StreamClient | undefined>(undefined)

export function useStream(): StreamClient {
  const client = useContext(StreamContext)
  if (client === undefined) throw new Error('useStream outside of StreamContext')
  return client
}

export function useStreamStatus(): StreamStatus {
  const client = useStream()
  return useSyncExternalStore(client.watch, client.status)
}
