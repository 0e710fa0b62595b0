import { Icon } from '@/components/Icon'
import { KeyFigure, PageHead } from '@/components/labels'
import { useMe, useSignOut } from '@/lib/api/queries'
import { setParams, useParam } from '@/lib/url/use-place'
import { EntitlementsPanel } from './EntitlementsPanel'
import { KeysPanel } from './KeysPanel'
import { PasswordForm } from './PasswordForm'
import { SessionsPanel } from './SessionsPanel'
import './access.css'

const TABS = [['keys', 'Keys'], ['sessions', 'Sessions and password'], ['entitlements', 'Entitlements']] as const

/** Keys, sessions, and what this account may see, with why. */
export default function AccessPage() {
  const me = useMe().data
  const signOut = useSignOut()
  const asked = useParam('tab')
  const tab = TABS.find(([name]) => name === asked)?.[0] ?? 'keys'
  const figures = me === undefined ? undefined : (
    <>
      <KeyFigure name="Signed in as" note={me.user.tenant}>{me.user.name}</KeyFigure>
      <KeyFigure name="Roles" note={me.user.roles.length === 0 ? undefined : me.user.roles.join(', ')}>{me.user.roles.length}</KeyFigure>
    </>
  )
  return (
    <>
      <PageHead title="Access" figures={figures} actions={<button type="button" className="button" onClick={signOut}><Icon name="logout" size={14} />Sign out</button>} />
      <div className="page-scroll stack">
        <div className="segmented" role="group" aria-label="Part of access">
          {TABS.map(([name, words]) => <button key={name} type="button" className="button" aria-pressed={tab === name} onClick={() => setParams({ tab: name === 'keys' ? null : name })}>{words}</button>)}
        </div>
        {tab === 'keys' ? <KeysPanel /> : null}
        {tab === 'sessions' ? <><SessionsPanel /><PasswordForm /></> : null}
        {tab === 'entitlements' ? <EntitlementsPanel /> : null}
      </div>
    </>
  )
}
