import { useQuery } from '@tanstack/react-query'
import { QueryStates } from '@/components/states'
import { getText } from '@/lib/api/client'
import { Markdown } from './markdown'
import './problems.css'

/** What a kind of problem means and what to do, as the server tells it. */
export default function ProblemPage({ rest: slug }: { rest: string }) {
  const query = useQuery({ queryKey: ['problem', slug], queryFn: ({ signal }) => getText(`/docs/problems/${encodeURIComponent(slug)}`, signal), staleTime: Infinity })
  return <div className="page-scroll"><QueryStates query={query} lines={6}>{(text) => <Markdown text={text} />}</QueryStates></div>
}
