"""The calculation behind grid.binding_forecast: each day's day-ahead shadow prices forecast those of the day after.

A day-ahead market publishes a day at once, so every hour of a day of which some constraint is known was published; a
day without any row may be missing, and is taken as not published.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from powerdesk.grid import datasets
from powerdesk.grid.forecast import binding, rows
from powerdesk.grid.forecast import panel as panels
from powerdesk.grid.forecast.binding import Forecast
from powerdesk.kernel import calendars
from powerdesk.markets.datasets import DAY_AHEAD_RUN
from powerdesk.store.lineage import Calculation, Schedule
from powerdesk.store.types import Request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from powerdesk.grid.forecast.panel import Panel
    from powerdesk.grid.types import IntArray

DAY = timedelta(days=1)
HISTORY, WINDOW, AFTER = "history", "window", "after"
FORECAST_RUN = f"hierarchical {DAY_AHEAD_RUN}"
FEWEST_DAYS = 14
"""Days with some binding constraint below which nothing is forecast."""

_COLUMNS = ("direction", "shadow_price_per_mwh", "currency", "published_at")


def binding_forecast(inputs: Mapping[str, pa.Table], parameters: Mapping[str, str], seed: int | None) -> pa.Table:
    """Return rows of grid.binding_forecast: for each operating day that begins in the window, those of the day after.

    `history`, `window` and `after` hold successive day-ahead rows of grid.shadow_prices of one market. Each forecast is
    made of what was published by the time its day was; none before FEWEST_DAYS. About a second for 200 constraints.
    """
    del parameters, seed
    window = inputs[WINDOW].filter(pc.is_valid(inputs[WINDOW]["shadow_price_per_mwh"]))
    if not window.num_rows:
        return _none()
    known = pa.concat_tables([inputs[name].select(window.column_names) for name in (HISTORY, WINDOW, AFTER)])
    known = known.filter(pc.is_valid(known["shadow_price_per_mwh"]))
    market, currency = (str(window[name][0]) for name in ("market", "currency"))
    zone = calendars.calendar_of(market).zone
    panel, days = _panel(known, zone)
    inside = np.unique(window["interval_start"].cast(pa.int64()).to_numpy() // panels.DAY_US)
    made = [_none()]
    for begin, end, published in days.tolist():
        past = panel.until(published)
        enough = np.count_nonzero(days[:, 2] <= published) >= FEWEST_DAYS and len(past.constraints) > 0
        if enough and begin // panels.DAY_US in inside:
            made.append(_day_after(past, zone, (end, published), currency=currency, market=market))
    return pa.concat_tables(made)


def _day_after(past: Panel, zone: str, ended: tuple[int, int], *, market: str, currency: str) -> pa.Table:
    end, published = ended
    ahead = (end - published, end - published + panels.DAY_US)
    model = binding.fit(panel=past, zone=zone, known_us=published, ahead_us=ahead)
    found = binding.predict(model, panel=past, known_us=published)
    return rows.table(found, market=market, forecast_run=FORECAST_RUN, currency=currency)


def _panel(known: pa.Table, zone: str) -> tuple[Panel, IntArray]:
    """Return the panel, and of each operating day with some row (n_day, 3): begin, end, when it was published."""
    start = known["interval_start"].cast(pa.int64()).to_numpy()
    stamp = known["published_at"].cast(pa.int64()).to_numpy()
    calendar = calendars.calendar_of_zone(zone)
    local = panels.local_parts(start, zone=zone, minutes=60)[0]
    days, place = np.unique(local, return_inverse=True)
    newest = np.full(days.size, -1, dtype=np.int64)
    np.maximum.at(newest, place.ravel(), stamp)
    edges = np.array([_edges(calendar, one) for one in days.tolist()], dtype=np.int64)
    hours = (edges[:, 1] - edges[:, 0]) // panels.HOUR_US
    begins = np.concatenate(
        [begin + panels.HOUR_US * np.arange(count) for (begin, _), count in zip(edges, hours, strict=True)]
    )
    published = pa.table(
        {
            "interval_start": pa.array(begins, rows.INSTANT),
            "interval_end": pa.array(begins + panels.HOUR_US, rows.INSTANT),
            "published_at": pa.array(np.repeat(newest, hours), rows.INSTANT),
        }
    )
    sign = np.where(np.asarray(pc.equal(known["direction"], datasets.FROM_TO)), *_SIGNS)
    priced = pa.table(
        {
            "constraint": known["constraint"],
            "interval_start": known["interval_start"],
            "shadow_price_per_mwh": sign * known["shadow_price_per_mwh"].to_numpy(),
        }
    )
    return panels.of_tables(rows=priced, published=published), np.column_stack((edges, newest))


_SIGNS = (datasets.SIGN[datasets.FROM_TO], datasets.SIGN[datasets.TO_FROM])


def _edges(calendar: calendars.MarketCalendar, local_day: int) -> tuple[int, int]:
    interval = calendar.day_interval(date(1970, 1, 1) + local_day * DAY)
    return round(interval.start.timestamp()) * 1_000_000, round(interval.end.timestamp()) * 1_000_000


def _none() -> pa.Table:
    nothing = np.empty(0, np.int64)
    empty = Forecast(0, 60, nothing, (), np.empty((0, 0)), np.empty((0, 0, 1)), 0.0)
    return rows.table(empty, market="", forecast_run="", currency="")


def reads(market: str, start: datetime, end: datetime) -> dict[str, Request]:
    """Return the reads for whole days of a market: what is remembered before them, the days, and how the last ends."""
    within = {"market": (market,), "market_run": (DAY_AHEAD_RUN,)}
    edges = (start - timedelta(days=binding.MEMORY_DAYS + binding.TRAINING_DAYS), start, end, end + DAY)
    return {
        name: Request(datasets.SHADOW_PRICES.id, within=within, start=first, end=last, columns=_COLUMNS)
        for name, first, last in zip((HISTORY, WINDOW, AFTER), edges[:-1], edges[1:], strict=True)
    }


CALCULATION = Calculation(
    name=datasets.BINDING_FORECAST.id,
    version=1,
    dataset=datasets.BINDING_FORECAST.id,
    compute=binding_forecast,
    tolerance=1e-6,
    schedule=Schedule(window=DAY, reads=reads),
)
