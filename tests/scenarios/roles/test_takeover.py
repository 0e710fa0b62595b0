"""Two whole ingest processes on one set of servers: one makes the simulated market, and when it dies the other does."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

import cluster
import pytest
import sqlalchemy as sa

from powerdesk.app import alone, desk, engines
from powerdesk.app import clock as app_clock
from powerdesk.engines import bookkeeping
from powerdesk.markets import tables
from servers import base
from servers.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from powerdesk.engines.ports.records import Records

pytestmark = [pytest.mark.services, pytest.mark.slow]
DAYS = "30"
"""Of history: more than is made before the first process is killed, whatever the machine."""
LONGER_S = 3 * alone.LOOK_EVERY_S
_pause = threading.Event()


@contextlib.contextmanager
def records_of(settings: dict[str, str]) -> Iterator[Records]:
    from powerdesk.engines.scaled import records as scaled_records  # noqa: PLC0415 - an extra that a laptop may lack

    found = scaled_records.PostgresRecords(
        settings["POWERDESK_RECORDS__URL"], clock=app_clock.SystemClock(), migrations=engines.MIGRATIONS
    )
    try:
        yield found
    finally:
        found.close()


def made(records: Records) -> set[str]:
    """Return the hashes of the simulated market's files."""
    files = sa.select(tables.payloads.c.sha256).where(tables.payloads.c.feed == "sim")
    with records.unit() as unit:
        return set(unit.connection.execute(files).scalars())


def at_work(records: Records) -> str | None:
    """Return who holds the run that makes the simulated market."""
    runs = bookkeeping.job_runs.c
    holders = sa.select(runs.lease_owner).where(runs.name == desk.SIM_JOB, runs.state == "running")
    with records.unit() as unit:
        return unit.connection.execute(holders).scalar_one_or_none()


def test_sim__is_made_by_one_ingest_process_and_by_the_other_when_that_one_is_killed(tmp_path: Path) -> None:
    settings = {**cluster.engines(), "POWERDESK_FEEDS": "sim", "POWERDESK_SIM__BACKFILL_DAYS": DAYS}
    first, second = (
        cluster.Process("ingest", tmp_path / name, base.free_port(), settings) for name in ("first", "second")
    )
    try:
        first.start()
        first.await_ready()
        with records_of(settings) as records:
            until(lambda: bool(made(records)), what="the first process making SIM")
            holder = at_work(records)
            second.start()
            second.await_ready()
            _pause.wait(LONGER_S)
            assert at_work(records) == holder is not None
            first.kill()
            before = made(records)
            until(lambda: at_work(records) not in (None, holder), what="the second process taking over")
            until(lambda: made(records) > before, what="the second process making SIM")
    finally:
        for process in (first, second):
            process.end()
