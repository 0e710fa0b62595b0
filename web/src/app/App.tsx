import { MutationCache, QueryCache, QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { Suspense, lazy, useEffect, useState } from 'react'
import { ProblemPanel, Skeleton } from '@/components/states'
import { keepCsrf } from '@/lib/api/client'
import { ProblemError, problemOf } from '@/lib/api/problem'
import { meQuery, useMe } from '@/lib/api/queries'
import { StreamContext, browserStream, pauseWhileHidden } from '@/lib/stream/stream-context'
import { parseInstant } from '@/lib/time/format'
import { keepSkew } from '@/lib/time/use-now'
import { Frame } from './Frame'

const SignIn = lazy(() => import('@/features/session/SignIn'))

/** Refusals do not get better by repetition; a server that is away may come back. */
function retry(count: number, error: Error): boolean {
  return count < 2 && error instanceof ProblemError && (error.problem.status === 0 || error.problem.status >= 500)
}

/** Whatever is refused for want of a session asks who is there: the answer leads to signing in. */
function onError(error: Error): void {
  const me = client.getQueryState(meQuery.queryKey)
  if (error instanceof ProblemError && error.problem.status === 401 && me?.status === 'success') void client.invalidateQueries(meQuery)
}

const client = new QueryClient({ queryCache: new QueryCache({ onError }), mutationCache: new MutationCache({ onError }), defaultOptions: { queries: { retry, staleTime: 10_000, refetchOnWindowFocus: false } } })

function SignedIn() {
  const [stream] = useState(browserStream)
  useEffect(() => pauseWhileHidden(stream), [stream])
  return <StreamContext value={stream}><Frame /></StreamContext>
}

/** Who is there decides what is shown: the sign-in page, the desk, or why neither is possible. */
function Gate() {
  const me = useMe()
  const serverTime = me.data?.server_time
  const csrf = me.data?.csrf
  useEffect(() => {
    if (csrf !== undefined) keepCsrf(csrf)
  }, [csrf])
  useEffect(() => {
    if (serverTime !== undefined) keepSkew(parseInstant(serverTime) - Date.now())
  }, [serverTime])
  if (me.data !== undefined && !(me.error instanceof ProblemError && me.error.problem.status === 401)) return <SignedIn />
  if (me.isError) {
    const problem = problemOf(me.error)
    if (problem.status === 401) return <Suspense fallback={<Skeleton lines={4} />}><SignIn /></Suspense>
    return <main><ProblemPanel problem={problem} retry={() => void me.refetch()} /></main>
  }
  return <Skeleton lines={12} />
}

export function App() {
  return <QueryClientProvider client={client}><Gate /></QueryClientProvider>
}
