"""Work that one of several processes does at a time: a run of a job that lasts, held by its lease.

Every process that could do it asks for the run; the others take over within LEASE_S + 2 LOOK_EVERY_S of its end.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from powerdesk.engines.ports.jobs import JobSpec
from powerdesk.kernel.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from powerdesk.engines.ports.jobs import JobContext, Jobs

    Loop = Callable[[threading.Event], None]

log = logging.getLogger("powerdesk.app")

LEASE_S = 5.0
WORD_EVERY_S = 1.0
"""How often the process at work reports; one that is silent for LEASE_S has lost the run."""

LOOK_EVERY_S = 1.0
BACKOFF_S = 1.0
EVERY_SECOND = "* * * * * *"


def alone(work: Loop, *, name: str, jobs: Jobs) -> Loop:
    """Return a loop that does the work while this process holds the job's run, and waits for it otherwise.

    `jobs` is a scheduler of this work's own: nothing else may be defined on it. `work` returns soon after its event is
    set: when the process stops, or when the run may belong to another one.
    """

    def loop(stop: threading.Event) -> None:
        spec = JobSpec(name=name, cron=EVERY_SECOND, lease_s=LEASE_S, backoff_s=BACKOFF_S)
        jobs.define(spec, lambda context: _held(context, work, stop))
        while not stop.is_set():
            jobs.run_due()
            stop.wait(LOOK_EVERY_S)

    return loop


def _held(context: JobContext, work: Loop, stop: threading.Event) -> str:
    """Do the work until the process stops or the lease is lost; a thread beside it keeps the lease."""
    over, done = threading.Event(), threading.Event()

    def keep() -> None:
        while not (stop.wait(WORD_EVERY_S) or done.is_set()):
            try:
                context.report(0.0, "at work")
            except Problem as problem:  # the run is another's, or Records are away and it may soon be
                log.warning("work that one process does is left to another: %s", problem)
                break
        over.set()

    keeper = threading.Thread(target=keep, name="lease", daemon=True)
    keeper.start()
    try:
        work(over)
    except Exception:
        log.exception("work that one process does failed")
        raise
    finally:
        done.set()
        keeper.join()
    return "handed over"
