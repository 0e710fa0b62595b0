import type { StreamStatus } from '@/lib/stream/protocol'
import { ageText } from '@/lib/time/format'

/** Return what keeps a followed page from being live, undefined when nothing does. */
export function standingWords(age_ms: number | undefined, rule: { stale_after_s: number } | undefined, stream: Pick<StreamStatus, 'phase' | 'reason'>): string | undefined {
  if (stream.phase === 'retrying') return `The stream is off (${stream.reason ?? 'no reason given'}). What is shown is the last that came.`
  if (age_ms === undefined || rule === undefined || age_ms <= rule.stale_after_s * 1000) return undefined
  return `The newest real-time interval ended ${ageText(age_ms)} ago. What stands as now was so then; Data status says why nothing newer came.`
}
