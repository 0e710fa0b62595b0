"""The forecast of binding constraints as the desk issues it: at one hour of each day, for the whole of the next."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from powerdesk.grid import datasets
from powerdesk.kernel import calendars, intervals
from powerdesk.markets import datasets as market_datasets
from powerdesk.store.lineage import Calculation
from powerdesk.store.types import Request

if TYPE_CHECKING:
    from collections.abc import Mapping

SHADOW_PRICES, PRICES = "shadow_prices", "prices"
METHOD = "regression"
ORIGIN_HOUR = 10
"""Local hour of the day before delivery: the last before the nearest day-ahead market closes."""
AHEAD = (timedelta(hours=14), timedelta(hours=38))
HISTORY = timedelta(days=92)
"""What a forecast reads: a little more than it remembers (`forecast.binding.MEMORY_DAYS`)."""
EPOCH, MICROSECOND, ONE_DAY = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1), timedelta(days=1)


def forecast_run(market_run: str) -> str:
    """Return what the dataset calls this forecast of a market run."""
    return f"{METHOD}-{market_run}"


def origin_before(instant: datetime, *, market: str) -> datetime:
    """Return the newest instant of issue at or before an instant."""
    calendar = calendars.calendar_of(market)
    day = calendar.operating_day(instant)
    for back in (0, 1):
        issued = calendar.day_interval(day - back * ONE_DAY).start + timedelta(hours=ORIGIN_HOUR)
        if issued <= instant:
            return issued
    raise AssertionError(f"found no issue before {instant}; allowed: one a day")


def reads(*, market: str, market_run: str, location: str, origin: datetime) -> dict[str, Request]:
    """Return the reads of a forecast: shadow prices, and prices of one location, which tell what was published."""
    within = {"market": (market,), "market_run": (market_run,)}
    start, end = origin - HISTORY, origin + AHEAD[1]
    return {
        SHADOW_PRICES: Request(
            datasets.SHADOW_PRICES.id,
            within=within,
            start=start,
            end=end,
            columns=("direction", "shadow_price_per_mwh", "currency"),
        ),
        PRICES: Request(
            market_datasets.PRICES.id,
            within={**within, "location": (location,)},
            start=start,
            end=end,
            columns=("interval_end", "price_per_mwh"),
        ),
    }


def binding_forecast(inputs: Mapping[str, pa.Table], parameters: Mapping[str, str], seed: int | None) -> pa.Table:
    """Return rows of grid.binding_forecast issued at the parameter `origin`; raises PanelError without history.

    Parameters: market, market_run, origin. What was published after the origin must not be among the inputs.
    """
    from powerdesk.grid.forecast import binding, rows  # noqa: PLC0415 - what learns loads when it is first due
    from powerdesk.grid.forecast import panel as panels  # noqa: PLC0415 - as above

    del seed
    market, origin = parameters["market"], intervals.parse_instant(parameters["origin"])
    prices = inputs[PRICES].filter(pc.is_valid(inputs[PRICES]["price_per_mwh"]))
    bound = inputs[SHADOW_PRICES]
    priced = pc.is_in(bound["interval_start"], prices["interval_start"].combine_chunks())
    bound = bound.filter(pc.and_(priced, pc.is_valid(bound["shadow_price_per_mwh"])))
    upper = pc.equal(bound["direction"], datasets.FROM_TO)
    signed = pc.if_else(upper, bound["shadow_price_per_mwh"], pc.negate(bound["shadow_price_per_mwh"]))
    at = bound.schema.get_field_index("shadow_price_per_mwh")
    panel = panels.of_tables(rows=bound.set_column(at, "shadow_price_per_mwh", signed), published=prices)
    known_us = (origin - EPOCH) // MICROSECOND
    ahead_us = (AHEAD[0] // MICROSECOND, AHEAD[1] // MICROSECOND)
    zone = calendars.calendar_of(market).zone
    model = binding.fit(panel=panel, zone=zone, known_us=known_us, ahead_us=ahead_us)
    forecast = binding.predict(model, panel=panel, known_us=known_us)
    return rows.table(
        forecast,
        market=market,
        forecast_run=forecast_run(parameters["market_run"]),
        currency=str(bound["currency"][0].as_py()),
    )


CALCULATION = Calculation(
    name=datasets.BINDING_FORECAST.id,
    version=1,
    dataset=datasets.BINDING_FORECAST.id,
    compute=binding_forecast,
    tolerance=1e-6,
)
"""Version 1 of a regression that is solved to a tolerance."""
