"""Totals of forecasts from outside: complete or unknown, and only what was known at each instant."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from powerdesk.grid.forecast import binding, known, terms
from powerdesk.grid.forecast import panel as panels
from powerdesk.grid.recovery.types import PanelError

INSTANT = pa.timestamp("us", tz="UTC")
START = 1_735_718_400_000_000
HOUR = panels.HOUR_US


def table(rows: list[tuple[str, str, int, int, float | None]]) -> pa.Table:
    """Return rows of source, location, hour of delivery, hour of publication, and MW."""
    source, location, start, told, power = zip(*rows, strict=True) if rows else ((),) * 5
    return pa.table(
        {
            "source": pa.array(source, pa.string()),
            "location": pa.array(location, pa.string()),
            "interval_start": pa.array([START + one * HOUR for one in start], INSTANT),
            "published_at": pa.array([START + one * HOUR for one in told], INSTANT),
            "power_mw": pa.array(power, pa.float64()),
        }
    )


def read(features: known.Features, start: int, origin: int) -> list[float]:
    asked = {"start_us": np.array([START + start * HOUR]), "origin_us": np.array([START + origin * HOUR])}
    return [float(one) for one in features.as_of(**asked)[0]]


def test_totals__add_up_locations_as_they_were_known() -> None:
    load = table([("a", "n", 30, 0, 5.0), ("a", "s", 30, 0, 7.0), ("a", "s", 30, 4, 8.0)])
    found = known.totals({"load": load, "wind": table([("a", "n", 30, 3, 2.0)])})
    assert found.names == ("load", "wind")
    assert read(found, 30, -1) == pytest.approx([np.nan, np.nan], nan_ok=True)
    assert read(found, 30, 2) == pytest.approx([12.0, np.nan], nan_ok=True)
    assert read(found, 30, 3) == [12.0, 2.0]
    assert read(found, 30, 9) == [13.0, 2.0]


def test_totals__are_unknown_while_a_usual_location_is_and_leave_out_one_that_is_rare() -> None:
    usual = [("a", place, hour, 0, 1.0) for place in ("n", "s") for hour in range(30, 50)]
    found = known.totals({"load": table([*usual, ("a", "n", 50, 0, 1.0), ("a", "rare", 30, 0, 99.0)])})
    assert read(found, 30, 1) == [2.0]
    assert np.isnan(read(found, 50, 1)[0])


def test_totals__take_a_retraction_the_later_of_two_at_once_and_one_source() -> None:
    told = [("a", "n", 30, 0, 5.0), ("a", "n", 30, 0, 6.0), ("a", "n", 31, 0, 5.0), ("a", "n", 31, 2, None)]
    found = known.totals({"load": table([*told, ("b", "n", 30, 1, 500.0)])})
    assert read(found, 30, 3) == [6.0]
    assert read(found, 31, 1) == [5.0]
    assert np.isnan(read(found, 31, 2)[0])


def test_totals__of_nothing_are_no_features() -> None:
    assert known.totals({}) is known.NONE
    assert known.totals({"load": table([])}) is known.NONE


def test_totals__refuse_what_is_infinite() -> None:
    with pytest.raises(PanelError, match="infinite"):
        known.totals({"load": table([("a", "n", 30, 0, float("inf"))])})


@given(st.lists(st.tuples(st.sampled_from("ns"), st.integers(30, 33), st.integers(1, 6), st.floats(0, 9)), max_size=30))
def test_totals__are_the_sum_of_the_last_told_of_each(revisions: list[tuple[str, int, int, float]]) -> None:
    told = [(place, hour, 0, 4.0) for place in "ns" for hour in range(30, 34)] + revisions
    found = known.totals({"load": table([("a", *row) for row in told])})
    for hour in range(30, 34):
        for origin in range(7):
            known_by_then = sorted((row for row in told if row[1] == hour and row[2] <= origin), key=lambda row: row[2])
            last = {place: power for place, _, _, power in known_by_then}
            assert read(found, hour, origin)[0] == pytest.approx(sum(last.values()))


def test_features_that_were_never_known_or_never_changed__count_for_nothing() -> None:
    values = np.column_stack([np.full(50, np.nan), np.full(50, 3.0), np.arange(50.0)])
    unit = terms.scaled(np.array([[[7.0, 9.0, 24.5]]]), terms.scale_of(values))
    assert unit[0, 0, :3].tolist() == [0.0, 0.0, 0.0]


def test_forecast__is_not_moved_by_features_of_the_target_alone() -> None:
    draw = np.random.default_rng(1)
    start = START + HOUR * np.arange(40 * 24)
    price = np.where(draw.uniform(size=(start.size, 3)) < 0.2, -np.exp(draw.normal(3.0, 1.0, (start.size, 3))), 0.0)
    panel = panels.Panel(60, start, start + HOUR, ("a", "b", "c"), price)
    origin, ahead = int(START + 35 * panels.DAY_US), (14 * HOUR, 38 * HOUR)
    late = known.Features(("load",), start[-100:], np.full(100, origin), draw.normal(9e3, 1e3, (100, 1)))
    said = [
        binding.predict(
            binding.fit(panel=panel, zone="UTC", known_us=origin, ahead_us=ahead, features=one),
            panel=panel,
            known_us=origin,
            features=one,
        )
        for one in (known.NONE, late)
    ]
    assert said[1].probability == pytest.approx(said[0].probability, abs=1e-6)
    assert said[1].values == pytest.approx(said[0].values)
