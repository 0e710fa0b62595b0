import type { Backfill } from '@/lib/api/types'
import { countText } from '@/lib/units/format'

/** A bar with what is done, how fast and how long it still takes. */
export function JobProgress({ name, job }: { name: string; job: Backfill }) {
  const rate = job.eta_s !== null && job.eta_s > 0 ? (job.total - job.done) / job.eta_s : null
  return (
    <div className="progress">
      <progress value={job.progress} max={1} aria-label={name} />
      <div className="words">
        <strong>{name}</strong>
        <span>{Math.floor(job.progress * 100)}%</span>
        <span>{countText(job.done)} of {countText(job.total)}</span>
        {rate === null ? null : <span>{countText(Math.round(rate))}/s</span>}
        {job.eta_s === null ? null : <span>{job.eta_s < 90 ? `${Math.ceil(job.eta_s)} s` : `${Math.ceil(job.eta_s / 60)} min`} left</span>}
      </div>
    </div>
  )
}
