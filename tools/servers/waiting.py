"""How long tests wait for what other threads, processes and servers do: what happens is seen at once."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
REQUIRED = "POWERDESK_REQUIRE_SERVICES"
"""Set to 1 where a missing server is a failure, as in CI."""

PATIENCE_S = 120.0
"""Bounds every wait for what should happen soon: a machine of two cores may do ten other things."""

LOOK_EVERY_S = 0.05


@dataclass(frozen=True, slots=True)
class NotYet:
    """A false answer that says why."""

    why: str

    def __bool__(self) -> bool:
        """Be false."""
        return False


def until(asked: Callable[[], T | None], *, what: str) -> T:
    """Ask until the answer is true and return it; after PATIENCE_S fail with the last answer."""
    pause, over = threading.Event(), time.monotonic() + PATIENCE_S
    while not (answer := asked()):
        if time.monotonic() > over:
            raise AssertionError(f"{what} did not happen within {PATIENCE_S:g} s; last answer: {answer!r}")
        pause.wait(LOOK_EVERY_S)
    return answer
