"""The contract of Cache. Another engine joins by one line in OPENERS (with a clock it lets us move)."""

# ruff: noqa: D102 - the methods of a test clock are described by the port
from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from powerdesk.engines.embedded import cache as embedded
from powerdesk.engines.ports.cache import Rate

if TYPE_CHECKING:
    from powerdesk.engines.ports.cache import Cache


class HandClock:
    """Moves when told."""

    def __init__(self) -> None:
        self.seconds = 1_000_000.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, tz=UTC)

    def monotonic_s(self) -> float:
        return self.seconds


def open_memory(clock: HandClock) -> Cache:
    return embedded.MemoryCache(clock)


OPENERS = {"memory": open_memory}


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture(params=sorted(OPENERS))
def cache(request: pytest.FixtureRequest, clock: HandClock) -> Cache:
    return OPENERS[request.param](clock)


def test_value__is_there_until_its_time_is_over(cache: Cache, clock: HandClock) -> None:
    cache.set("k", b"v", ttl_s=10)
    clock.seconds += 9.9
    assert cache.get("k") == b"v"
    clock.seconds += 0.2
    assert cache.get("k") is None


def test_value__set_again_counts_anew(cache: Cache, clock: HandClock) -> None:
    cache.set("k", b"v", ttl_s=10)
    clock.seconds += 9
    cache.set("k", b"w", ttl_s=10)
    clock.seconds += 9
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
    clock.seconds += refused.reset_after_s
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


@pytest.mark.parametrize("engine", sorted(OPENERS))
@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(st.tuples(st.floats(0, 40), st.integers(1, 6)), max_size=60),
    amount=st.integers(1, 12),
    window_s=st.sampled_from([1, 7, 60]),
)
def test_hit__no_window_ever_exceeds_the_rate(
    engine: str, steps: list[tuple[float, int]], amount: int, window_s: int
) -> None:
    clock = HandClock()
    cache = OPENERS[engine](clock)
    rate = Rate(amount=amount, window_s=window_s)
    granted: list[tuple[float, int]] = []
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
