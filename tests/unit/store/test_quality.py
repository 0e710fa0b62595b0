"""Completeness: what was due, what is there, and every gap between them; against a plain oracle."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st
from store_cases import HOUR, PRICES, T0, batch, row

from powerdesk.store import quality
from powerdesk.store.quality import FreshnessState

if TYPE_CHECKING:
    from collections.abc import Iterable

PLACES = ("AAA:X", "AAA:Y")


def judged(cells: Iterable[tuple[str, int]], *, hours: int, as_of_hours: float | None = None) -> quality.GroupQuality:
    keys = batch(*(row(hour, 1.0, location=place) for place, hour in cells)).select(list(PRICES.key))
    series = pa.table({"market": ["AAA"] * len(PLACES), "location": list(PLACES)})
    as_of = T0 + timedelta(hours=hours + 1 if as_of_hours is None else as_of_hours)
    (found,) = quality.quality(PRICES, keys=keys, series=series, start=T0, end=T0 + hours * HOUR, as_of=as_of)
    return found


def test_quality__is_complete_when_every_due_cell_is_there() -> None:
    found = judged([(place, hour) for place in PLACES for hour in range(4)], hours=4)
    assert (found.expected, found.present, found.completeness, found.gaps) == (8, 8, 1.0, ())


def test_quality__an_interval_is_due_only_after_its_rule_and_the_allowance() -> None:
    found = judged([], hours=4, as_of_hours=2.0)  # known at its end, late after ten minutes: hour 1 is not due at 2:00
    assert found.expected == 2
    assert judged([], hours=4, as_of_hours=2.5).expected == 4


def test_quality__names_a_hole_of_the_whole_group_once() -> None:
    found = judged([(place, hour) for place in PLACES for hour in (0, 3)], hours=4)
    (gap,) = found.gaps
    assert (gap.series, gap.start, gap.end, gap.intervals) == (("*",), T0 + HOUR, T0 + 3 * HOUR, 2)


def test_quality__an_irregular_run_within_a_slot_fills_it() -> None:
    late = batch(row(0, 1.0, location="AAA:X", interval_start=T0 + timedelta(minutes=7), interval_end=T0 + HOUR))
    series = pa.table({"market": ["AAA"], "location": ["AAA:X"]})
    (found,) = quality.quality(
        PRICES, keys=late.select(list(PRICES.key)), series=series, start=T0, end=T0 + HOUR, as_of=T0 + 9 * HOUR
    )
    assert found.completeness == 1.0


@settings(max_examples=60, deadline=None)
@given(st.sets(st.tuples(st.sampled_from(PLACES), st.integers(0, 7))))
def test_quality__gaps_and_present_cells_make_up_what_was_expected(cells: set[tuple[str, int]]) -> None:
    found = judged(cells, hours=8)
    missing = {(place, hour) for place in PLACES for hour in range(8)} - cells
    told = set()
    for gap in found.gaps:
        places = PLACES if gap.series == ("*",) else (gap.series[1],)
        first = (gap.start - T0) // HOUR
        fresh = {(place, hour) for place in places for hour in range(first, first + gap.intervals)}
        assert not told & fresh
        told |= fresh
    assert told == missing
    assert found.present == len(cells)


def test_quality__tells_the_newest_interval_begun_that_is_there() -> None:
    assert judged([("AAA:X", 1)], hours=4).newest_end == T0 + 2 * HOUR
    assert judged([("AAA:X", 1), ("AAA:X", 3)], hours=4, as_of_hours=3.0).newest_end == T0 + 4 * HOUR
    assert judged([("AAA:X", 1), ("AAA:X", 3)], hours=4, as_of_hours=2.5).newest_end == T0 + 2 * HOUR
    assert judged([], hours=4).newest_end is None


def test_freshness_state__turns_late_then_stale_by_the_datasets_own_rule() -> None:
    rule = PRICES.freshness
    ages = {None: "never", timedelta(minutes=5): "ok", timedelta(minutes=11): "late", timedelta(hours=3): "stale"}
    assert {age: quality.freshness_state(rule, age=age) for age in ages} == {
        age: FreshnessState(state) for age, state in ages.items()
    }
