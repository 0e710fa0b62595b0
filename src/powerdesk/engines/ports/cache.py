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

    @property
    def shared(self) -> bool:
        """Whether several processes count in the same windows."""
        ...

    def version(self) -> str:
        """Ask the engine for its name and version; raise faults.EngineUnavailableError when it does not answer."""
        ...

    def degraded(self) -> str | None:
        """Return what this cache does less than promised just now, in one sentence; None when it does all."""
        ...

    def get(self, key: str) -> bytes | None:
        """Return the value, None when absent or expired, or when the cache is degraded."""
        ...

    def set(self, key: str, value: bytes, *, ttl_s: float) -> None:
        """Keep `value` for `ttl_s` seconds; a degraded cache drops it, and an earlier value may be read again later."""
        ...

    def delete(self, key: str) -> None:
        """Forget the key; raise faults.EngineUnavailableError when a degraded cache cannot promise it."""
        ...

    def hit(self, key: str, rate: Rate, *, cost: int = 1) -> Allowance:
        """Count `cost` against the rate; nothing is counted when it is not granted.

        A degraded cache counts in a window of this process alone, against the share of the rate that `degraded` states.
        """
        ...

    def close(self) -> None:
        """Release connections."""
        ...
