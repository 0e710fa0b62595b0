"""The real clock and the source of random ids; nothing below app has either."""

from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime


class SystemClock:
    """The machine's clock, in UTC."""

    def now(self) -> datetime:
        """Return the present instant."""
        return datetime.now(UTC)

    def monotonic_s(self) -> float:
        """Return seconds that never go back."""
        return time.monotonic()


class RandomIds:
    """Ids from the system's random source."""

    def new(self, prefix: str) -> str:
        """Return `<prefix>_` and 16 hex digits: 64 random bits."""
        return f"{prefix}_{secrets.token_hex(8)}"
