"""How long one outside call may still take."""

from __future__ import annotations

import time


class Deadline:
    """An instant of the machine's steady clock, used for nothing but time-outs."""

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds  # noqa: TID251 - a time-out of an outside call, never data

    @property
    def left_s(self) -> float:
        """Seconds left, 0 when it has passed."""
        return max(0.0, self._ends - time.monotonic())  # noqa: TID251 - as above
