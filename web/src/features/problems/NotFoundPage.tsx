import { Link } from '@/components/Link'
import { EmptyState } from '@/components/states'

export default function NotFoundPage({ rest }: { rest: string }) {
  return (
    <EmptyState title="No page has this address" action={<Link className="button" to="/prices">Live prices</Link>}>
      {rest} is none of the desk&rsquo;s pages. Ctrl-K finds pages, locations and commands.
    </EmptyState>
  )
}
