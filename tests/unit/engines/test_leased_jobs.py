"""What is the job table's own in Jobs: finished runs are kept in a bounded number."""

# ruff: noqa: D102 - the methods of a test clock are described by the port
from __future__ import annotations

import itertools
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from powerdesk.engines import leased_jobs
from powerdesk.engines.embedded import records as embedded_records
from powerdesk.engines.ports.jobs import JobSpec

if TYPE_CHECKING:
    import pytest

MIGRATIONS = Path(__file__).parents[3] / "src/powerdesk/app/migrations"


class StillClock:
    """Stands still."""

    def now(self) -> datetime:
        return datetime(2026, 3, 1, tzinfo=UTC)

    def monotonic_s(self) -> float:
        return 5.0


class CountingIds:
    """Counts."""

    def __init__(self) -> None:
        self.counter = itertools.count(1)

    def new(self, prefix: str) -> str:
        return f"{prefix}_{next(self.counter)}"


def test_history__keeps_the_newest_finished_runs_of_each_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leased_jobs, "KEPT_RUNS", 3)
    records = embedded_records.SqliteRecords(tmp_path / "r.sqlite", clock=StillClock(), migrations=MIGRATIONS)
    records.migrate()
    jobs = leased_jobs.RecordsJobs(records, clock=StillClock(), ids=CountingIds())
    jobs.define(JobSpec("often"), lambda _: "done")
    jobs.define(JobSpec("seldom"), lambda _: "done")
    seldom = jobs.trigger("seldom")
    often = [jobs.trigger("often") for _ in range(6)]
    assert jobs.run_due() == 7
    assert [run.run_id for run in jobs.history()] == [*often[:2:-1], seldom]
    records.close()
