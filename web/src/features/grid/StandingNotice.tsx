import { useDataset } from '@/lib/api/queries'
import { standingWords } from '@/lib/grid/standing'
import { useStreamStatus } from '@/lib/stream/stream-context'
import { useNow } from '@/lib/time/use-now'
import { useScope } from '@/lib/url/scope'

/** Says when what is followed is no longer live: the stream is off, or the newest interval is older than the dataset's rule allows. */
export function StandingNotice({ newestEnd }: { newestEnd: number | undefined }) {
  const { asOf } = useScope()
  const stream = useStreamStatus()
  const rule = useDataset('markets.prices')?.freshness
  const now = useNow()
  const words = asOf === undefined ? standingWords(newestEnd === undefined ? undefined : now - newestEnd, rule, stream) : undefined
  return words === undefined ? null : <p className="grid-notice" role="status">{words}</p>
}
