"""From rows of binding constraints to a panel: means by hour, what was published, what was known when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from powerdesk.grid.forecast import panel as panels
from powerdesk.grid.recovery.types import PanelError

BEGIN = datetime(2025, 3, 9, tzinfo=UTC)
FIVE = timedelta(minutes=5)


def published(minutes: list[int]) -> pa.Table:
    start = [BEGIN + timedelta(minutes=one) for one in minutes]
    return pa.table(
        {
            "interval_start": start,
            "interval_end": [one + FIVE for one in start],
            "published_at": [one + 2 * FIVE for one in start],
        }
    )


def rows(found: list[tuple[str, int, float]]) -> pa.Table:
    return pa.table(
        {
            "constraint": pa.array([one[0] for one in found], pa.string()),
            "interval_start": pa.array([BEGIN + timedelta(minutes=one[1]) for one in found], pa.timestamp("us", "UTC")),
            "shadow_price_per_mwh": pa.array([one[2] for one in found], pa.float64()),
        }
    )


@settings(deadline=None, max_examples=50)
@given(
    told=st.sets(st.integers(0, 35), min_size=1),
    bound=st.dictionaries(st.tuples(st.sampled_from("abc"), st.integers(0, 35)), st.integers(-300, 300), max_size=30),
)
def test_of_tables__averages_what_was_published_and_tells_missing_from_not_binding(
    told: set[int], bound: dict[tuple[str, int], int]
) -> None:
    kept = {key: float(value) for key, value in bound.items() if key[1] in told}
    found = panels.of_tables(
        rows=rows([(name, 5 * at, value) for (name, at), value in kept.items()]),
        published=published([5 * at for at in sorted(told, reverse=True)]),
    )
    first = min(told) // 12
    for hour in range(first, max(told) // 12 + 1):
        inside = [at for at in told if at // 12 == hour]
        row = found.shadow_price[hour - first]
        if len(inside) < 6:
            assert np.isnan(row).all()
            assert found.known_us[hour - first] == panels.NEVER_US
            continue
        known = BEGIN + timedelta(minutes=5 * max(inside)) + 2 * FIVE
        assert found.known_us[hour - first] == int(known.timestamp()) * 1_000_000
        for place, name in enumerate(found.constraints):
            mean = sum(kept.get((name, at), 0.0) for at in inside) / len(inside)
            assert row[place] == pytest.approx(mean if abs(mean) >= 0.01 else 0.0)


def test_of_tables__counts_less_than_a_tick_as_not_binding() -> None:
    found = panels.of_tables(rows=rows([("a", 0, 0.119), ("b", 0, 0.121)]), published=published(list(range(0, 60, 5))))
    assert found.shadow_price[0].tolist() == pytest.approx([0.0, 0.121 / 12])


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ([("a", 60, 1.0)], "not said to be published"),
        ([("a", 0, 1.0), ("a", 0, 2.0)], "come twice"),
        ([("a", 0, float("nan"))], "not numbers"),
    ],
)
def test_of_tables__refuses_rows_that_do_not_fit(found: list[tuple[str, int, float]], words: str) -> None:
    with pytest.raises(PanelError, match=words):
        panels.of_tables(rows=rows(found), published=published(list(range(0, 60, 5))))


def test_of_tables__refuses_a_panel_without_publications() -> None:
    with pytest.raises(PanelError, match="publications"):
        panels.of_tables(rows=rows([]), published=published([0]).slice(0, 0))


def test_until__knows_neither_later_intervals_nor_constraints_that_had_not_bound() -> None:
    every = list(range(0, 180, 5))
    found = panels.of_tables(rows=rows([("a", 10, 6.0), ("b", 130, 6.0)]), published=published(every))
    assert found.constraints == ("a", "b")
    hour = found.start_us[0] + panels.HOUR_US
    just_before = found.until(hour + 5 * panels.MINUTE_US - 1)
    assert (just_before.start_us.size, just_before.constraints) == (0, ())
    then = found.until(hour + 5 * panels.MINUTE_US)
    assert (then.start_us.size, then.constraints) == (1, ("a",))
    assert found.until(panels.NEVER_US - 1) is found
    assert np.isnan(found.of(("z", "b"))).sum() == 0
    assert found.of(("z", "b"))[:, 1].tolist() == [0.0, 0.0, 0.5]


@pytest.mark.parametrize(("day", "hours"), [("2025-03-09", 23), ("2025-11-02", 25), ("2025-06-01", 24)])
def test_local_parts__has_days_of_23_and_25_hours(day: str, hours: int) -> None:
    noon = int(datetime.fromisoformat(f"{day}T20:00+00:00").timestamp()) * 1_000_000
    start = noon + panels.HOUR_US * np.arange(-40, 40)
    local, slot, weekend = panels.local_parts(start, zone="America/Los_Angeles", minutes=60)
    mine = local == local[40]
    assert mine.sum() == hours
    assert set(slot[mine].tolist()) == set(range(24)) - ({2} if hours == 23 else set())
    assert weekend[40]  # all three are Sundays
    assert not weekend[(local == local[40] + 1)].any()


def test_of_tables__refuses_constraints_without_a_name() -> None:
    told = rows([("a", 0, 1.0)])
    nameless = told.set_column(told.schema.get_field_index("constraint"), "constraint", pa.array([None], pa.string()))
    with pytest.raises(PanelError, match="without a name"):
        panels.of_tables(rows=nameless, published=published([0]))


@pytest.mark.parametrize("minutes", [0, -60, 7, 1441])
def test_of_tables__refuses_intervals_that_are_no_part_of_a_day(minutes: int) -> None:
    with pytest.raises(PanelError, match="part of a day"):
        panels.of_tables(rows=rows([]), published=published([0]), minutes=minutes)


def test_of_tables__refuses_publications_that_overlap_or_outlast_its_intervals() -> None:
    told = published([0, 60])
    longer = told.set_column(
        told.schema.get_field_index("interval_end"),
        "interval_end",
        pc.add(told["interval_start"], pa.scalar(timedelta(minutes=61))),
    )
    for one in (longer, longer.slice(0, 1)):
        with pytest.raises(PanelError, match="overlap or reach"):
            panels.of_tables(rows=rows([]), published=one)
