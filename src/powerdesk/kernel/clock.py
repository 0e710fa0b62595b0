"""The clock as a port: app injects a real one, tests inject a still one; and a clock that never goes back."""

from __future__ import annotations

import logging
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime

log = logging.getLogger("powerdesk.clock")
STEP_MAX = timedelta(hours=2)
"""A clock set back further than this was wrong by more than a summer time, and is followed."""
TOLD_FROM = timedelta(seconds=1)
PACE = 0.5


class Clock(Protocol):
    """Tell the time to leases, expiry and receipt stamps; calculations never see it."""

    def now(self) -> datetime:
        """Return the present instant, UTC, time-zone aware."""
        ...

    def monotonic_s(self) -> float:
        """Return seconds on a clock that never goes back."""
        ...


class Onward:
    """A clock that goes on when the one it is made of is set back, so that what comes later is dated later.

    Set back by up to STEP_MAX, time goes on at half pace until the other clock has caught up: schedules slow down and
    do not stand, leases end, and what was received before is readable as of now. Thread-safe.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._told = clock.now()
        self._told_s = clock.monotonic_s()
        self._behind = False

    def now(self) -> datetime:
        """Return the present instant, never before one that was returned earlier, a step beyond STEP_MAX apart."""
        with self._lock:
            instant, steady_s = self._clock.now(), self._clock.monotonic_s()
            behind = self._told - instant
            self._tell(behind)
            if timedelta() < behind <= STEP_MAX:
                instant = self._told + timedelta(seconds=PACE * max(0.0, steady_s - self._told_s))
            self._told, self._told_s = instant, steady_s
            return instant

    def monotonic_s(self) -> float:
        """Return seconds on a clock that never goes back."""
        return self._clock.monotonic_s()

    def begin_after(self, instant: datetime) -> None:
        """Let no instant come before this one, which an earlier process noted."""
        with self._lock:
            self._told = max(self._told, instant)

    def _tell(self, behind: timedelta) -> None:
        """Log once that the other clock fell behind."""
        if behind > TOLD_FROM and not self._behind:
            how = (
                "going on at half pace"
                if behind <= STEP_MAX
                else "following it; what was received then is not known yet"
            )
            log.warning("the clock is %s behind what it told before: %s", behind, how)
        self._behind = behind > TOLD_FROM
