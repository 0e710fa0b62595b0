"""The jobs of the feeds: polls by schedule, refills of gaps, back-fills when asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from powerdesk.engines.ports.jobs import JobSpec
from powerdesk.markets import jobs

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from powerdesk.engines.ports.jobs import JobContext, Jobs
    from powerdesk.markets.operations.services import Services

LEASE_S = 600.0


def define(services: Services, engine: Jobs, *, running: Collection[str]) -> None:
    """Register the jobs of the feeds that run; others have no schedule."""
    for feed in services.feeds.values():
        if feed.id not in running or feed.fetch is None:
            continue
        for report, cron in jobs.poll_jobs(feed).items():
            name = f"{jobs.POLL}.{feed.id}.{report}"
            engine.define(JobSpec(name=name, cron=cron, lease_s=LEASE_S), _poll(services, feed.id, report))
        spec = JobSpec(name=f"{jobs.REFILL}.{feed.id}", cron=jobs.REFILL_CRON, lease_s=LEASE_S)
        engine.define(spec, _refill(services, feed.id))
    engine.define(JobSpec(name=jobs.BACKFILL, lease_s=LEASE_S), _backfill(services))


def _poll(services: Services, feed_id: str, report_id: str) -> Callable[[JobContext], str]:
    def work(context: JobContext) -> str:
        del context
        return jobs.poll(services, feed_id=feed_id, report_id=report_id)

    return work


def _refill(services: Services, feed_id: str) -> Callable[[JobContext], str]:
    def work(context: JobContext) -> str:
        return jobs.refill(services, feed_id=feed_id, progress=context.report, cancelled=context.cancelled)

    return work


def _backfill(services: Services) -> Callable[[JobContext], str]:
    def work(context: JobContext) -> str:
        return jobs.backfill(
            services, arguments=context.arguments, progress=context.report, cancelled=context.cancelled
        )

    return work
