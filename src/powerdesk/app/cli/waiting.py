"""Wait for a job with a bar, its rate and the time left."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from powerdesk.app.cli.connection import Reached

ENDED = frozenset({"done", "failed", "cancelled"})
LOOK_EVERY_S = 0.5


def job(desk: Reached, run_id: str) -> dict[str, Any]:
    """Return the run once it has ended; the bar goes to standard error and leaves pipes clean."""
    pause = threading.Event()
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>5.1f}%"),
               TimeElapsedColumn(), TimeRemainingColumn())  # fmt: skip
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("waiting", total=1.0)
        while True:
            run = _run(desk, run_id)
            progress.update(task, completed=run["progress"] or 0.0, description=run["message"][:60] or run["state"])
            if run["state"] in ENDED:
                return run
            pause.wait(LOOK_EVERY_S)


def _run(desk: Reached, run_id: str) -> dict[str, Any]:
    runs: list[dict[str, Any]] = desk.get("/v1/jobs", run_id=run_id)["jobs"]
    return runs[0]
