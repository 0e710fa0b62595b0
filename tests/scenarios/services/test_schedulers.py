"""Two schedulers whose wall clocks differ by more than a lease work on one table of PostgreSQL."""

from __future__ import annotations

import itertools
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from powerdesk.app import clock as app_clock
from powerdesk.engines import bookkeeping
from powerdesk.engines.ports.jobs import JobSpec, JobState
from servers import needed
from servers.postgres import Postgres
from servers.waiting import PATIENCE_S, until

HERE = Path(__file__).parent
MIGRATIONS = HERE.parents[2] / "src/powerdesk/app/migrations"
RUNS = 8
HOUR = timedelta(hours=1)


@pytest.mark.services
def test_schedulers__with_skewed_clocks_never_run_one_job_twice_at_once() -> None:
    server = needed.needed(Postgres, durable=False)
    from powerdesk.engines.scaled import jobs as scaled_jobs  # noqa: PLC0415 - an extra that a laptop may lack
    from powerdesk.engines.scaled import records as scaled_records  # noqa: PLC0415 - as above

    url = server.database(needed.namespace())
    clock = app_clock.SystemClock()
    records = scaled_records.PostgresRecords(url, clock=clock, migrations=MIGRATIONS)
    records.migrate()
    jobs = scaled_jobs.jobs_on(records, clock=clock, ids=app_clock.RandomIds())
    jobs.define(JobSpec("asked"), lambda _: "")
    asked = {jobs.trigger("asked") for _ in range(RUNS)}
    lines = both(url)
    history = jobs.history(limit=1000)
    records.close()

    spans = spans_of(lines)
    assert {run.run_id for run in history if run.state is JobState.DONE} >= asked
    assert {run.attempt for run in history if run.state is JobState.DONE} == {1}
    assert all(len(found) == 1 for found in spans.values()), "a run was executed twice"
    assert set(spans) >= asked
    ticks = sorted((begin, end) for run, ((begin, end),) in spans.items() if run not in asked)
    assert len(ticks) > 1
    assert all(end <= begin for (_, end), (begin, _) in itertools.pairwise(ticks)), "ticks overlapped"


@pytest.mark.services
def test_a_scheduler__that_starts_after_the_database_clock_was_set_back_goes_on_from_the_last_run() -> None:
    server = needed.needed(Postgres, durable=False)
    from powerdesk.engines.scaled import jobs as scaled_jobs  # noqa: PLC0415 - an extra that a laptop may lack
    from powerdesk.engines.scaled import records as scaled_records  # noqa: PLC0415 - as above

    clock, ids = app_clock.SystemClock(), app_clock.RandomIds()
    records = scaled_records.PostgresRecords(server.database(needed.namespace()), clock=clock, migrations=MIGRATIONS)
    records.migrate()
    before = scaled_jobs.jobs_on(records, clock=clock, ids=ids)
    before.define(JobSpec("work"), lambda _: "")
    before.trigger("work")
    before.run_due()
    runs = bookkeeping.job_runs
    with records.unit() as unit:  # as if the clock had told an hour more then
        unit.connection.execute(sa.update(runs).values(started_at=clock.now() + HOUR))
    (last,) = before.history()
    after = scaled_jobs.jobs_on(records, clock=clock, ids=ids)
    after.define(JobSpec("ticking", cron="* * * * *"), lambda _: "")
    next_due = after.next_due()
    records.close()
    assert last.started_at is not None
    assert next_due is not None
    assert last.started_at < next_due <= last.started_at + HOUR


def both(url: str) -> list[str]:
    """Let two skewed schedulers work until the asked runs are done; return all they wrote."""
    processes = [
        subprocess.Popen(  # noqa: S603 - a program beside this file
            [sys.executable, str(HERE / "scheduler.py"), url, skew_s],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for skew_s in ("-60", "60")
    ]
    lines: list[str] = []
    readers = [threading.Thread(target=lambda out=process.stdout: lines.extend(out)) for process in processes]
    for reader in readers:
        reader.start()
    until(lambda: sum(line.startswith("end") for line in lines) >= RUNS + 4, what="the end of the asked runs")
    for process in processes:
        assert process.stdin is not None
        process.stdin.close()
    for process, reader in zip(processes, readers, strict=True):
        assert process.wait(PATIENCE_S) == 0
        reader.join()
        assert process.stdout is not None
        process.stdout.close()
    assert lines.count("ready\n") == len(processes)
    return lines


def spans_of(lines: list[str]) -> dict[str, list[tuple[float, float]]]:
    """Return from when to when each run was executed, once for each execution."""
    begun: dict[str, list[float]] = {}
    ended: dict[str, list[float]] = {}
    for words in (line.split() for line in lines):
        if words[0] in {"start", "end"}:
            (begun if words[0] == "start" else ended).setdefault(words[1], []).append(float(words[2]))
    return {run: list(zip(sorted(starts), sorted(ended.get(run, [])), strict=True)) for run, starts in begun.items()}
