import type { Feed } from './types'

/** A feed that works or sleeps until its hour; one that has never answered has yet to show that it does. */
export function isOk(feed: Feed): boolean {
  return feed.state === 'running' || (feed.state === 'waiting' && feed.last_ok_at !== null)
}
