"""Manners towards a host: a token bucket shared by all jobs of the process, and a circuit breaker."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from powerdesk.kernel.clock import Clock

DEFAULT_SECONDS_PER_REQUEST = 1.0
FAILURES_TO_OPEN = 3
FIRST_PAUSE_S = 30.0
LONGEST_PAUSE_S = 900.0


@dataclass(frozen=True, slots=True)
class HostState:
    """How a host stands: consecutive failures, since when it is unreachable and why, and when it is tried next."""

    failures: int = 0
    cause: str = ""
    """What the last attempt met."""
    unreachable_since: datetime | None = None
    next_try_at: datetime | None = None


@dataclass(slots=True)
class _Host:
    free_at_s: float = 0.0
    first_failure_at: datetime | None = None
    state: HostState = field(default_factory=HostState)


class Hosts:
    """Thread-safe. `seconds_per_request` maps a host name to the spacing it asks for; others get one second."""

    def __init__(self, *, clock: Clock, seconds_per_request: Mapping[str, float]) -> None:
        self._clock = clock
        self._spacing = dict(seconds_per_request)
        self._lock = threading.Lock()
        self._hosts: dict[str, _Host] = {}

    def reserve(self, host: str) -> float:
        """Take the next free slot and return how many seconds to wait for it."""
        with self._lock:
            entry = self._hosts.setdefault(host, _Host())
            now_s = self._clock.monotonic_s()
            slot_s = max(now_s, entry.free_at_s)
            entry.free_at_s = slot_s + self._spacing.get(host, DEFAULT_SECONDS_PER_REQUEST)
            return slot_s - now_s

    def hold(self, host: str, *, seconds: float) -> None:
        """Give out no slot for a while: the host asked for it."""
        with self._lock:
            entry = self._hosts.setdefault(host, _Host())
            entry.free_at_s = max(entry.free_at_s, self._clock.monotonic_s() + seconds)

    def closed_until(self, host: str) -> HostState | None:
        """Return the state when the host must not be tried now; one caller is let through when its pause is over."""
        with self._lock:
            entry = self._hosts.setdefault(host, _Host())
            next_try_at = entry.state.next_try_at
            if next_try_at is None:
                return None
            now = self._clock.now()
            if now < next_try_at:
                return entry.state
            entry.state = replace(entry.state, next_try_at=now + timedelta(seconds=FIRST_PAUSE_S))
            return None

    def succeeded(self, host: str) -> None:
        """Close the circuit."""
        with self._lock:
            entry = self._hosts.setdefault(host, _Host())
            entry.first_failure_at = None
            entry.state = HostState()

    def failed(self, host: str, *, cause: str) -> HostState:
        """Count a failure to get any answer; open the circuit after three, for longer each time."""
        with self._lock:
            entry = self._hosts.setdefault(host, _Host())
            now = self._clock.now()
            entry.first_failure_at = entry.first_failure_at or now
            failures = entry.state.failures + 1
            if failures < FAILURES_TO_OPEN:
                entry.state = HostState(failures, cause)
            else:
                pause_s = min(FIRST_PAUSE_S * 2.0 ** (failures - FAILURES_TO_OPEN), LONGEST_PAUSE_S)
                entry.state = HostState(failures, cause, entry.first_failure_at, now + timedelta(seconds=pause_s))
            return entry.state

    def state(self, host: str) -> HostState:
        """Return how the host stands."""
        with self._lock:
            return self._hosts.setdefault(host, _Host()).state
