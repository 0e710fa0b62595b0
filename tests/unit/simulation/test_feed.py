"""The schedule: ranges tile, stamps follow their rules, corrections are rare and late, DST days are whole."""

from __future__ import annotations

import itertools
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from powerdesk.kernel.calendars import CALENDARS
from powerdesk.kernel.intervals import InstantError
from powerdesk.simulation import feed, places
from powerdesk.simulation.types import Kind

START = datetime(2026, 3, 7, 6, tzinfo=UTC)


def test_due__publishes_a_day_whole() -> None:
    counts = Counter(one.kind for one in feed.due(seed=1, after=START, upto=START + timedelta(days=1)))
    assert counts[Kind.REAL_TIME_PRICES] == counts[Kind.REAL_TIME_CONSTRAINTS] == 288
    assert counts[Kind.CORRECTED_PRICES] == counts[Kind.CORRECTED_CONSTRAINTS]
    assert counts[Kind.NETWORK_MODEL] >= 1
    assert counts[Kind.SYSTEM_CONDITIONS] == 288
    assert counts[Kind.HOURLY_FORECASTS] == counts[Kind.TRUTH] == 24
    assert counts[Kind.DAY_AHEAD_PRICES] == counts[Kind.DAY_AHEAD_CONSTRAINTS] == 1
    assert counts[Kind.DAY_AHEAD_FORECASTS] == 1


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 200_000), min_size=3, max_size=6))
def test_due__consecutive_ranges_tile(seconds: list[int]) -> None:
    instants = [START + timedelta(seconds=value) for value in sorted(seconds)]
    whole = feed.due(seed=1, after=instants[0], upto=instants[-1])
    pieces = [one for a, b in itertools.pairwise(instants) for one in feed.due(seed=1, after=a, upto=b)]
    assert tuple(pieces) == whole
    assert len(set(whole)) == len(whole)


def test_due__bounds_are_open_below_and_closed_above() -> None:
    stamp = START + timedelta(seconds=15)
    assert not feed.due(seed=1, after=stamp, upto=stamp)
    found = feed.due(seed=1, after=stamp - timedelta(microseconds=1), upto=stamp)
    assert [one.kind for one in found] == [Kind.REAL_TIME_CONSTRAINTS, Kind.REAL_TIME_PRICES]
    assert {one.interval.start for one in found} == {START}


def test_due__stamps_follow_the_published_rules() -> None:
    calendar = CALENDARS["SIM"]
    for one in feed.due(seed=2, after=START, upto=START + timedelta(days=2)):
        if one.kind in {Kind.REAL_TIME_PRICES, Kind.REAL_TIME_CONSTRAINTS}:
            assert one.published_at - one.interval.start == timedelta(seconds=15)
        elif one.kind is Kind.SYSTEM_CONDITIONS:
            assert one.published_at - one.interval.end == timedelta(seconds=30)
        elif one.kind in {Kind.CORRECTED_PRICES, Kind.CORRECTED_CONSTRAINTS}:
            assert timedelta(minutes=30) <= one.published_at - one.interval.end < timedelta(minutes=90)
        elif one.kind is Kind.TRUTH:
            assert one.published_at - one.interval.end == timedelta(minutes=1)
        elif one.kind is Kind.NETWORK_MODEL:
            assert one.published_at == one.interval.start
            assert one.interval.end == calendar.day_interval(calendar.operating_day(one.interval.start)).end
        elif one.kind is Kind.HOURLY_FORECASTS:
            assert one.published_at - one.interval.start == timedelta(minutes=2)
        else:
            local = calendar.local_time(one.published_at)
            day = calendar.operating_day(one.interval.start)
            assert local.date() == day - timedelta(days=1)
            assert (local.hour, local.minute) == ((10, 0) if one.kind is Kind.DAY_AHEAD_FORECASTS else (13, 0))


@pytest.mark.parametrize(
    ("start", "hours"), [(datetime(2026, 3, 7, tzinfo=UTC), 23), (datetime(2026, 10, 31, tzinfo=UTC), 25)]
)
def test_due__day_ahead_covers_the_whole_of_a_day_on_which_clocks_change(start: datetime, hours: int) -> None:
    found = feed.due(seed=1, after=start, upto=start + timedelta(days=1))
    (prices,) = [one for one in found if one.kind is Kind.DAY_AHEAD_PRICES]
    assert prices.interval.hours == hours


def test_corrections__are_rare_depend_on_the_seed_and_are_told_by_the_interval_too() -> None:
    upto = START + timedelta(days=20)
    by_seed = [
        {one for one in feed.due(seed=seed, after=START, upto=upto) if one.kind is Kind.CORRECTED_PRICES}
        for seed in (1, 2)
    ]
    for seed, found in zip((1, 2), by_seed, strict=True):
        assert 0.004 < len(found) / (20 * 288) < 0.03
        for one in found:
            assert one in feed.publications_of(seed=seed, interval=one.interval)
    assert by_seed[0] != by_seed[1]


def test_due__refuses_ranges_that_run_backwards_are_too_long_or_have_no_zone() -> None:
    with pytest.raises(feed.ScheduleRangeError):
        feed.due(seed=1, after=START, upto=START - timedelta(seconds=1))
    with pytest.raises(feed.ScheduleRangeError):
        feed.due(seed=1, after=START, upto=START + timedelta(days=401))
    with pytest.raises(InstantError):
        feed.due(seed=1, after=START.replace(tzinfo=None), upto=START)


def test_locations__name_every_priced_place_once() -> None:
    table = feed.locations()
    assert table.column_names == ["id", "market", "name", "kind", "zone", "latitude", "longitude"]
    assert Counter(table["kind"].to_pylist()) == {"hub": 5, "zone": 5, "node": 73}
    assert len(set(table["id"].to_pylist())) == places.base_count() == table.num_rows
    assert "SIM:HUB_NORTH" in table["id"].to_pylist()
    large = feed.locations(size=18_500)
    assert large.num_rows == len(set(large["id"].to_pylist())) == 18_500
    assert large.slice(0, places.base_count()).equals(table)


@pytest.mark.parametrize("size", [0, 82, 20_001])
def test_locations__refuse_sizes_out_of_range(size: int) -> None:
    with pytest.raises(places.LocationCountError):
        feed.locations(size=size)
