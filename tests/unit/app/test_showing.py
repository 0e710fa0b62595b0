"""The bar at the terminal while history is made."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from powerdesk.app import showing
from powerdesk.app.simfeed import BackfillProgress

if TYPE_CHECKING:
    import pytest


@dataclass
class MakingHistory:
    """A feed that is half way, then done."""

    steps: list[BackfillProgress | None]
    first_prices: threading.Event = field(default_factory=threading.Event)

    @property
    def progress(self) -> BackfillProgress | None:
        """The next state."""
        return self.steps.pop(0)


def test_backfill__shows_hours_done_and_ends_with_the_history(capsys: pytest.CaptureFixture[str]) -> None:
    feed = MakingHistory([BackfillProgress(done=0, total=48, eta_s=None), BackfillProgress(24, 48, 10.0), None])
    feed.first_prices.set()
    showing.backfill(feed, threading.Event())  # type: ignore[arg-type]  # the two things it looks at
    assert "of 48 h" in capsys.readouterr().err
    assert feed.steps == []
