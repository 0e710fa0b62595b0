"""Congestion by constraint: against a loop, over topology changes, restatements and retractions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from powerdesk.grid import datasets, price_parts
from powerdesk.store import checking

INSTANT = pa.timestamp("us", tz="UTC")
NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
FIVE = timedelta(minutes=5)
SHADOW = pa.schema(
    [
        *((name, pa.string()) for name in ("market", "market_run", "constraint")),
        ("interval_start", INSTANT),
        ("interval_end", INSTANT),
        ("direction", pa.string()),
        ("shadow_price_per_mwh", pa.float64()),
        ("currency", pa.string()),
        ("published_at", INSTANT),
    ]
)
FACTOR = pa.schema(
    [
        *((name, pa.string()) for name in ("market", "constraint", "location")),
        ("interval_start", INSTANT),
        ("shift_factor", pa.float64()),
        ("published_at", INSTANT),
    ]
)
FORMER = pa.schema(
    [
        *((name, pa.string()) for name in ("market", "market_run", "location", "constraint")),
        ("interval_start", INSTANT),
        ("interval_end", INSTANT),
        ("congestion_per_mwh", pa.float64()),
        ("published_at", INSTANT),
    ]
)


def shadow(
    constraint: str, at: int, price: float | None, *, known: int = 0, direction: str = "from_to"
) -> dict[str, Any]:
    start = NOON + at * FIVE
    return {
        "market": "SIM",
        "market_run": "RT5",
        "constraint": constraint,
        "interval_start": start,
        "interval_end": start + FIVE,
        "direction": None if price is None else direction,
        "shadow_price_per_mwh": price,
        "currency": None if price is None else "USD",
        "published_at": start + FIVE + timedelta(minutes=known),
    }


def factor(constraint: str, place: str, since: int, value: float | None, *, known: int = 0) -> dict[str, Any]:
    start = NOON + since * FIVE
    return {
        "market": "SIM",
        "constraint": constraint,
        "location": f"SIM:{place}",
        "interval_start": start,
        "shift_factor": value,
        "published_at": start + timedelta(minutes=known),
    }


def parts(
    shadows: list[dict[str, Any]], factors: list[dict[str, Any]], former: list[dict[str, Any]] | None = None
) -> list[dict[str, Any]]:
    inputs = {
        price_parts.SHADOW_PRICES: pa.Table.from_pylist(shadows, SHADOW),
        price_parts.IN_FORCE: pa.Table.from_pylist(factors, FACTOR),
        price_parts.CHANGED: pa.Table.from_pylist([], FACTOR),
        price_parts.FORMER: pa.Table.from_pylist(former or [], FORMER),
    }
    rows = price_parts.price_parts(inputs, {}, None)
    checked = checking.check(datasets.PRICE_PARTS, rows)
    assert (checked.rejected, checked.findings) == (0, ())
    found: list[dict[str, Any]] = rows.to_pylist()
    return found


def values(rows: list[dict[str, Any]]) -> dict[tuple[str, str, int], float | None]:
    return {
        (row["constraint"], row["location"], (row["interval_start"] - NOON) // FIVE): row["congestion_per_mwh"]
        for row in rows
    }


@pytest.mark.parametrize(("direction", "expected"), [("from_to", -4.0), ("to_from", 4.0)])
def test_price_parts__have_the_sign_of_the_limit_that_binds(direction: str, expected: float) -> None:
    (row,) = parts([shadow("a", 0, 10.0, direction=direction)], [factor("a", "1", 0, 0.4)])

    assert (row["congestion_per_mwh"], row["shift_factor"], row["currency"]) == (expected, 0.4, "USD")


def test_price_parts__follow_the_topology_that_holds_at_the_interval() -> None:
    factors = [factor("a", "1", 0, 0.5), factor("a", "2", 0, -0.5), factor("a", "2", 2, -0.25)]

    found = values(parts([shadow("a", at, 10.0) for at in range(4)], factors))

    before = {("a", f"SIM:{place}", at): sign * 5.0 for at in (0, 1) for place, sign in (("1", -1.0), ("2", 1.0))}
    assert found == {**before, ("a", "SIM:2", 2): 2.5, ("a", "SIM:2", 3): 2.5}  # 1 is not in the later set


def test_price_parts__leave_out_what_rounding_hides_and_what_has_no_factor() -> None:
    factors = [factor("a", "1", 0, 0.0004), factor("a", "2", 0, 0.001), factor("late", "1", 1, 1.0)]

    found = values(parts([shadow("a", 0, 10.0), shadow("late", 0, 10.0), shadow("unknown", 0, 10.0)], factors))

    assert found == {("a", "SIM:2", 0): -0.01}


def test_price_parts__are_known_once_both_inputs_are() -> None:
    factors = [factor("a", "1", 0, 0.4), factor("b", "1", 0, 0.4, known=60), factor("b", "2", 0, 0.0, known=90)]

    rows = parts([shadow("a", 0, 10.0), shadow("b", 0, 10.0, known=7)], factors)

    assert [row["published_at"] - NOON for row in rows] == [FIVE, timedelta(minutes=90)]


def test_price_parts__retract_what_no_longer_follows() -> None:
    kept = parts([shadow("a", 0, 10.0), shadow("b", 0, 10.0)], [factor("a", "1", 0, 0.4), factor("b", "1", 0, 0.4)])
    former = [{name: row[name] for name in FORMER.names} for row in kept]

    rows = parts(
        [shadow("a", 0, 0.01, known=30), shadow("b", 0, None, known=40)],
        [factor("a", "1", 0, 0.4), factor("b", "1", 0, 0.4)],
        former,
    )

    assert values(rows) == {("a", "SIM:1", 0): None, ("b", "SIM:1", 0): None}
    assert {row["reason"] for row in rows} == {price_parts.GONE}
    assert [row["published_at"] - NOON - FIVE for row in rows] == [timedelta(minutes=30), timedelta(minutes=40)]


NAMES = st.sampled_from(["a", "b", "c"])


@given(
    st.dictionaries(st.tuples(NAMES, st.integers(0, 3)), st.floats(0, 100), max_size=8),
    st.dictionaries(
        st.tuples(NAMES, st.sampled_from("123"), st.integers(-2, 4)), st.none() | st.floats(-1, 1), max_size=12
    ),
)
def test_price_parts__agree_with_a_loop(
    bound: dict[tuple[str, int], float], effects: dict[tuple[str, str, int], float | None]
) -> None:
    expected = {}
    for (name, at), price in bound.items():
        since = max((start for other, _, start in effects if other == name and start <= at), default=None)
        for (other, place, start), effect in effects.items():
            if other == name and start == since and effect is not None and abs(price * effect) >= 0.005:
                expected[name, f"SIM:{place}", at] = -price * effect

    found = values(
        parts(
            [shadow(name, at, price) for (name, at), price in bound.items()],
            [factor(name, place, since, effect) for (name, place, since), effect in effects.items()],
        )
    )

    assert found == pytest.approx(expected)


def test_price_parts__read_the_sets_in_force_at_the_start_and_those_that_follow() -> None:
    asked = price_parts.reads("SIM", NOON, NOON + timedelta(hours=1))

    in_force, changed = asked[price_parts.IN_FORCE], asked[price_parts.CHANGED]
    assert (in_force.newest, in_force.start, in_force.end) == (True, None, changed.start)
    assert changed.start == NOON + timedelta(microseconds=1)
    assert changed.end == NOON + timedelta(hours=1)
