import type { ReactNode } from 'react'
import { SearchBox } from '@/components/SearchBox'
import { RUNS, type Run } from '@/lib/grid/intervals'
import { setParams } from '@/lib/url/use-place'

interface ToolsProps {
  label: string
  type: (text: string) => void
  run?: Run
  views?: readonly (readonly [id: string, words: string])[]
  view?: string
  note: string
  children?: ReactNode
}

const focusMain = () => document.querySelector<HTMLElement>('[data-map], [data-table]')?.focus()

/** Search, run and view of a page of the grid. The first view is what an address without one shows. */
export function GridTools({ label, type, run, views = [], view, note, children }: ToolsProps) {
  return (
    <div className="grid-tools">
      <SearchBox label={label} type={type} onEnter={focusMain} />
      {run === undefined ? null : (
        <div className="segmented" role="group" aria-label="Market run">
          {RUNS.map((one) => <button key={one} type="button" className="button small" aria-pressed={run === one} onClick={() => setParams({ run: one === RUNS[0] ? null : one, at: null }, 'replace')}>{one}</button>)}
        </div>
      )}
      {children}
      <span className="dim small desk-only nowrap">{note}</span>
      <span className="grow" />
      {views.length === 0 ? null : (
        <div className="segmented" role="group" aria-label="View">
          {views.map(([id, words], index) => <button key={id} type="button" className="button small" aria-pressed={view === id} onClick={() => setParams({ view: index === 0 ? null : id, sort: null }, 'replace')}>{words}</button>)}
        </div>
      )}
    </div>
  )
}
