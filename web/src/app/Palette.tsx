import { useQuery } from '@tanstack/react-query'
import { type KeyboardEvent, useMemo, useState } from 'react'
import { locationsQuery, useSignOut } from '@/lib/api/queries'
import type { Overlay } from './Frame'
import { Modal } from '@/components/Modal'
import { type PaletteItem, commandItems, locationItem, pageItems, recentIds, remember, score } from './palette-items'

const MOST_LOCATIONS = 12

/** Ctrl-K: pages, locations, commands and recent, by typing. */
export function Palette({ close, open }: { close: () => void; open: (overlay: Overlay) => void }) {
  const { data: locations } = useQuery(locationsQuery)
  const signOut = useSignOut()
  const [query, setQuery] = useState('')
  const [at, setAt] = useState(0)

  const items = useMemo(() => {
    const fixed = [...pageItems(), ...commandItems(open, signOut)]
    const places = (locations ?? []).map(locationItem)
    if (query.trim() === '') {
      const byId = new Map([...fixed, ...places].map((item) => [item.id, item]))
      const recent = recentIds().flatMap((id): PaletteItem[] => {
        const item = byId.get(id)
        return item === undefined ? [] : [{ ...item, group: 'Recent' }]
      })
      return [...recent, ...fixed.filter((item) => !recent.some((one) => one.id === item.id))]
    }
    const ranked = (from: PaletteItem[]) => from
      .map((item) => ({ item, rank: score(query, `${item.name} ${item.note}`) }))
      .filter(({ rank }) => rank > 0).sort((a, b) => b.rank - a.rank).map(({ item }) => item)
    return [...ranked(fixed), ...ranked(places).slice(0, MOST_LOCATIONS)]
  }, [query, locations, open, signOut])

  const choose = (item: PaletteItem | undefined) => {
    if (item === undefined) return
    remember(item.id)
    close()
    item.run()
  }
  const onKey = (event: KeyboardEvent) => {
    if (event.key === 'ArrowDown') setAt(Math.min(items.length - 1, at + 1))
    else if (event.key === 'ArrowUp') setAt(Math.max(0, at - 1))
    else if (event.key === 'Enter') choose(items[at])
    else return
    event.preventDefault()
  }
  return (
    <Modal label="Find" className="palette" close={close}>
      <input role="combobox" aria-expanded="true" aria-controls="palette-list" aria-activedescendant={items[at] === undefined ? undefined : `palette-${at}`} aria-label="Find a page, a location or a command"
        placeholder="Page, location or command" autoFocus value={query} onKeyDown={onKey} onChange={(event) => {
          setQuery(event.target.value)
          setAt(0)
        }} />
      <ul id="palette-list" role="listbox" aria-label="Found">
        {items.length === 0 ? <li className="group">Nothing is called that</li> : null}
        {items.map((item, index) => (
          <li key={item.id} role="presentation">
            {items[index - 1]?.group === item.group ? null : <div className="group">{item.group}</div>}
            <div id={`palette-${index}`} role="option" aria-selected={index === at} onMouseMove={() => setAt(index)} onClick={() => choose(item)} ref={(node) => {
              if (index === at) node?.scrollIntoView({ block: 'nearest' })
            }}>
              <span>{item.name}</span><span className="dim small">{item.note}</span>
            </div>
          </li>
        ))}
      </ul>
    </Modal>
  )
}
