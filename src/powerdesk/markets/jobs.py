"""Schedule -> operation: poll a report, back-fill a range, ask again for gaps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from powerdesk.kernel import intervals
from powerdesk.markets import planner, queries
from powerdesk.markets.operations import receiving
from powerdesk.markets.types import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import timedelta

    from powerdesk.markets.feeds import FeedSpec
    from powerdesk.markets.operations.services import Services
    from powerdesk.markets.types import Request

POLL, BACKFILL, REFILL = "markets.poll", "markets.backfill", "markets.refill"
REFILL_CRON = "17 * * * *"
MAX_REFILL_REQUESTS = 60
FORGOTTEN_AT_ONCE = 200
_HOUR_MINUTES = 60


def poll_jobs(feed: FeedSpec) -> Mapping[str, str]:
    """Return report id -> UTC cron expression of its polls."""
    return {report.id: _cron(int(report.cadence.total_seconds() // 60)) for report in feed.reports}


def _cron(minutes: int) -> str:
    if minutes >= _HOUR_MINUTES:
        return f"7 */{minutes // _HOUR_MINUTES} * * *"
    return f"*/{minutes} * * * *"


def poll(services: Services, *, feed_id: str, report_id: str) -> str:
    """Fetch what a report should have by now; return a closing sentence."""
    feed = services.feed(feed_id)
    with services.records.reader() as reader:
        if queries.paused(reader, feed_id=feed_id):
            return f"{feed_id} is paused"
    requests = planner.poll(feed, feed.report(report_id), now=services.clock.now())
    return _run(services, feed, requests, progress=_silent, cancelled=_never)


def backfill(
    services: Services,
    *,
    arguments: Mapping[str, str],
    progress: Callable[[float, str], None],
    cancelled: Callable[[], bool],
) -> str:
    """Fetch a range, oldest first. `arguments`: feed, start, end (RFC 3339), optional reports (comma-separated)."""
    feed = services.feed(arguments["feed"])
    reports = tuple(name for name in arguments.get("reports", "").split(",") if name)
    start, end = (intervals.parse_instant(arguments[name]) for name in ("start", "end"))
    requests = planner.backfill(feed, reports=reports, start=start, end=end, now=services.clock.now())
    return _run(services, feed, requests, progress=progress, cancelled=cancelled)


def refill(
    services: Services, *, feed_id: str, progress: Callable[[float, str], None], cancelled: Callable[[], bool]
) -> str:
    """Ask again for open gaps where that may help, at most sixty requests at a time."""
    feed = services.feed(feed_id)
    with services.records.reader() as reader:
        if queries.paused(reader, feed_id=feed_id):
            return f"{feed_id} is paused"
        known = queries.open_gaps(reader, market=feed.market)
    requests = planner.refill(feed, open_gaps=[(one.gap, one.since) for one in known], now=services.clock.now())
    return _run(services, feed, requests[:MAX_REFILL_REQUESTS], progress=progress, cancelled=cancelled)


def forget_payloads(services: Services, *, keep: timedelta, cancelled: Callable[[], bool]) -> int:
    """Delete raw payloads that were received longer ago than `keep`; return how many."""
    before, gone = services.clock.now() - keep, 0
    while not cancelled() and (count := receiving.forget(services, before=before, limit=FORGOTTEN_AT_ONCE)):
        gone += count
    return gone


def _run(
    services: Services,
    feed: FeedSpec,
    requests: Sequence[Request],
    *,
    progress: Callable[[float, str], None],
    cancelled: Callable[[], bool],
) -> str:
    """Fetch one after the other; a failed request becomes gaps with its reason and the next one is tried."""
    fetch, fetcher = feed.fetch, services.fetcher
    if fetch is None or fetcher is None:
        return f"{feed.id} is not fetched"
    outcomes: dict[str, int] = {}
    for position, request in enumerate(requests, start=1):
        if cancelled():
            outcomes["cancelled"] = len(requests) - position + 1
            break
        fetched = fetch(fetcher, request)
        with services.records.unit() as unit:
            receiving.take(unit, services, feed=feed, fetched=fetched)
        outcomes[fetched.outcome.value] = outcomes.get(fetched.outcome.value, 0) + 1
        progress(position / len(requests), f"{position} of {len(requests)} requests")
    told = ", ".join(f"{count} {name}" for name, count in sorted(outcomes.items())) or "nothing to ask"
    return f"{feed.id}: {told}" if outcomes.keys() - {Outcome.OK.value} else f"{feed.id}: all ok, {told}"


def _silent(share: float, text: str) -> None:
    del share, text


def _never() -> bool:
    return False
