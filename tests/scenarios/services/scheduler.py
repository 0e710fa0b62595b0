"""A scheduler as a process: `python scheduler.py URL SKEW_S NAME`; its wall clock is wrong by SKEW_S seconds.

It defines two jobs on the records at URL, says `ready`, works until its standard input ends, and writes one line
`start|end RUN_ID SECONDS` for every run that it executes (seconds on the machine's steady clock).
"""

from __future__ import annotations

import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from powerdesk.app import clock as app_clock
from powerdesk.engines.ports.jobs import JobContext, JobSpec
from powerdesk.engines.scaled import jobs as scaled_jobs
from powerdesk.engines.scaled import records as scaled_records

MIGRATIONS = Path(__file__).parents[3] / "src/powerdesk/app/migrations"
LEASE_S, WORK_S = 30.0, 0.7
"""The skew is longer than the lease: by the worker's own clock every run of the other would be over."""


class SkewedClock:
    """The machine's clock, wrong by a fixed time."""

    def __init__(self, skew_s: float) -> None:
        self.skew = timedelta(seconds=skew_s)

    def now(self) -> datetime:
        """Return a wrong instant."""
        return datetime.now(tz=UTC) + self.skew  # noqa: TID251 - this program has a clock of its own

    def monotonic_s(self) -> float:
        """Return the steady clock, which knows no skew."""
        return time.monotonic()  # noqa: TID251 - as above


def say(*words: object) -> None:
    """Write one line at once."""
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def work(context: JobContext) -> str:
    """Work a while without a word."""
    say("start", context.run_id, time.monotonic())  # noqa: TID251 - as above
    threading.Event().wait(WORK_S)
    say("end", context.run_id, time.monotonic())  # noqa: TID251 - as above
    return "done"


def main() -> None:
    """Schedule until standard input ends."""
    url, skew_s = sys.argv[1], float(sys.argv[2])
    clock = SkewedClock(skew_s)
    records = scaled_records.PostgresRecords(url, clock=clock, migrations=MIGRATIONS)
    jobs = scaled_jobs.jobs_on(records, clock=clock, ids=app_clock.RandomIds())
    jobs.define(JobSpec("asked", lease_s=LEASE_S), work)
    jobs.define(JobSpec("ticking", cron="* * * * * *", lease_s=LEASE_S), work)
    over = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()
    say("ready")
    while not over.wait(0.02):
        jobs.run_due()
    records.close()


if __name__ == "__main__":
    main()
