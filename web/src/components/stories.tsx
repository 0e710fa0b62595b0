import type { ReactNode } from 'react'
import { useState } from 'react'
import type { Problem } from '@/lib/api/types'
import { serverNow } from '@/lib/time/use-now'
import { setParams } from '@/lib/url/use-place'
import { ColumnChooser } from './ColumnChooser'
import { Difference } from './Difference'
import { Icon } from './Icon'
import { JobProgress } from './JobProgress'
import { Popover } from './Popover'
import { SnippetTabs } from './SnippetTabs'
import { Sparkline } from './Sparkline'
import TimeChart, { type ChartSeries } from './TimeChart'
import { CopyButton } from './copy'
import { AgeLabel, InstantLabel, KeyFigure, StatusPill } from './labels'
import { EmptyState, ProblemPanel, RefusedPanel, Skeleton } from './states'

export interface Story {
  name: string
  wide?: boolean
  show: () => ReactNode
}

const RULE = { late_after_s: 600, stale_after_s: 1800 }
const PROBLEM: Problem = { type: '/docs/problems/bad-request', title: 'The request cannot be read', status: 400, detail: 'One part of the request is not understood.', remedy: 'Correct the part named below.', request_id: 'req_0001', errors: [{ pointer: '/query/start', found: '2026-13-01', allowed: 'RFC 3339 with an offset', remedy: 'Write 2026-12-01T00:00:00Z.' }] }
const START_S = Date.parse('2026-11-21T06:00:00Z') / 1000
const SLOT_S = 300

/** A price that wanders by arithmetic alone, with a gap where `gap` says. */
function wander(count: number, seed: number, gap?: [number, number]): number[] {
  return Array.from({ length: count }, (_, index) => (gap !== undefined && index >= gap[0] && index < gap[1]
    ? Number.NaN
    : 30 + 12 * Math.sin(index / 31 + seed) + 5 * Math.sin(index / 2.7) + (index % 97 === 0 ? 40 : 0)))
}

const SERIES: ChartSeries[] = [{ label: 'DA', color: 'dim', dash: [5, 3] }, { label: 'RT5', color: 'accent' }]
const MANY: ChartSeries[] = [{ label: 'RT5', color: 'accent' }]

function ticksOf(count: number) {
  const hours = Math.ceil((count * SLOT_S) / 3600)
  return Array.from({ length: hours }, (_, hour) => ({ at_s: START_S + hour * 3600, mark_s: START_S + (hour + 1) * 3600, label: String((hour % 24) + 1).padStart(2, '0'), clock: String(hour % 24).padStart(2, '0') }))
}

function Chart({ count, series, seed = 0, linked }: { count: number; series: ChartSeries[]; seed?: number; linked: string }) {
  const [at, setAt] = useState<number | undefined>(undefined)
  const [data] = useState(() => ({ time_s: Array.from({ length: count }, (_, index) => START_S + index * SLOT_S), values: series.map((_, line) => wander(count, seed + line, count < 1000 ? [90, 120] : undefined)), ticks: ticksOf(count) }))
  return <TimeChart label={`${count} intervals`} {...data} end_s={START_S + count * SLOT_S} series={series} unit="USD/MWh" height={160} linked={linked} selected_s={at} onPick={setAt} />
}

/** One hundred thousand intervals: `Draw again` makes a new chart, which scripts/measure.mjs times. */
function Long() {
  const [seed, setSeed] = useState(0)
  return <><button type="button" className="button small" onClick={() => setSeed(seed + 1)}>Draw again</button><Chart key={seed} count={100_000} series={MANY} seed={seed} linked="story-long" /></>
}

type Demo = 'name' | 'rt' | 'da' | 'dart'
const DEMO: readonly Demo[] = ['name', 'rt', 'da', 'dart']
function Chooser() {
  const [chosen, setChosen] = useState<readonly Demo[]>(DEMO)
  return <ColumnChooser all={DEMO.map((id) => ({ id, name: id }))} chosen={chosen} shown={chosen.slice(0, 3)} standard={DEMO} choose={(next) => setChosen(next ?? DEMO)} />
}

export const STORIES: readonly Story[] = [
  { name: 'Buttons', show: () => <><button type="button" className="button primary">Primary</button><button type="button" className="button">Plain</button><button type="button" className="button small">Small</button><button type="button" className="button quiet">Quiet</button><button type="button" className="button" disabled>Disabled</button><div className="segmented" role="group" aria-label="Segmented"><button type="button" className="button small" aria-pressed="true">Chosen</button><button type="button" className="button small" aria-pressed="false">Other</button></div></> },
  { name: 'Fields', show: () => <><input className="input" aria-label="Empty field" placeholder="Placeholder" /><input className="input" aria-label="Filled field" defaultValue="HUB_NORTH" /><select className="input" aria-label="Choice"><option>SIM</option></select></> },
  { name: 'StatusPill', show: () => (['ok', 'warn', 'alarm', 'dim'] as const).map((tone) => <StatusPill key={tone} tone={tone}>{tone}</StatusPill>) },
  { name: 'AgeLabel', show: () => <>{[30, 900, 4000].map((age_s) => <AgeLabel key={age_s} instant={serverNow() - age_s * 1000} rule={RULE} />)}<AgeLabel instant={serverNow() + 60_000} rule={RULE} /><AgeLabel instant={Number.NaN} /></> },
  { name: 'InstantLabel', show: () => <><InstantLabel instant={START_S * 1000} market="SIM" seconds /><InstantLabel instant={Number.NaN} /></> },
  { name: 'Difference', show: () => [2.5, -2.5, 0, Number.NaN].map((value, index) => <Difference key={index} value={value} />) },
  { name: 'KeyFigure', show: () => <dl className="figures"><KeyFigure name="HUB_NORTH RT5" unit="USD/MWh" note={<Difference value={0.28} />}>30.27</KeyFigure><KeyFigure name="DA">–</KeyFigure></dl> },
  { name: 'Sparkline', show: () => <><Sparkline values={wander(48, 1)} /><Sparkline values={wander(48, 2, [20, 26])} /><Sparkline values={wander(48, 3).map((value) => value - 30)} /><Sparkline values={[]} /></> },
  { name: 'Loading', show: () => <Skeleton lines={4} /> },
  { name: 'Empty', show: () => <EmptyState title="No prices yet" action={<button type="button" className="button">Look at the feeds</button>}>What would be here, and the one action that fills it.</EmptyState> },
  { name: 'Error', show: () => <ProblemPanel problem={PROBLEM} retry={() => undefined} still="The other panels still work." /> },
  { name: 'Refused', show: () => <RefusedPanel missing={[{ market: 'SIM', product: 'prices', channel: 'hub' }]} /> },
  { name: 'JobProgress', show: () => <><JobProgress name="Simulated market: back-filling its past" job={{ progress: 0.42, done: 14_152, total: 33_696, eta_s: 35 }} /><JobProgress name="Estimate pending" job={{ progress: 0, done: 0, total: 100, eta_s: null }} /></> },
  { name: 'Popover, copy', show: () => <><Popover name="Example" buttonClass="button" button="Open">{(close) => <button type="button" className="button small" onClick={close}>Close</button>}</Popover><CopyButton text="copied" /></> },
  { name: 'ColumnChooser', show: () => <Chooser /> },
  { name: 'SnippetTabs', show: () => <SnippetTabs snippets={{ curl: 'curl "http://localhost:8600/v1/datasets"', python: 'import httpx' }} /> },
  { name: 'Icons', show: () => (['prices', 'status', 'datasets', 'access', 'search', 'theme', 'help', 'close', 'copy', 'star', 'clock', 'alert', 'lock', 'columns', 'logout'] as const).map((name) => <Icon key={name} name={name} />) },
  { name: 'Heat scale', show: () => Array.from({ length: 9 }, (_, step) => <span key={step} className={`swatch heat heat-${step}${step < 3 ? ' negative' : ''}`}>{step}</span>) },
  { name: 'TimeChart with a gap', wide: true, show: () => <Chart count={288} series={SERIES} linked="story" /> },
  { name: 'TimeChart of 100 000', wide: true, show: () => <Long /> },
  { name: 'As known at', show: () => <button type="button" className="button" onClick={() => setParams({ as_of: '2026-11-21T06:00:00Z' })}>Tint the frame</button> },
]
