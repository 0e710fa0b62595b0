"""Cache in memory: values with a time to live and exact rate windows, bounded in size."""

from __future__ import annotations

import collections
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from powerdesk.engines import windows

if TYPE_CHECKING:
    from powerdesk.engines.ports import cache as port
    from powerdesk.kernel.clock import Clock


@dataclass(slots=True)
class _Window:
    """Hits of one key by slot number, oldest first, and their sum."""

    slots: collections.deque[tuple[int, int]] = field(default_factory=collections.deque)
    used: int = 0


class MemoryCache:
    """The Cache port in one process; the least recently used key goes when `max_keys` are held.

    The windows are our own and not those of the `limits` library: its memory storage reads the wall clock,
    starts a timer thread for every burst, never bounds its keys, and its sliding counter is an estimate that
    lets 1.5 times the rate through after a late burst. Here no window of `window_s` ever exceeds the rate.
    """

    shared = False

    def __init__(self, clock: Clock, *, max_keys: int = 100_000) -> None:
        self._clock = clock
        self._max_keys = max_keys
        self._lock = threading.Lock()
        self._values: collections.OrderedDict[str, tuple[float, bytes]] = collections.OrderedDict()
        self._windows: collections.OrderedDict[tuple[str, port.Rate], _Window] = collections.OrderedDict()

    def version(self) -> str:
        """Return what it is; there is no server to ask."""
        return "memory of this process"

    def degraded(self) -> str | None:
        """Return None: it cannot go away."""
        return None

    def get(self, key: str) -> bytes | None:
        """Return the value, None when absent or expired."""
        with self._lock:
            found = self._values.get(key)
            if found is None:
                return None
            expires_s, value = found
            if self._clock.monotonic_s() >= expires_s:
                del self._values[key]
                return None
            self._values.move_to_end(key)
            return value

    def set(self, key: str, value: bytes, *, ttl_s: float) -> None:
        """Keep `value` for `ttl_s` seconds."""
        with self._lock:
            self._values[key] = (self._clock.monotonic_s() + ttl_s, value)
            self._values.move_to_end(key)
            if len(self._values) > self._max_keys:
                self._values.popitem(last=False)

    def delete(self, key: str) -> None:
        """Forget the key."""
        with self._lock:
            self._values.pop(key, None)

    def close(self) -> None:
        """Do nothing: there is no connection."""

    def hit(self, key: str, rate: port.Rate, *, cost: int = 1) -> port.Allowance:
        """Count `cost` against the rate; nothing is counted when it is not granted. Cost 0 only looks."""
        windows.check_cost(cost)
        now_ms = windows.milliseconds(self._clock.monotonic_s())
        slot = windows.slot(now_ms, rate)
        with self._lock:
            window = self._window((key, rate))
            while window.slots and window.slots[0][0] < slot - windows.SLOTS:
                window.used -= window.slots.popleft()[1]
            granted = window.used + cost <= rate.amount
            if granted and cost:
                _count(window, slot, cost)
            return windows.allowance(
                window.slots, used=window.used, rate=rate, granted=granted, cost=cost, now_ms=now_ms
            )

    def _window(self, key: tuple[str, port.Rate]) -> _Window:
        window = self._windows.get(key)
        if window is None:
            window = self._windows[key] = _Window()
            if len(self._windows) > self._max_keys:
                self._windows.popitem(last=False)
        else:
            self._windows.move_to_end(key)
        return window


def _count(window: _Window, slot: int, cost: int) -> None:
    window.used += cost
    if window.slots and window.slots[-1][0] == slot:
        window.slots[-1] = (slot, window.slots[-1][1] + cost)
    else:
        window.slots.append((slot, cost))
