"""What a desk does by itself beside polling: calculations whose inputs changed, and forgetting what is old."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from powerdesk.access import events as access_events
from powerdesk.app.settings import SettingsError
from powerdesk.delivery import downloads
from powerdesk.engines.ports.jobs import JobSpec
from powerdesk.grid import operations as grid_operations
from powerdesk.markets import events as market_events
from powerdesk.markets import handlers as market_handlers
from powerdesk.markets import jobs as market_jobs
from powerdesk.store import events, handlers
from powerdesk.store import jobs as store_jobs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from powerdesk.app.settings import RetentionSettings
    from powerdesk.engines.ports.jobs import JobContext, Jobs
    from powerdesk.markets.operations.services import Services
    from powerdesk.store.dataset import Dataset
    from powerdesk.store.lineage import Calculation
    from powerdesk.store.queries import Store

LEASE_S = 600.0
LOOK_EVERY_S = 2.0
READERS: dict[str, tuple[str, ...]] = {
    events.BATCHES_TOPIC: (handlers.GROUP,),
    events.COMMITTED_TOPIC: (),  # heard by whoever runs, from its end
    market_events.PAYLOAD_RECEIVED_TOPIC: (market_handlers.GROUP,),
    access_events.CHANGED_TOPIC: (),  # so is this one
}
"""Topic -> the groups that must have done a message before it may be forgotten."""


def kept(datasets: Iterable[Dataset], retention: RetentionSettings) -> dict[str, Dataset]:
    """Return the datasets by id with the retention that the settings give them, if they do."""
    found = {dataset.id: dataset for dataset in datasets}
    unknown = sorted(set(retention.rows_days) - set(found))
    if unknown:
        raise SettingsError(
            found=f"retention.rows_days names {', '.join(unknown)}",
            allowed=", ".join(sorted(found)),
            remedy="name datasets that exist",
        )
    given = {name: timedelta(days=days) for name, days in retention.rows_days.items()}
    return {name: replace(one, retention=given.get(name, one.retention)) for name, one in found.items()}


def define(
    services: Services,
    jobs: Jobs,
    retention: RetentionSettings,
    *,
    hubs: Callable[[], Mapping[str, Sequence[str]]],
    note: Callable[[str, Mapping[str, str]], None],
    stopping: Callable[[], bool],
) -> None:
    """Register the scheduled calculations, the daily retention, and the end of downloads.

    `hubs` tells the hubs of each market, `note` writes what went to the audit log.
    """
    for calculation in services.store.calculations.values():
        if calculation.schedule is not None:
            spec = JobSpec(name=store_jobs.job_name(calculation), cron=calculation.schedule.cron, lease_s=LEASE_S)
            jobs.define(spec, _calculate(services.store, calculation, stopping))
    define_grid(services.store, jobs, hubs=hubs, stopping=stopping)
    spec = JobSpec(name=store_jobs.RETAIN, cron=store_jobs.RETAIN_CRON, lease_s=LEASE_S)
    jobs.define(spec, _retain(services, retention, note))

    def forget_downloads(context: JobContext) -> str:
        return f"{downloads.forget(services.store, cancelled=context.cancelled)} files of expired links deleted"

    jobs.define(JobSpec(name=downloads.FORGET, cron=downloads.FORGET_CRON, lease_s=LEASE_S), forget_downloads)


def _calculate(store: Store, calculation: Calculation, stopping: Callable[[], bool]) -> Callable[[JobContext], str]:
    def work(context: JobContext) -> str:
        def cancelled() -> bool:
            return stopping() or context.cancelled()

        return store_jobs.calculate(store, name=calculation.name, progress=context.report, cancelled=cancelled)

    return work


def define_grid(
    store: Store, jobs: Jobs, *, hubs: Callable[[], Mapping[str, Sequence[str]]], stopping: Callable[[], bool]
) -> None:
    """Register the issue of forecasts and the surfaces."""

    def forecast(context: JobContext) -> str:
        return grid_operations.record_forecasts(store, cancelled=lambda: stopping() or context.cancelled())

    def surfaces(context: JobContext) -> str:
        return grid_operations.record_surfaces(store, hubs=hubs(), cancelled=lambda: stopping() or context.cancelled())

    for name, cron, work in (
        (grid_operations.FORECAST, grid_operations.FORECAST_CRON, forecast),
        (grid_operations.SURFACES, grid_operations.SURFACES_CRON, surfaces),
    ):
        jobs.define(JobSpec(name=name, cron=cron, lease_s=LEASE_S), work)


def _retain(
    services: Services, retention: RetentionSettings, note: Callable[[str, Mapping[str, str]], None]
) -> Callable[[JobContext], str]:
    def work(context: JobContext) -> str:
        gone = store_jobs.forget_rows(services.store)
        context.report(0.3, "rows looked at")
        if retention.payload_days is not None:
            keep = timedelta(days=retention.payload_days)
            payloads = market_jobs.forget_payloads(services, keep=keep, cancelled=context.cancelled)
            gone |= {"payloads": f"{payloads} payloads"} if payloads else {}
        context.report(0.6, "payloads looked at")
        gone |= store_jobs.forget_log(services.store, readers=READERS, keep=timedelta(days=retention.log_days))
        if gone:
            note(store_jobs.RETAIN, gone)
        return "; ".join(f"{name}: {what}" for name, what in gone.items()) or "nothing is old enough"

    return work
