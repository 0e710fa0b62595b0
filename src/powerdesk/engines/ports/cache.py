"""Cache: short-lived values and rate counters; losing it loses nothing but speed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `amount` units in any window of `window_s` seconds."""

    amount: int
    window_s: int


@dataclass(frozen=True, slots=True)
class Allowance:
    """The verdict on one hit: granted or not, what is left, and when the window frees up."""

    granted: bool
    remaining: int
    reset_after_s: float


class Cache(Protocol):
    """Values with a time to live, and sliding-window counters."""

    def get(self, key: str) -> bytes | None:
        """Return the value, None when absent or expired."""
        ...

    def set(self, key: str, value: bytes, *, ttl_s: float) -> None:
        """Keep `value` for `ttl_s` seconds."""
        ...

    def delete(self, key: str) -> None:
        """Forget the key."""
        ...

    def hit(self, key: str, rate: Rate, *, cost: int = 1) -> Allowance:
        """Count `cost` against the rate; nothing is counted when it is not granted."""
        ...
