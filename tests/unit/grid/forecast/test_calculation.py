"""The calculation of grid.binding_forecast: for the day after, from what was published, and nothing of it twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from powerdesk.grid import datasets
from powerdesk.grid.forecast import binding, calculation, rows
from powerdesk.grid.forecast import panel as panels
from powerdesk.kernel import calendars

CALENDAR = calendars.calendar_of("SIM")
FIRST = datetime(2026, 2, 10, tzinfo=UTC).date()
DAYS = 40
"""Through the second Sunday of March, which has 23 hours."""


@cache
def history() -> pa.Table:
    """Return rows of SIM's day-ahead shadow prices, a day published at 18:00 UTC of the day before."""
    draw = np.random.default_rng(4)
    made = []
    for number in range(DAYS):
        day = FIRST + timedelta(days=number)
        published = datetime.combine(day, datetime.min.time(), UTC) - timedelta(hours=6)
        for interval in CALENDAR.intervals(day):
            hour = interval.start.hour
            for constraint, direction, peak in (("east", "from_to", 20), ("west", "to_from", 12)):
                if draw.uniform() < 0.05 + 0.8 * np.exp(-abs(hour - peak) / 3.0):
                    made.append(
                        {
                            "market": "SIM",
                            "market_run": "DA",
                            "constraint": constraint,
                            "interval_start": interval.start,
                            "direction": direction,
                            "shadow_price_per_mwh": float(draw.gamma(2.0, 15.0)),
                            "currency": "USD",
                            "published_at": published,
                        }
                    )
    plain = pa.Table.from_pylist(made)
    for name in ("interval_start", "published_at"):
        plain = plain.set_column(plain.column_names.index(name), name, plain[name].cast(rows.INSTANT))
    return plain


def inputs(start: datetime, end: datetime, table: pa.Table) -> dict[str, pa.Table]:
    """Return what the declared reads give of a table."""
    return {
        name: table.filter(
            pc.and_(
                pc.greater_equal(table["interval_start"], pa.scalar(request.start, rows.INSTANT)),
                pc.less(table["interval_start"], pa.scalar(request.end, rows.INSTANT)),
            )
        )
        for name, request in calculation.reads("SIM", start, end).items()
    }


def made(start: datetime, days: int = 1, table: pa.Table | None = None) -> pa.Table:
    given = inputs(start, start + timedelta(days=days), history() if table is None else table)
    return calculation.binding_forecast(given, {}, None)


@pytest.mark.parametrize(("day", "hours"), [(7, 23), (8, 24)])
def test_calculation__forecasts_the_day_after_from_what_was_published(day: int, hours: int) -> None:
    start = datetime(2026, 3, day, tzinfo=UTC)
    found = made(start)
    after = CALENDAR.day_interval(start.date() + timedelta(days=1))
    begins = pc.unique(found["interval_start"]).to_pylist()
    assert begins[0] == after.start
    assert len(begins) == 24  # the 24 hours that follow; of a shorter day, one of them belongs to the next
    assert begins[hours - 1] < after.end
    assert set(found["constraint"].to_pylist()) == {"east", "west"}
    assert pc.unique(found["published_at"]).to_pylist() == [start - timedelta(hours=6)]
    assert set(found.column_names) == {one.name for one in datasets.BINDING_FORECAST.columns} | {"published_at"}
    peak = [row for row in found.to_pylist() if row["constraint"] == "east" and row["interval_start"].hour == 20]
    low = [row for row in found.to_pylist() if row["constraint"] == "east" and row["interval_start"].hour == 8]
    assert peak[0]["binding_probability"] > 0.5
    assert low[0]["binding_probability"] < 0.3


def test_calculation__is_the_model_on_the_panel_of_that_moment() -> None:
    start = datetime(2026, 3, 12, tzinfo=UTC)
    known = history().filter(pc.less_equal(history()["published_at"], pa.scalar(start, rows.INSTANT)))
    panel, days = calculation._panel(known, CALENDAR.zone)
    _, end, published = days[-1].tolist()
    ahead = (end - published, end - published + panels.DAY_US)
    past = panel.until(published)
    model = binding.fit(panel=past, zone=CALENDAR.zone, known_us=published, ahead_us=ahead)
    said = binding.predict(model, panel=past, known_us=published)
    assert (np.sign(said.values[:, said.constraints.index("east")]) == datasets.SIGN["from_to"]).all()
    assert (np.sign(said.values[:, said.constraints.index("west")]) == datasets.SIGN["to_from"]).all()
    direct = rows.table(said, market="SIM", forecast_run=calculation.FORECAST_RUN, currency="USD")
    assert made(start).equals(direct)


def test_calculation__gives_the_same_rows_alone_and_together_and_whatever_comes_later() -> None:
    start = datetime(2026, 3, 3, tzinfo=UTC)
    together = made(start, days=3)
    alone = pa.concat_tables([made(start + timedelta(days=number)) for number in range(3)])
    assert together.num_rows == 3 * 2 * 24
    assert together.equals(alone)
    late = pc.greater(history()["published_at"], pa.scalar(start + timedelta(days=3), rows.INSTANT))
    price = pc.if_else(late, 1e5, history()["shadow_price_per_mwh"])
    at = history().column_names.index("shadow_price_per_mwh")
    assert made(start, days=3, table=history().set_column(at, "shadow_price_per_mwh", price)).equals(together)


def test_calculation__waits_for_enough_days_and_takes_an_empty_window() -> None:
    early = datetime(2026, 2, 10, tzinfo=UTC)
    assert made(early + timedelta(days=calculation.FEWEST_DAYS - 2)).num_rows == 0
    assert made(early + timedelta(days=calculation.FEWEST_DAYS - 1)).num_rows > 0
    nothing = made(datetime(2026, 6, 1, tzinfo=UTC))
    assert nothing.num_rows == 0
    assert nothing.schema.equals(made(datetime(2026, 3, 1, tzinfo=UTC)).schema)
