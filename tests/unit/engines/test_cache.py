"""What is memory's own in Cache: its size is bounded."""

# ruff: noqa: D102 - the methods of a test clock are described by the port
from __future__ import annotations

from datetime import UTC, datetime

from powerdesk.engines.embedded import cache as embedded
from powerdesk.engines.ports.cache import Rate


class StillClock:
    """Stands still."""

    def now(self) -> datetime:
        return datetime(2026, 3, 1, tzinfo=UTC)

    def monotonic_s(self) -> float:
        return 5.0


def test_cache__forgets_the_least_recently_used_value() -> None:
    cache = embedded.MemoryCache(StillClock(), max_keys=2)
    cache.set("a", b"1", ttl_s=60)
    cache.set("b", b"2", ttl_s=60)
    cache.get("a")
    cache.set("c", b"3", ttl_s=60)
    assert [cache.get(key) for key in "abc"] == [b"1", None, b"3"]


def test_cache__bounds_the_number_of_windows() -> None:
    cache = embedded.MemoryCache(StillClock(), max_keys=10)
    for n in range(100):
        cache.hit(f"k{n}", Rate(amount=1, window_s=60))
    assert len(cache._windows) == 10


def test_cache__a_window_holds_a_bounded_number_of_slots() -> None:
    cache = embedded.MemoryCache(StillClock())
    rate = Rate(amount=10**6, window_s=60)
    for _ in range(1_000):
        cache.hit("k", rate)
    assert len(cache._windows["k", rate].slots) == 1
