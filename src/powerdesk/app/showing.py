"""What `up` shows at a terminal while the simulated market makes its history."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

if TYPE_CHECKING:
    import threading

    from rich.console import Console

    from powerdesk.app.simfeed import SimFeed

LOOK_EVERY_S = 0.25
BEGINS_WITHIN_S = 30.0


def backfill(feed: SimFeed, stop: threading.Event, console: Console) -> None:
    """Show a bar with rate and time left until the history is complete or the desk stops."""
    if not feed.first_prices.wait(BEGINS_WITHIN_S):
        return
    columns = (
        TextColumn("simulated history"),
        BarColumn(),
        TextColumn("{task.completed:.0f} of {task.total:.0f} h"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("history", total=0.0)
        while not stop.wait(LOOK_EVERY_S):
            progress = feed.progress
            if progress is None:
                return
            bar.update(task, total=progress.total, completed=progress.done)
