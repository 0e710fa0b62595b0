"""Work that one of several processes does at a time, on PostgreSQL: whoever stalls or dies is followed by another."""

from __future__ import annotations

import contextlib
import queue
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import lone_worker
import pytest

from powerdesk.app import clock as app_clock
from servers import needed
from servers.postgres import Postgres
from servers.waiting import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
MIGRATIONS = HERE.parents[2] / "src/powerdesk/app/migrations"


class Workers:
    """Processes that ask for the same work, and what they say, in order."""

    def __init__(self, url: str, count: int) -> None:
        self.told: queue.Queue[tuple[str, int]] = queue.Queue()
        self.processes = [
            subprocess.Popen(  # noqa: S603 - a program beside this file
                [sys.executable, str(HERE / "lone_worker.py"), url],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(count)
        ]
        self.hearing = [threading.Thread(target=self._hear, args=(process,)) for process in self.processes]
        for thread in self.hearing:
            thread.start()

    def _hear(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout as lines:
            for word, who in map(str.split, lines):
                if word != "ready":
                    self.told.put((word, int(who)))

    def next(self) -> tuple[str, int]:
        """Return what is said next."""
        return self.told.get(timeout=PATIENCE_S)

    def process(self, who: int) -> subprocess.Popen[str]:
        """Return the process of that id."""
        return next(one for one in self.processes if one.pid == who)

    def other(self, who: int) -> int:
        """Return the id of the other process."""
        return next(one.pid for one in self.processes if one.pid != who)


@contextlib.contextmanager
def running(url: str) -> Iterator[Workers]:
    workers = Workers(url, 2)
    try:
        yield workers
    finally:
        for process in workers.processes:
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait(PATIENCE_S)
            assert process.stdin is not None
            process.stdin.close()
        for thread in workers.hearing:
            thread.join(PATIENCE_S)


@pytest.mark.services
def test_alone__one_process_works_and_another_follows_when_it_stalls_or_dies() -> None:
    server = needed.needed(Postgres, durable=False)
    from powerdesk.engines.scaled import records as scaled_records  # noqa: PLC0415 - an extra that a laptop may lack

    url = server.database(needed.namespace())
    records = scaled_records.PostgresRecords(url, clock=app_clock.SystemClock(), migrations=MIGRATIONS)
    records.migrate()
    records.close()
    with running(url) as workers:
        word, first = workers.next()
        assert word == "begin"
        second = workers.other(first)
        with pytest.raises(queue.Empty):  # longer than the lease: it is kept by words, and nobody else begins
            workers.told.get(timeout=lone_worker.LEASE_S + 1.0)

        workers.process(first).send_signal(signal.SIGSTOP)
        assert workers.next() == ("begin", second)
        workers.process(first).send_signal(signal.SIGCONT)
        assert workers.next() == ("end", first)

        workers.process(second).kill()
        assert workers.next() == ("begin", first)

        stdin = workers.process(first).stdin
        assert stdin is not None
        stdin.close()
        assert workers.next() == ("end", first)
        assert workers.process(first).wait(PATIENCE_S) == 0
