"""What jobs, handlers and writes of markets work with, put together once by app."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from powerdesk.kernel import problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from powerdesk.engines.ports.objects import Objects
    from powerdesk.engines.ports.records import Records
    from powerdesk.kernel.clock import Clock
    from powerdesk.markets.feeds import FeedSpec
    from powerdesk.markets.fetching import Fetcher
    from powerdesk.store.queries import Store


class UnknownFeedError(problem.Problem):
    """There is no feed of that id."""

    status = 404
    slug = "unknown-feed"
    title = "No such feed"


@dataclass(frozen=True, slots=True)
class Services:
    """What jobs and handlers work with; `app` makes one. `fetcher` may be None where nothing is fetched."""

    records: Records
    objects: Objects
    store: Store
    clock: Clock
    feeds: Mapping[str, FeedSpec]
    fetcher: Fetcher | None = None

    def feed(self, feed_id: str) -> FeedSpec:
        """Return the feed; raise UnknownFeedError naming those there are."""
        found = self.feeds.get(feed_id)
        if found is None:
            raise UnknownFeedError(
                found=f"feed {feed_id!r}", allowed=", ".join(sorted(self.feeds)), remedy="choose one of these"
            )
        return found
