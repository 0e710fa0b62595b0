"""A real Redis that dies and stalls while rates are counted."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from powerdesk.app import clock as app_clock
from powerdesk.engines.embedded import cache as embedded
from powerdesk.engines.ports import faults
from powerdesk.engines.ports.cache import Rate
from servers import needed
from servers.redis import Redis
from servers.waiting import PATIENCE_S, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from powerdesk.engines.ports.cache import Cache

pytestmark = [pytest.mark.services, pytest.mark.slow]
RATE = Rate(amount=40, window_s=3600)
CALLERS = 40
STALL_S = 10.0
LONGEST_CALL_S = 8.0
"""Three waits of 0.25 s, and much room for a busy machine; whoever waited for the server would wait STALL_S."""
MEGABYTES_MAX = 50


@pytest.fixture
def server() -> Iterator[Redis]:
    with needed.own(Redis) as own:
        yield own


@pytest.fixture
def opener(server: Redis) -> Iterator[Callable[[], Cache]]:
    from powerdesk.engines.scaled import cache as scaled  # noqa: PLC0415 - an extra that a laptop may lack

    opened: list[Cache] = []

    def new() -> Cache:
        clock = app_clock.SystemClock()
        opened.append(scaled.RedisCache(server.url, clock=clock, alone=embedded.MemoryCache(clock)))
        return opened[-1]

    yield new
    for cache in opened:
        cache.close()


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a busy machine answer late where a server that is there must not be taken for one that is away."""
    monkeypatch.setattr("powerdesk.engines.scaled.cache.ANSWER_S", PATIENCE_S)


def granted(cache: Cache, key: str, *, tries: int) -> int:
    """Return how many of so many hits are granted."""
    return sum(cache.hit(key, RATE).granted for _ in range(tries))


def whole_again(cache: Cache) -> None:
    """Ask until Redis is found again."""
    until(lambda: cache.get("any") is None and cache.degraded() is None, what="the cache's recovery")


@pytest.mark.usefixtures("patient")
def test_windows__are_shared_by_processes(opener: Callable[[], Cache]) -> None:
    first, second = opener(), opener()
    assert granted(first, "k", tries=30) == 30
    assert granted(second, "k", tries=30) == 10


@pytest.mark.usefixtures("patient")
def test_dead_server__leaves_a_stated_share_says_so_once_and_its_return_is_noticed(
    server: Redis, opener: Callable[[], Cache], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, logger="powerdesk.engines.scaled.cache")
    cache = opener()
    cache.set("kept", b"value", ttl_s=600)
    assert cache.get("kept") == b"value"
    assert granted(cache, "k", tries=5) == 5
    server.kill()
    assert granted(cache, "k", tries=30) == 10
    assert cache.get("kept") is None
    cache.set("dropped", b"value", ttl_s=600)
    assert "each process alone grants 0.25 of every rate" in str(cache.degraded())
    for act in (lambda: cache.delete("kept"), cache.version):
        with pytest.raises(faults.EngineUnavailableError, match="Redis"):
            act()
    server.start()
    whole_again(cache)
    assert granted(cache, "k", tries=50) == 40
    assert cache.get("dropped") is None
    said = [record for record in caplog.records if record.name == "powerdesk.engines.scaled.cache"]
    assert [record.levelname for record in said] == ["WARNING", "WARNING"]
    assert "whole again" in said[1].getMessage()


def test_stalled_server__delays_nobody_for_long_and_piles_nothing_up(
    server: Redis, opener: Callable[[], Cache]
) -> None:
    cache, process, stop = opener(), psutil.Process(), threading.Event()
    taken: list[float] = []

    def call(number: int) -> None:
        while not stop.wait(0.01):
            began = time.monotonic()  # noqa: TID251 - what is measured is how long a caller waits
            cache.hit(f"caller/{number % 4}", RATE)
            taken.append(time.monotonic() - began)  # noqa: TID251 - as above

    callers = [threading.Thread(target=call, args=(number,)) for number in range(CALLERS)]
    for caller in callers:
        caller.start()
    pause = threading.Event()
    pause.wait(0.5)
    threads, bytes_before = process.num_threads(), process.memory_info().rss
    server.pause()
    pause.wait(STALL_S)
    degraded, calls = cache.degraded(), len(taken)
    threads_stalled, bytes_stalled = process.num_threads(), process.memory_info().rss
    server.resume()
    whole_again(cache)
    stop.set()
    for caller in callers:
        caller.join()
    assert degraded is not None
    assert calls > CALLERS
    assert threads_stalled <= threads + 2
    assert bytes_stalled - bytes_before < MEGABYTES_MAX * 2**20
    assert max(taken) < LONGEST_CALL_S
