"""What a desk does by itself: retention as set, done once a day and told in the audit log."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import running_desk
import sqlalchemy as sa
from running_desk import prices

from powerdesk.access import tables as access_tables
from powerdesk.app import dependencies, housekeeping, registry, settings
from powerdesk.engines.ports.jobs import JobState
from powerdesk.store import jobs as store_jobs
from servers.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from running_desk import RunningDesk

    from powerdesk.engines.ports.jobs import JobRun


def said(served: RunningDesk) -> list[str]:
    """Run the retention now and return what this run and all before it said; the schedule runs it too, when due."""
    jobs = served.desk.engines.jobs
    jobs.trigger(store_jobs.RETAIN)

    def ended() -> list[JobRun]:
        runs = jobs.history(name=store_jobs.RETAIN)
        return [] if {run.state for run in runs} & {JobState.WAITING, JobState.RUNNING} else list(runs)

    return [str(run.message) for run in until(ended, what="retention")]


def entries(served: RunningDesk) -> list[tuple[str, str]]:
    table = access_tables.audit_log.c
    with served.desk.engines.records.reader() as reader:
        found = sa.select(table.principal, table.detail).where(table.action == store_jobs.RETAIN)
        return [(row.principal, str(row.detail)) for row in reader.connection.execute(found)]


def test_retention__forgets_what_the_settings_say_and_is_audited(tmp_path: Path) -> None:
    chosen = {"rows_days": {"markets.prices": 31}, "payload_days": 10, "log_days": 1}
    with running_desk.running(tmp_path, retention=chosen) as served:
        served.accept(prices("SIM", "A"))
        described = served.operator().get("/v1/datasets/markets.prices").json()
        assert described["retention_s"] == timedelta(days=31).total_seconds()
        assert (said(served), entries(served)) == (["nothing is old enough"], [])
        served.clock.move(timedelta(days=70))
        whole = said(served)
        assert whole.count("markets.prices: 2 rows, 0 lineages no longer reproducible") == 1
        assert whole.count("nothing is old enough") == len(whole) - 1
        ((principal, detail),) = entries(served)
        assert principal == "system"
        assert "2 rows" in detail
        assert served.operator().get("/v1/datasets/markets.prices/rows").json()["count"] == 0
        assert served.operator().get("/v1/audit/verify").json()["intact"] is True


def test_retention__of_a_dataset_that_does_not_exist_is_refused() -> None:
    given = settings.load({"retention": {"rows_days": {"markets.price": 400}}}, environment={})
    with pytest.raises(settings.SettingsError, match=r"markets\.price\b"):
        housekeeping.kept(registry.DATASETS, given.retention)


def test_retention__is_read_from_the_environment() -> None:
    found = settings.load(environment={"POWERDESK_RETENTION__ROWS_DAYS": '{"markets.load": 400}'})
    assert housekeeping.kept(registry.DATASETS, found.retention)["markets.load"].retention == timedelta(days=400)
    for wrong in ('{"markets.load": 30}', "{", "[]"):
        with pytest.raises(settings.SettingsError, match=r"rows_days"):
            settings.load(environment={"POWERDESK_RETENTION__ROWS_DAYS": wrong})


def test_every_topic__has_its_readers_named(tmp_path: Path) -> None:
    with running_desk.running(tmp_path) as served:
        served.accept(prices("SIM", "A"))
        for folder in (tmp_path / "bus").iterdir():
            groups = {path.stem for path in folder.glob("*.group")}
            assert groups <= set(housekeeping.READERS[folder.name])


def test_dependencies__are_those_of_the_desk_and_no_tools() -> None:
    found = dict(text.split("==") for text in dependencies.installed())
    assert {"pyarrow", "duckdb", "sqlalchemy", "numpy"} <= set(found)
    assert not {"pytest", "ruff", "powerdesk"} & set(found)
    assert len(dependencies.fingerprint()) == 64
