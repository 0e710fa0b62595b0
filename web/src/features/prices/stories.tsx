import type { Story } from '@/components/stories'
import { PriceRow } from './PriceRow'
import type { ColumnId, Figures } from './rows'
import './prices.css'

const COLUMNS: readonly ColumnId[] = ['name', 'rt', 'change', 'da', 'dart', 'spark', 'age']
const END = Date.parse('2099-01-01T00:00:00Z')
const FOUND: Figures = { rt: 30.27, change: 0.28, da: 27.85, dart: -2.42, congestion: 0, loss: -0.1, energy: 30.37, start: END - 300_000, end: END }
const MISSING: Figures = { ...FOUND, rt: Number.NaN, change: Number.NaN, da: Number.NaN, dart: Number.NaN }
const ignore = () => undefined

const STATES: readonly [name: string, found: Figures, more: { pinned?: boolean; selected?: boolean; active?: boolean; column?: ColumnId }][] = [
  ['FRESH', FOUND, {}], ['PINNED', FOUND, { pinned: true }], ['SELECTED', FOUND, { selected: true }],
  ['ACTIVE_CELL', FOUND, { active: true, column: 'dart' }], ['STALE_AND_MISSING', { ...MISSING, rt: 12, start: 0, end: 300_000 }, {}],
]

export const STORIES: readonly Story[] = [{
  name: 'PriceRow', wide: true,
  show: () => (
    <div className="price-rows" role="grid" aria-label="Rows in every state">
      {STATES.map(([name, found, { pinned = false, selected = false, active = false, column }], index) => (
        <PriceRow key={name} id={`SIM:${name}`} domId={`story-row-${index}`} name={name} kind="node" market="SIM" showMarket={false} tz="market" bump={0} found={found} spark={[1, 3, 2, Number.NaN, 2, 5]} sparkRevision={0}
          rule={{ late_after_s: 600, stale_after_s: 1800 }} asOf={undefined} index={index} top={index * 28} columns={COLUMNS} active={active} column={column} selected={selected} pinned={pinned} onOpen={ignore} onPin={ignore} />
      ))}
    </div>
  ),
}]
