"""The time that a search may take, by a clock of its caller's: seconds of the wall unless another is given."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

WALL: Callable[[], float] = time.perf_counter
"""The clock where none is given."""


class Budget:
    """Seconds from now on by `clock`, which tells seconds from any origin and never falls."""

    def __init__(self, limit_s: float, *, clock: Callable[[], float] = WALL) -> None:
        self.limit_s, self._clock = limit_s, clock
        self._began_s = clock()

    def spent_s(self) -> float:
        """Return the seconds gone."""
        return self._clock() - self._began_s

    def left_s(self) -> float:
        """Return the seconds left, 0 when there are none."""
        return max(0.0, self.limit_s - self.spent_s())
