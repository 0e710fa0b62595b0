"""A breaker: after a failure callers are refused at once for a while, then one of them tries again."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Breaker:
    """Keeps threads from waiting, one behind the other, on a server that does not answer.

    `monotonic_s` tells time. Closed, everybody may try. A failure opens it for `rest_s`; afterwards one caller may try,
    and the others wait for its outcome by being refused, at most another `rest_s`.
    """

    def __init__(self, monotonic_s: Callable[[], float], *, rest_s: float) -> None:
        self._monotonic_s = monotonic_s
        self._rest_s = rest_s
        self._lock = threading.Lock()
        self._next_try_s: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether the last word was a failure."""
        return self._next_try_s is not None

    def allows(self) -> bool:
        """Tell whether this caller may try; it must then say `worked` or `failed`."""
        if not self.is_open:
            return True
        with self._lock:
            now_s = self._monotonic_s()
            next_try_s = self._next_try_s
            if next_try_s is None:
                return True
            if now_s < next_try_s:
                return False
            self._next_try_s = now_s + self._rest_s
            return True

    def failed(self) -> bool:
        """Refuse callers for the rest time; return True when the breaker was closed until now."""
        with self._lock:
            first = self._next_try_s is None
            self._next_try_s = self._monotonic_s() + self._rest_s
            return first

    def worked(self) -> bool:
        """Let everybody try; return True when the breaker was open until now."""
        if not self.is_open:
            return False
        with self._lock:
            was_open = self._next_try_s is not None
            self._next_try_s = None
            return was_open
