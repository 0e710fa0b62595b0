"""The clock as a port: app injects a real one, tests inject a still one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime


class Clock(Protocol):
    """Tell the time to leases, expiry and receipt stamps; calculations never see it."""

    def now(self) -> datetime:
        """Return the present instant, UTC, time-zone aware."""
        ...

    def monotonic_s(self) -> float:
        """Return seconds on a clock that never goes back."""
        ...
