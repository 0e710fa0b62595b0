import { Icon } from '@/components/Icon'
import { Link } from '@/components/Link'
import { toggleTheme } from '@/lib/theme'
import type { Overlay } from './Frame'
import { PAGES } from './routes'

/** Pages by icon and name; on a phone the bottom bar of five. */
export function Rail({ path, open }: { path: string; open: (overlay: Overlay) => void }) {
  return (
    <nav className="rail" aria-label="Pages">
      <div className="mark" aria-hidden="true">
        <svg width="28" height="28" viewBox="0 0 32 32" fill="none" stroke="currentColor" strokeWidth="2.6" strokeLinejoin="round" strokeLinecap="round"><path d="M5 20h5l3-9 5 13 4-10 2 6h3" /></svg>
      </div>
      {PAGES.map(({ path: to, name, icon, isOnPhone }) => (
        <Link key={to} to={to} className={isOnPhone ? undefined : 'desk-only'} aria-current={path === to || path.startsWith(`${to}/`) ? 'page' : undefined}>
          <Icon name={icon} size={18} />{name}
        </Link>
      ))}
      <button type="button" className="tab phone-only" onClick={() => open('palette')}><Icon name="search" size={18} />Find</button>
      <span className="spacer" />
      <button type="button" className="tab desk-only" onClick={() => open('keys')}><Icon name="help" size={18} />Keys</button>
      <button type="button" className="tab desk-only" onClick={toggleTheme}><Icon name="theme" size={18} />Theme</button>
    </nav>
  )
}
