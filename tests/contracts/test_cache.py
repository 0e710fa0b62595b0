"""The contract of Cache. Another engine joins in `opened`, with a clock it lets us move."""

# ruff: noqa: D102 - the methods of a test clock are described by the port
from __future__ import annotations

import contextlib
import importlib.util
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from powerdesk.engines import windows
from powerdesk.engines.embedded import cache as embedded
from powerdesk.engines.ports.cache import Rate
from servers import needed
from servers.redis import Redis
from servers.waiting import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from powerdesk.engines.ports.cache import Cache

ENGINES = ("memory", "redis")


class HandClock:
    """Moves when told, and tells those who keep time elsewhere by how much."""

    def __init__(self) -> None:
        self.seconds = 1_000_000.0
        self.followers: list[Callable[[float], None]] = []

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, tz=UTC)

    def monotonic_s(self) -> float:
        return self.seconds

    def move(self, seconds: float) -> None:
        self.seconds += seconds
        for follow in self.followers:
            follow(seconds)


@contextlib.contextmanager
def opened(engine: str, clock: HandClock) -> Iterator[Cache]:
    """Open an empty cache that keeps the given time."""
    if engine == "memory":
        yield embedded.MemoryCache(clock)
        return
    server = needed.needed(Redis)
    import redis  # noqa: PLC0415 - an extra that a laptop may lack

    from powerdesk.engines.scaled import cache as scaled  # noqa: PLC0415 - as above

    prefix = needed.namespace() + "/"
    cache = scaled.RedisCache(
        server.url,
        clock=clock,
        alone=embedded.MemoryCache(clock),
        prefix=prefix,
        now_ms=lambda: windows.milliseconds(clock.seconds),
    )
    with redis.Redis.from_url(server.url) as client:

        def age_values(seconds: float) -> None:
            for key in client.scan_iter(f"{prefix}v/*"):
                left_ms = client.pttl(key) - round(seconds * 1000)
                client.pexpire(key, left_ms) if left_ms > 0 else client.delete(key)

        clock.followers.append(age_values)
        yield cache
        assert cache.degraded() is None
        cache.close()


@pytest.fixture(scope="module", autouse=True)
def patient() -> Iterator[None]:
    """Let a busy machine answer late; test_redis_faults.py tells what holds when there is no answer."""
    with pytest.MonkeyPatch.context() as patched:
        if importlib.util.find_spec("redis") is not None:
            patched.setattr("powerdesk.engines.scaled.cache.ANSWER_S", PATIENCE_S)
        yield


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture(params=ENGINES)
def cache(request: pytest.FixtureRequest, clock: HandClock) -> Iterator[Cache]:
    with opened(request.param, clock) as lent:
        yield lent


def test_version__names_the_engine(cache: Cache) -> None:
    assert cache.version().startswith("Redis 7" if cache.shared else "memory")


def test_value__is_there_until_its_time_is_over(cache: Cache, clock: HandClock) -> None:
    cache.set("k", b"v", ttl_s=1_000)  # a server's own seconds go on between these lines
    clock.move(500)
    assert cache.get("k") == b"v"
    clock.move(501)
    assert cache.get("k") is None


def test_value__set_again_counts_anew(cache: Cache, clock: HandClock) -> None:
    cache.set("k", b"v", ttl_s=1_000)
    clock.move(600)
    cache.set("k", b"w", ttl_s=1_000)
    clock.move(600)
    assert cache.get("k") == b"w"


def test_value__deleted_is_gone_and_deleting_again_is_fine(cache: Cache) -> None:
    cache.set("k", b"v", ttl_s=10)
    cache.delete("k")
    cache.delete("k")
    assert cache.get("k") is None


def test_hit__grants_the_amount_then_refuses_without_counting(cache: Cache, clock: HandClock) -> None:
    rate = Rate(amount=3, window_s=60)
    assert [cache.hit("k", rate).remaining for _ in range(3)] == [2, 1, 0]
    refused = cache.hit("k", rate)
    assert not refused.granted
    assert refused.remaining == 0
    assert 0 < refused.reset_after_s <= 61
    clock.move(refused.reset_after_s)
    assert cache.hit("k", rate).granted


def test_hit__counts_its_cost_and_refuses_more_than_is_left(cache: Cache) -> None:
    rate = Rate(amount=10, window_s=60)
    assert cache.hit("k", rate, cost=7).remaining == 3
    assert not cache.hit("k", rate, cost=4).granted
    assert cache.hit("k", rate, cost=3).granted
    assert not cache.hit("other", rate, cost=11).granted


def test_hit__of_cost_0_only_looks(cache: Cache) -> None:
    rate = Rate(amount=2, window_s=60)
    cache.hit("k", rate)
    looked = [cache.hit("k", rate, cost=0) for _ in range(3)]
    assert [(found.granted, found.remaining) for found in looked] == [(True, 1)] * 3


def test_hit__of_negative_cost_is_refused(cache: Cache) -> None:
    with pytest.raises(ValueError, match="0 or more"):
        cache.hit("k", Rate(amount=2, window_s=60), cost=-1)


def test_hit__keys_and_rates_do_not_mix(cache: Cache) -> None:
    assert cache.hit("a", Rate(amount=1, window_s=60)).granted
    assert cache.hit("b", Rate(amount=1, window_s=60)).granted
    assert cache.hit("a", Rate(amount=1, window_s=3600)).granted


STEPS = st.lists(st.tuples(st.floats(0, 40), st.integers(0, 6)), max_size=40)


@pytest.mark.parametrize("engine", ENGINES)
@settings(max_examples=60, deadline=None)
@given(steps=STEPS, amount=st.integers(1, 12), window_s=st.sampled_from([1, 7, 60]))
def test_hit__no_window_ever_exceeds_the_rate(
    engine: str, steps: list[tuple[float, int]], amount: int, window_s: int
) -> None:
    clock = HandClock()
    rate = Rate(amount=amount, window_s=window_s)
    granted: list[tuple[float, int]] = []
    with opened(engine, clock) as cache:
        for wait_s, cost in steps:
            clock.seconds += wait_s
            at = clock.seconds
            counted = sum(c for t, c in granted if t > at - window_s * (1 + 2 / 60))
            allowance = cache.hit("k", rate, cost=cost)
            if allowance.granted:
                granted.append((at, cost))
                assert sum(c for t, c in granted if t > at - window_s) <= amount
            else:
                assert counted + cost > amount


@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(st.tuples(st.floats(0, 40), st.integers(0, 6), st.sampled_from("ab")), max_size=40),
    amount=st.integers(1, 12),
    window_s=st.sampled_from([1, 7, 60, 86_400]),
)
def test_hit__gets_the_same_verdict_from_every_engine(
    steps: list[tuple[float, int, str]], amount: int, window_s: int
) -> None:
    clock = HandClock()
    rate = Rate(amount=amount, window_s=window_s)
    with opened("memory", clock) as memory, opened("redis", clock) as redis:
        for wait_s, cost, key in steps:
            clock.seconds += wait_s * window_s / 60
            assert memory.hit(key, rate, cost=cost) == redis.hit(key, rate, cost=cost)
