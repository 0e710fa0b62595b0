import { type KeyboardEvent, useState } from 'react'
import { formatColumns, moved } from '@/lib/columns'
import { Icon } from './Icon'
import { Popover } from './Popover'

export interface Choice<Id extends string> {
  id: Id
  name: string
  /** What the column means, where the name does not say it. */
  meaning?: string | undefined
}

interface ChooserProps<Id extends string> {
  /** Every column there is; the first is pinned. */
  all: readonly Choice<Id>[]
  chosen: readonly Id[]
  /** Those for which the window has room. */
  shown: readonly Id[]
  standard: readonly Id[]
  choose: (next: readonly Id[] | undefined) => void
}

function focusBeside(event: KeyboardEvent<HTMLElement>, by: number): void {
  const boxes = [...(event.currentTarget.closest('ul')?.querySelectorAll<HTMLInputElement>('input:not(:disabled)') ?? [])]
  const at = boxes.findIndex((box) => box.closest('li') === event.currentTarget)
  boxes[Math.max(0, Math.min(boxes.length - 1, at + by))]?.focus()
}

/** Choose columns and their order: Space shows or hides, Alt and an arrow moves, the choice stands in the address. */
export function ColumnChooser<Id extends string>({ all, chosen, shown, standard, choose }: ChooserProps<Id>) {
  const [said, setSaid] = useState('')
  const named = new Map(all.map((choice) => [choice.id, choice]))
  const rows = [...chosen, ...all.map(({ id }) => id).filter((id) => !chosen.includes(id))].flatMap((id) => named.get(id) ?? [])
  const pinned = all[0]?.id
  const isStandard = formatColumns(chosen) === formatColumns(standard)
  const unfit = chosen.length - shown.length

  const set = (next: readonly Id[], words: string) => {
    choose(formatColumns(next) === formatColumns(standard) ? undefined : next)
    setSaid(words)
  }
  const move = (id: Id, by: number) => {
    const next = moved(chosen, id, by)
    set(next, `${named.get(id)?.name ?? id} is column ${next.indexOf(id) + 1} of ${next.length}`)
  }
  const onKey = (event: KeyboardEvent<HTMLElement>, id: Id) => {
    const by = event.key === 'ArrowUp' ? -1 : event.key === 'ArrowDown' ? 1 : 0
    if (by === 0) return
    event.preventDefault()
    if (!event.altKey) focusBeside(event, by)
    else if (chosen.includes(id)) move(id, by)
  }
  return (
    <Popover name="Columns" hotkey="c" buttonClass="button small" menuClass="column-menu" button={<><Icon name="columns" size={14} /> Columns{isStandard ? null : <span className="dim small"> {chosen.length} of {all.length}</span>}</>}>
      {() => (
        <>
          <ul aria-label="Columns">
            {rows.map(({ id, name, meaning }) => {
              const at = chosen.indexOf(id)
              return (
                <li key={id} onKeyDown={(event) => onKey(event, id)}>
                  <label title={meaning}>
                    <input type="checkbox" checked={at >= 0} disabled={id === pinned} autoFocus={id === rows[1]?.id} onChange={(event) => {
                      set(event.target.checked ? [...chosen, id] : chosen.filter((one) => one !== id), `${name} ${event.target.checked ? 'shown' : 'hidden'}`)
                    }} />
                    <span>{name}</span>
                    {at >= 0 && !shown.includes(id) ? <span className="dim small">no room</span> : null}
                  </label>
                  {at < 1 ? null : (
                    <span className="movers">
                      <button type="button" tabIndex={-1} disabled={at === 1} aria-label={`Move ${name} left`} onClick={() => move(id, -1)}><Icon name="sort_up" size={13} /></button>
                      <button type="button" tabIndex={-1} disabled={at === chosen.length - 1} aria-label={`Move ${name} right`} onClick={() => move(id, 1)}><Icon name="sort_down" size={13} /></button>
                    </span>
                  )}
                </li>
              )
            })}
          </ul>
          <p className="dim small">{unfit > 0 ? `${unfit} chosen ${unfit === 1 ? 'column finds' : 'columns find'} no room in this window. ` : ''}<kbd>Space</kbd> shows or hides, <kbd>Alt</kbd> <kbd>↑</kbd> <kbd>↓</kbd> moves.</p>
          <button type="button" className="button small" disabled={isStandard} onClick={() => set(standard, 'Standard columns')}>Standard columns</button>
          <span className="visually-hidden" role="status">{said}</span>
        </>
      )}
    </Popover>
  )
}
