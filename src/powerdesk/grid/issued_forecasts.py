"""The forecast of binding constraints as the desk issues it: at one hour of each day, for the whole of the next.

It looks at shadow prices, and at the market's own forecasts of load, wind and sun in every revision: past origins are
learned from with what was known at each, as the new one is looked from.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import MappingProxyType
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

    from powerdesk.grid.forecast.known import Features
    from powerdesk.grid.forecast.panel import Panel

SHADOW_PRICES, PRICES, LOAD, RENEWABLES = "shadow_prices", "prices", "load", "renewables"
OUTLOOKS: Mapping[str, str] = MappingProxyType({"CAISO": "DAM", "NYISO": "ISOLF", "SIM": "DAM"})
"""The forecast run of each market that tells the next day by the hour of issue."""
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
    """Return the reads: shadow prices, prices of one location, which tell what was published, and outlooks."""
    within = {"market": (market,), "market_run": (market_run,)}
    start, end = origin - HISTORY, origin + AHEAD[1]
    found = {
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
    if market in OUTLOOKS:
        told = {"market": (market,), "forecast_run": (OUTLOOKS[market],)}
        for name, dataset in ((LOAD, market_datasets.LOAD_FORECAST), (RENEWABLES, market_datasets.RENEWABLES_FORECAST)):
            found[name] = Request(dataset.id, within=told, start=start, end=end, vintages=True)
    return found


def binding_forecast(inputs: Mapping[str, pa.Table], parameters: Mapping[str, str], seed: int | None) -> pa.Table:
    """Return rows of grid.binding_forecast issued at the parameter `origin`; raises PanelError without history.

    Parameters: market, market_run, origin. What was published after the origin must not be among the inputs.
    """
    from powerdesk.grid.forecast import binding, rows  # noqa: PLC0415 - what learns loads when it is first due

    del seed
    market, origin = parameters["market"], intervals.parse_instant(parameters["origin"])
    panel, features = _panel(inputs), _features(inputs)
    known_us = (origin - EPOCH) // MICROSECOND
    ahead_us = (AHEAD[0] // MICROSECOND, AHEAD[1] // MICROSECOND)
    zone = calendars.calendar_of(market).zone
    model = binding.fit(panel=panel, zone=zone, known_us=known_us, ahead_us=ahead_us, features=features)
    forecast = binding.predict(model, panel=panel, known_us=known_us, features=features)
    return rows.table(
        forecast,
        market=market,
        forecast_run=forecast_run(parameters["market_run"]),
        currency=str(pc.drop_null(inputs[SHADOW_PRICES]["currency"])[0].as_py()),
    )


def _panel(inputs: Mapping[str, pa.Table]) -> Panel:
    """Return the shadow prices by the hour, signed, of intervals whose prices were published."""
    from powerdesk.grid.forecast import panel as panels  # noqa: PLC0415 - what learns loads when it is first due

    prices, bound = (inputs[name] for name in (PRICES, SHADOW_PRICES))
    prices = prices.filter(pc.is_valid(prices["price_per_mwh"]))
    priced = pc.is_in(bound["interval_start"], prices["interval_start"].combine_chunks())
    bound = bound.filter(pc.and_(priced, pc.is_valid(bound["shadow_price_per_mwh"])))
    upper = pc.equal(bound["direction"], datasets.FROM_TO)
    sign = pc.if_else(upper, datasets.SIGN[datasets.FROM_TO], datasets.SIGN[datasets.TO_FROM])
    at = bound.schema.get_field_index("shadow_price_per_mwh")
    signed = bound.set_column(at, "shadow_price_per_mwh", pc.multiply(bound["shadow_price_per_mwh"], sign))
    return panels.of_tables(rows=signed, published=prices)


def _features(inputs: Mapping[str, pa.Table]) -> Features:
    """Return the market's forecasts of load and of generation by fuel, each as a total over its locations."""
    from powerdesk.grid.forecast import known  # noqa: PLC0415 - what learns loads when it is first due

    found = {}
    if LOAD in inputs:
        found[LOAD] = inputs[LOAD].rename_columns({"load_mw": "power_mw"})
        made = inputs[RENEWABLES]
        found |= {
            fuel: made.filter(pc.equal(made["fuel"], fuel)) for fuel in sorted(pc.unique(made["fuel"]).to_pylist())
        }
    return known.totals(found)


CALCULATION = Calculation(
    name=datasets.BINDING_FORECAST.id,
    version=2,
    dataset=datasets.BINDING_FORECAST.id,
    compute=binding_forecast,
    tolerance=1e-6,
)
"""A regression that is solved to a tolerance; version 1 did not see forecasts of load, wind and sun."""
