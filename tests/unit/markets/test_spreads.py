"""Day-ahead less real time: by hand, against a loop, and on the days when the clock changes."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from powerdesk.kernel import calendars
from powerdesk.markets import datasets, spreads
from powerdesk.store import checking

T0 = datetime(2026, 11, 1, 10, tzinfo=UTC)
FIVE, HOUR = timedelta(minutes=5), timedelta(hours=1)
INSTANT = pa.timestamp("us", tz="UTC")
SCHEMA = pa.schema(
    [
        ("market", pa.string()),
        ("location", pa.string()),
        ("interval_start", INSTANT),
        ("interval_end", INSTANT),
        ("price_per_mwh", pa.float64()),
        ("currency", pa.string()),
        ("published_at", INSTANT),
    ]
)


def row(start: datetime, length: timedelta, price: float | None, **given: Any) -> dict[str, Any]:
    found = {"market": "SIM", "location": "SIM:A", "currency": "USD", "published_at": start + length}
    return {**found, "interval_start": start, "interval_end": start + length, "price_per_mwh": price, **given}


def made(day_ahead: list[dict[str, Any]], real_time: list[dict[str, Any]]) -> list[dict[str, Any]]:
    inputs = {
        spreads.DAY_AHEAD: pa.Table.from_pylist(day_ahead, SCHEMA),
        spreads.REAL_TIME: pa.Table.from_pylist(real_time, SCHEMA),
    }
    rows = spreads.dart_spreads(inputs, {}, None)
    checked = checking.check(spreads.DART_SPREADS, rows)
    assert (checked.findings, checked.rows.num_rows) == ((), rows.num_rows)
    found: list[dict[str, Any]] = rows.to_pylist()
    return found


def real_time(start: datetime, prices: list[float], **given: Any) -> list[dict[str, Any]]:
    return [row(start + n * FIVE, FIVE, price, **given) for n, price in enumerate(prices)]


def test_a_spread__is_day_ahead_less_the_mean_of_real_time() -> None:
    day_ahead = [row(T0, HOUR, 40.0, published_at=T0 - 20 * HOUR)]
    (found,) = made(day_ahead, real_time(T0, [10.0] * 6 + [40.0] * 6))
    assert (found["dart_per_mwh"], found["day_ahead_per_mwh"], found["real_time_per_mwh"]) == (15.0, 40.0, 25.0)
    assert (found["interval_start"], found["interval_end"]) == (T0, T0 + HOUR)
    assert found["published_at"] == T0 + HOUR


def test_an_hour__that_is_not_covered_once_and_wholly_is_left_out() -> None:
    day_ahead = [row(T0, HOUR, 40.0)]
    prices = real_time(T0, [10.0] * 12)
    assert made(day_ahead, prices[:-1]) == []
    assert made(day_ahead, [*prices, row(T0, FIVE, 9.0)]) == []
    assert made(day_ahead, [*prices[:-1], row(T0 + 11 * FIVE, FIVE, None)]) == []
    assert made([row(T0, HOUR, None)], prices) == []
    assert made([], prices) == []
    assert made(day_ahead, real_time(T0, [10.0] * 12, location="SIM:B")) == []


def test_intervals__weigh_as_long_as_they_last() -> None:
    prices = [row(T0, 3 * FIVE, 10.0), row(T0 + 3 * FIVE, 9 * FIVE, 30.0)]
    (found,) = made([row(T0, HOUR, 0.0)], prices)
    assert found["real_time_per_mwh"] == 25.0


def test_a_correction__dates_the_spread() -> None:
    late = T0 + 30 * HOUR
    prices = real_time(T0, [10.0] * 12)
    prices[3]["published_at"] = late
    assert made([row(T0, HOUR, 1.0)], prices)[0]["published_at"] == late
    assert made([row(T0, HOUR, 1.0, published_at=late)], real_time(T0, [1.0] * 12))[0]["published_at"] == late


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("AB"), st.integers(0, 2), st.floats(-500, 3000)), max_size=6),
    st.lists(st.tuples(st.sampled_from("AB"), st.integers(0, 35), st.floats(-500, 3000)), max_size=80),
)
def test_spreads__agree_with_a_loop(ahead: list[tuple[str, int, float]], now: list[tuple[str, int, float]]) -> None:
    hours = {(name, hour): price for name, hour, price in ahead}
    fives = {(name, n): price for name, n, price in now} | {("A", n): float(n) for n in range(12)}
    expected = {}
    for (name, hour), price in hours.items():
        within = [fives[name, n] for n in range(12 * hour, 12 * hour + 12) if (name, n) in fives]
        if len(within) == 12:
            expected[f"SIM:{name}", T0 + hour * HOUR] = price - math.fsum(within) / 12
    found = made(
        [row(T0 + hour * HOUR, HOUR, price, location=f"SIM:{name}") for (name, hour), price in hours.items()],
        [row(T0 + n * FIVE, FIVE, price, location=f"SIM:{name}") for (name, n), price in fives.items()],
    )
    assert [(one["location"], one["interval_start"]) for one in found] == sorted(expected)
    for one in found:
        assert one["dart_per_mwh"] == pytest.approx(expected[one["location"], one["interval_start"]], abs=1e-9)


@pytest.mark.parametrize(("day", "hours"), [("2026-03-08", 23), ("2026-11-01", 25), ("2026-07-01", 24)])
def test_a_day__has_a_spread_for_each_of_its_hours(day: str, hours: int) -> None:
    bounds = calendars.CALENDARS["NYISO"].day_interval(datetime.fromisoformat(day).date())
    starts = [bounds.start + n * HOUR for n in range(hours)]
    prices = [one for n, start in enumerate(starts) for one in real_time(start, [float(n)] * 12)]
    found = made([row(start, HOUR, 100.0) for start in starts], prices)
    assert [one["interval_start"] for one in found] == starts
    assert [one["dart_per_mwh"] for one in found] == [100.0 - n for n in range(hours)]
    assert found[-1]["interval_end"] == bounds.end


def test_a_spread__needs_what_prices_need() -> None:
    assert spreads.DART_SPREADS.inputs == (datasets.PRICES.id,)
    assert spreads.DART_SPREADS.release is None
    assert {licence.market for licence in spreads.DART_SPREADS.licences} == {
        licence.market for licence in datasets.PRICES.licences
    }
