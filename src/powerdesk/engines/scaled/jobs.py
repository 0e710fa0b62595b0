"""Jobs of several schedulers on shared Records: the same leased table, one clock for all."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from powerdesk.engines import bookkeeping, columns, leased_jobs
from powerdesk.engines.ports import faults
from powerdesk.engines.ports import records as records_port
from powerdesk.kernel import clock as clocks

if TYPE_CHECKING:
    from datetime import datetime

    from powerdesk.engines.scaled.records import PostgresRecords
    from powerdesk.kernel.clock import Clock
    from powerdesk.kernel.ids import IdSource

TRUSTED_S = 30.0
"""A reading of the database's clock is carried on this long by the local steady clock."""
SURE_S = 0.25
"""A reading that took longer is not used while an earlier one can be carried on."""


@dataclass(frozen=True, slots=True)
class _Reading:
    """What the database's clock said when the local steady clock stood at `at_s`; wrong by at most `took_s` / 2."""

    at_s: float
    instant: datetime
    took_s: float

    def carried(self, to_s: float) -> datetime:
        return self.instant + timedelta(seconds=to_s - self.at_s)


class DatabaseClock:
    """The clock of the database, so that processes whose wall clocks differ agree on leases and ticks.

    It asks once per TRUSTED_S. The first readings need the database; when it is away later, the last is carried on.
    """

    def __init__(self, records: PostgresRecords, *, local: Clock) -> None:
        self._records = records
        self._local = local
        self._lock = threading.Lock()
        self._reading = min((self._ask() for _ in range(3)), key=lambda reading: reading.took_s)

    def now(self) -> datetime:
        """Return the present instant by the database's clock."""
        with self._lock:
            now_s = self._local.monotonic_s()
            if now_s - self._reading.at_s > TRUSTED_S:
                self._reading = self._newer(now_s)
            return self._reading.carried(self._local.monotonic_s())

    def monotonic_s(self) -> float:
        """Return the local steady clock."""
        return self._local.monotonic_s()

    def _newer(self, now_s: float) -> _Reading:
        carried = _Reading(at_s=now_s, instant=self._reading.carried(now_s), took_s=self._reading.took_s)
        try:
            asked = self._ask()
        except (faults.EngineUnavailableError, records_port.RecordsBusyError):
            return carried
        return carried if asked.took_s > SURE_S else asked

    def _ask(self) -> _Reading:
        with self._records.reader() as reader:
            before_s = self._local.monotonic_s()
            micros = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
            said = int(reader.connection.execute(sa.text(micros)).scalar_one())
            after_s = self._local.monotonic_s()
        instant = columns.EPOCH + timedelta(microseconds=said)
        return _Reading(at_s=(before_s + after_s) / 2, instant=instant, took_s=after_s - before_s)


def jobs_on(records: PostgresRecords, *, clock: Clock, ids: IdSource) -> leased_jobs.RecordsJobs:
    """Return Jobs on shared Records; leases and ticks go by the database's clock, `clock` only counts seconds.

    Where that was set back, they go on from the last start of a run, so that no process finds another's lease over.
    """
    common = clocks.Onward(DatabaseClock(records, local=clock))
    with records.reader() as reader:
        last = reader.connection.execute(sa.select(sa.func.max(bookkeeping.job_runs.c.started_at))).scalar()
    if last is not None:
        common.begin_after(last)
    return leased_jobs.RecordsJobs(records, clock=common, ids=ids)
