"""What a desk does by itself beside polling: calculations whose inputs changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from powerdesk.engines.ports.jobs import JobSpec
from powerdesk.store import jobs as store_jobs

if TYPE_CHECKING:
    from collections.abc import Callable

    from powerdesk.engines.ports.jobs import JobContext, Jobs
    from powerdesk.store.lineage import Calculation
    from powerdesk.store.queries import Store

LEASE_S = 600.0
LOOK_EVERY_S = 2.0


def define(store: Store, jobs: Jobs) -> None:
    """Register the scheduled calculations."""
    for calculation in store.calculations.values():
        if calculation.schedule is not None:
            spec = JobSpec(name=store_jobs.job_name(calculation), cron=calculation.schedule.cron, lease_s=LEASE_S)
            jobs.define(spec, _calculate(store, calculation))


def _calculate(store: Store, calculation: Calculation) -> Callable[[JobContext], str]:
    def work(context: JobContext) -> str:
        return store_jobs.calculate(store, name=calculation.name, progress=context.report, cancelled=context.cancelled)

    return work
