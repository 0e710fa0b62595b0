"""Work that one of several processes does, as a process: `python lone_worker.py URL`.

It says `ready`, then `begin` and `end` with its process id whenever the work is given to it and taken from it, and
ends with its standard input.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

from powerdesk.app import alone, engines
from powerdesk.app import clock as app_clock
from powerdesk.engines.scaled import records as scaled_records

LEASE_S = 8.0
"""Long enough for the worker to be held up by a busy machine and still report in time."""
MIGRATIONS = Path(__file__).parents[3] / "src/powerdesk/app/migrations"


def say(word: str) -> None:
    """Write one line at once."""
    sys.stdout.write(f"{word} {os.getpid()}\n")
    sys.stdout.flush()


def work(over: threading.Event) -> None:
    """Hold the work until it is taken away."""
    say("begin")
    over.wait()
    say("end")


def main() -> None:
    """Ask for the work until standard input ends."""
    alone.LEASE_S = LEASE_S
    clock, ids = app_clock.SystemClock(), app_clock.RandomIds()
    records = scaled_records.PostgresRecords(sys.argv[1], clock=clock, migrations=MIGRATIONS)
    loop = alone.alone(work, name="lone", jobs=engines.scheduler(records, clock=clock, ids=ids))
    stop = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
    say("ready")
    loop(stop)
    records.close()


if __name__ == "__main__":
    main()
