import type { ReactNode } from 'react'
import { clockText, ageText, instantText } from '@/lib/time/format'
import { useNow } from '@/lib/time/use-now'
import { useClock, useScope } from '@/lib/url/scope'

export type Tone = 'ok' | 'warn' | 'alarm' | 'dim'

/** A state by colour, shape and word: the word alone is enough. */
export function StatusPill({ tone, children }: { tone: Tone; children: ReactNode }) {
  const form = tone === 'dim' ? 'hollow' : tone === 'ok' ? '' : 'square'
  return <span className={`pill ${tone} ${form}`}><span>{children}</span></span>
}

export interface FreshnessRule {
  late_after_s: number
  stale_after_s: number
}

/** How old something may get: ok, late (warn), stale (alarm), by the dataset's own rule. */
export function ageTone(age_ms: number, rule: FreshnessRule | undefined): Tone {
  if (rule === undefined) return 'dim'
  if (age_ms > rule.stale_after_s * 1000) return 'alarm'
  return age_ms > rule.late_after_s * 1000 ? 'warn' : 'dim'
}

/** The age of `instant`, counting up once a second; as known at a past moment it stands still. An interval that has not ended is current. */
export function AgeLabel({ instant, rule }: { instant: number; rule?: FreshnessRule | undefined }) {
  const now = useNow()
  const { asOf } = useScope()
  if (!Number.isFinite(instant)) return <span className="dim">never</span>
  const age_ms = (asOf === undefined ? now : Date.parse(asOf)) - instant
  return <span className={`${ageTone(age_ms, rule)} nowrap`}>{age_ms < 0 ? 'current' : ageText(age_ms)}</span>
}

/** An instant with its zone, never without. */
export function InstantLabel({ instant, market, seconds = false }: { instant: number; market?: string | undefined; seconds?: boolean }) {
  const clock = useClock(market)
  if (!Number.isFinite(instant)) return <span className="dim">–</span>
  return <span className="nowrap">{instantText(clock.zone, instant, seconds)} <span className="dim">{clock.abbreviation}</span></span>
}

/** A time of day with its zone when it is today there, else with its date. */
export function TimeLabel({ instant, market }: { instant: number; market?: string | undefined }) {
  const clock = useClock(market)
  const now = useNow()
  if (!Number.isFinite(instant)) return <span className="dim">–</span>
  const near = Math.abs(now - instant) < 12 * 3_600_000
  return <span className="nowrap">{near ? clockText(clock.zone, instant) : instantText(clock.zone, instant)} <span className="dim">{clock.abbreviation}</span></span>
}

/** Says that the panel shows the past, and as of when. */
export function AsOfBadge({ market }: { market?: string | undefined }) {
  const { asOf } = useScope()
  if (asOf === undefined) return null
  return <span className="tag warn">as known at <InstantLabel instant={Date.parse(asOf)} market={market} seconds /></span>
}

/** One of the three to five numbers of a page's head. */
export function KeyFigure({ name, unit, children, note }: { name: string; unit?: string | undefined; children: ReactNode; note?: ReactNode }) {
  return (
    <div className="figure">
      <dt>{name}{unit === undefined ? null : <span className="unit">{unit}</span>}</dt>
      <dd><span className="value">{children}</span>{note === undefined ? null : <span className="note">{note}</span>}</dd>
    </div>
  )
}

export function PageHead({ title, figures, actions }: { title: string; figures?: ReactNode; actions?: ReactNode }) {
  return (
    <div className="page-head">
      <h1>{title}</h1>
      {figures === undefined ? null : <dl className="figures">{figures}</dl>}
      {actions === undefined ? null : <div className="actions">{actions}</div>}
    </div>
  )
}
