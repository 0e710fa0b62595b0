import { ColumnChooser } from '@/components/ColumnChooser'
import { CopyButton } from '@/components/copy'
import { SearchBox } from '@/components/SearchBox'
import { countText } from '@/lib/units/format'
import { setParams, useParam } from '@/lib/url/use-place'
import { useNarrow } from '@/lib/use-narrow'
import { STANDARD } from './columns'
import type { Faces } from './use-faces'

interface ToolsProps {
  type: (text: string) => void
  kind: string | undefined
  kinds: readonly string[]
  count: number
  view: 'grid' | 'heat'
  faces: Faces
  tsv: () => string
}

/** Orders for the cards of a phone, which have no heads to click. */
const ORDERS = [['', 'By name'], ['rt:desc', 'RT5, dearest'], ['rt', 'RT5, cheapest'], ['dart:desc', 'DART, highest'], ['dart', 'DART, lowest'], ['change:desc', 'Rising most'], ['change', 'Falling most']] as const

const focusGrid = () => document.querySelector<HTMLElement>('[data-price-grid]')?.focus()

/** What narrows and shapes the grid: search, kind, columns, view, and the way out. */
export function PriceTools({ type, kind, kinds, count, view, faces, tsv }: ToolsProps) {
  const narrow = useNarrow()
  const sort = useParam('sort') ?? ''
  const isGrid = view === 'grid' && !narrow && count > 0
  return (
    <div className="price-tools">
      <SearchBox label="Search locations" type={type} onEnter={focusGrid} />
      {kinds.length < 2 ? null : (
        <div className="segmented desk-only" role="group" aria-label="Kind of location">
          <button type="button" className="button small" aria-pressed={kind === undefined} onClick={() => setParams({ kind: null }, 'replace')}>All</button>
          {kinds.map((one) => <button key={one} type="button" className="button small" aria-pressed={kind === one} onClick={() => setParams({ kind: one }, 'replace')}>{one}</button>)}
        </div>
      )}
      {narrow && view === 'grid' ? (
        <>
          <label className="chip"><select aria-label="Order" value={sort} onChange={(event) => setParams({ sort: event.target.value }, 'replace')}>
            {ORDERS.map(([id, words]) => <option key={id} value={id}>{words}</option>)}
            {ORDERS.some(([id]) => id === sort) ? null : <option value={sort}>{sort}</option>}
          </select></label>
          {kinds.length < 2 ? null : <label className="chip"><select aria-label="Kind of location" value={kind ?? ''} onChange={(event) => setParams({ kind: event.target.value }, 'replace')}>
            <option value="">All kinds</option>
            {kinds.map((one) => <option key={one}>{one}</option>)}
          </select></label>}
        </>
      ) : null}
      <span className="dim small desk-only nowrap" role="status">{countText(count)} shown</span>
      <span className="grow" />
      {isGrid ? <ColumnChooser all={faces.all} chosen={faces.chosen} shown={faces.shown.map((face) => face.id)} standard={STANDARD} choose={faces.choose} /> : null}
      {isGrid ? <CopyButton text={tsv} label="Copy TSV" /> : null}
      <div className="segmented" role="group" aria-label="View">
        <button type="button" className="button small" aria-pressed={view === 'grid'} onClick={() => setParams({ view: null, day: null }, 'replace')}>{narrow ? 'List' : 'Grid'}</button>
        <button type="button" className="button small" aria-pressed={view === 'heat'} onClick={() => setParams({ view: 'heat' }, 'replace')}>Heat</button>
      </div>
    </div>
  )
}
