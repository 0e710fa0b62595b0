"""The bar at the terminal while history is made."""

from __future__ import annotations

import io
import re
import threading
from dataclasses import dataclass, field

from rich.console import Console

from powerdesk.app import showing
from powerdesk.app.simfeed import BackfillProgress


@dataclass
class MakingHistory:
    """A feed that is half way, then done."""

    steps: list[BackfillProgress | None]
    first_prices: threading.Event = field(default_factory=threading.Event)

    @property
    def progress(self) -> BackfillProgress | None:
        """The next state."""
        return self.steps.pop(0)


def test_backfill__shows_hours_done_and_ends_with_the_history() -> None:
    feed = MakingHistory([BackfillProgress(done=0, total=48, eta_s=None), BackfillProgress(24, 48, 10.0), None])
    feed.first_prices.set()
    written = io.StringIO()
    terminal = Console(file=written, force_terminal=True, width=120)
    showing.backfill(feed, threading.Event(), terminal)  # type: ignore[arg-type]  # the two things it looks at
    assert "24 of 48 h" in re.sub(r"\x1b\[[0-9;]*m", "", written.getvalue())
    assert feed.steps == []
