"""Let a process's allocators give memory back: few arenas, no second allocator beside the system's, pages returned.

Measured on `up` with the simulated market (benchmarks/subjects/start_up.py); docs/concepts/memory.md has the table.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ctypes
    from collections.abc import MutableMapping

SETTINGS = {
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "DUCKDB_JE_MALLOC_CONF": "narenas:2,dirty_decay_ms:1000,muzzy_decay_ms:0",
}
"""What pyarrow and DuckDB read when they load. Arrow's own pool, which its C++ side takes whatever Python chooses, held
33 MB that nothing used. DuckDB's allocator keeps four arenas a core; decay at once costs large appends a fifth."""
ARENAS = 2
M_ARENA_MAX = -8
GROWTH_BYTES = 8 << 20


def choose(environment: MutableMapping[str, str]) -> None:
    """Set how the libraries shall allocate, before they load; what somebody has set stands."""
    for name, value in SETTINGS.items():
        environment.setdefault(name, value)


def few_arenas() -> None:
    """Let the threads to come share a few arenas of malloc, where malloc has any: each kept its own free pages."""
    libc = _glibc()
    if libc is not None:
        libc.mallopt(M_ARENA_MAX, ARENAS)


def give_back() -> None:
    """Return free pages in the middle of malloc's heap to the system; some milliseconds for a hundred megabytes."""
    libc = _glibc()
    if libc is not None:
        libc.malloc_trim(0)


class Trim:
    """Gives memory back when the process has grown since it last did, so that what is free is seldom much."""

    def __init__(self) -> None:
        self._least = 0

    def after_growth(self) -> None:
        """Give back if the process has grown by some megabytes; microseconds if it has not."""
        resident = _resident_bytes()
        self._least = min(self._least, resident)
        if resident > self._least + GROWTH_BYTES:
            give_back()
            self._least = _resident_bytes()


def _resident_bytes() -> int:
    """Return what the process holds of memory, 0 where the system does not tell in this way."""
    try:
        with open("/proc/self/statm", "rb") as told:  # noqa: PTH123 - a fifth of Path.open's time, after each call
            return int(told.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def _glibc() -> ctypes.CDLL | None:
    if sys.platform != "linux":
        return None
    import ctypes  # noqa: PLC0415 - `powerdesk --help` reads this module and needs no more of it than `choose`

    libc = ctypes.CDLL(None)
    return libc if hasattr(libc, "malloc_trim") else None  # musl has neither
