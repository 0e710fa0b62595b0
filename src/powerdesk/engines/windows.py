"""The arithmetic of rate windows, one for every Cache: whole milliseconds, so that engines give equal verdicts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from powerdesk.engines.ports import cache as port

if TYPE_CHECKING:
    from collections.abc import Collection

SLOTS = 60
"""A window is counted in this many slots: a hit is forgotten at most window/60 later than it could be."""


def check_cost(cost: int) -> None:
    """Raise ValueError for a negative cost."""
    if cost < 0:
        raise ValueError(f"found cost {cost}; allowed: 0 or more; a hit cannot be taken back")


def milliseconds(seconds: float) -> int:
    """Return whole milliseconds, rounded down: never in a later slot than the instant itself."""
    return math.floor(seconds * 1000)


def slot(now_ms: int, rate: port.Rate) -> int:
    """Return the number of the slot that holds the instant."""
    return now_ms * SLOTS // (rate.window_s * 1000)


def allowance(
    counted: Collection[tuple[int, int]], *, used: int, rate: port.Rate, granted: bool, cost: int, now_ms: int
) -> port.Allowance:
    """Return the verdict from what is counted after the hit: pairs (slot, units) by slot, none of them forgotten yet.

    `used` is the sum of their units. `reset_after_s` says when as much is forgotten as was short (anything at all, when
    the hit was granted); 0 when nothing is counted.
    """
    remaining = rate.amount - used
    short = 1 if granted else max(cost - remaining, 1)
    if not counted:
        return port.Allowance(granted=granted, remaining=remaining, reset_after_s=0.0)
    last, freed = 0, 0
    for number, units in counted:
        last, freed = number, freed + units
        if freed >= short:
            break
    ends_ms = -(-(last + SLOTS + 1) * rate.window_s * 1000 // SLOTS)  # rounded up
    return port.Allowance(granted=granted, remaining=remaining, reset_after_s=max(ends_ms - now_ms, 0) / 1000)
