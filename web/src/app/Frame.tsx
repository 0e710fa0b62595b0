import { useEffect, useState } from 'react'
import { InstantLabel } from '@/components/labels'
import { Skeleton } from '@/components/states'
import { useScope } from '@/lib/url/scope'
import { setParams, usePlace } from '@/lib/url/use-place'
import { Boundary } from './Boundary'
import { FirstRun } from './FirstRun'
import { KeyMap } from './KeyMap'
import { Palette } from './Palette'
import { Rail } from './Rail'
import { StatusBar } from './StatusBar'
import { TopBar } from './TopBar'
import { useGlobalKeys } from './keys'
import { type LazyPage, fetchAhead, route, usePage } from './routes'

export type Overlay = 'none' | 'palette' | 'keys'

const FETCH_AHEAD_AFTER_MS = 2500

function PageBody({ page, rest }: { page: LazyPage; rest: string }) {
  const Page = usePage(page)
  // eslint-disable-next-line react-hooks/static-components -- the component is looked up in the routes, not made here
  return Page === undefined ? <Skeleton lines={14} /> : <Page rest={rest} />
}

/** The desk: rail, scope, page, status. */
export function Frame() {
  const { path } = usePlace()
  const { asOf } = useScope()
  const [overlay, setOverlay] = useState<Overlay>('none')
  const { page, rest } = route(path)
  useGlobalKeys(setOverlay)

  useEffect(() => {
    const name = path.split('/')[1] ?? ''
    document.title = `${name === '' ? 'Prices' : `${name.charAt(0).toUpperCase()}${name.slice(1)}`} · Powerdesk`
  }, [path])

  useEffect(() => {
    const timer = window.setTimeout(fetchAhead, FETCH_AHEAD_AFTER_MS)
    return () => window.clearTimeout(timer)
  }, [])

  return (
    <div className={asOf === undefined ? 'frame' : 'frame past'}>
      <Rail path={path === '/' ? '/prices' : path} open={setOverlay} />
      <TopBar open={setOverlay} />
      <main className="page">
        {asOf === undefined ? null : (
          <div className="banner" role="status">
            <span>As known at <InstantLabel instant={Date.parse(asOf)} seconds />. Live updates are stopped; nothing published later is shown.</span>
            <button type="button" className="button small" onClick={() => setParams({ as_of: null })}>Back to now</button>
          </div>
        )}
        <FirstRun />
        <Boundary key={path}>
          <PageBody page={page} rest={rest} />
        </Boundary>
      </main>
      <StatusBar />
      {overlay === 'palette' ? <Palette close={() => setOverlay('none')} open={setOverlay} /> : null}
      {overlay === 'keys' ? <KeyMap close={() => setOverlay('none')} /> : null}
    </div>
  )
}
