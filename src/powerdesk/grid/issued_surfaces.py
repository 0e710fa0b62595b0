"""Basis surfaces as the desk keeps them: of day-ahead prices, for this month and the last, to each hub of a market."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from powerdesk.grid import datasets
from powerdesk.grid.basis import panel as panels
from powerdesk.grid.basis import surface
from powerdesk.grid.basis.cells import Blocks
from powerdesk.grid.basis.panel import BasisError, Leg
from powerdesk.kernel import calendars, intervals
from powerdesk.markets import datasets as market_datasets
from powerdesk.store.lineage import Calculation
from powerdesk.store.types import Request

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PRICES = "prices"
RUN = market_datasets.DAY_AHEAD_RUN
BLOCKS = (Blocks.HOURS, Blocks.ALL)
METHOD = surface.Method(replicates=0)
"""The dataset holds no confidence bounds, which are what replicates are for."""
MOST_LOCATIONS = 200
"""Of a market, by id: each pair with a hub takes some 35 ms."""


def months(instant: datetime, *, market: str) -> tuple[datetime, datetime, datetime]:
    """Return the starts of the month before last, of the last and of the next, on the market's clock."""
    calendar = calendars.calendar_of(market)
    first = calendar.operating_day(instant).replace(day=1)
    last = (first - timedelta(days=1)).replace(day=1)
    before = (last - timedelta(days=1)).replace(day=1)
    following = (first + timedelta(days=32)).replace(day=1)
    before_start, last_start, next_start = (calendar.day_interval(day).start for day in (before, last, following))
    return before_start, last_start, next_start


def reads(*, market: str, locations: Sequence[str], start: datetime, end: datetime) -> dict[str, Request]:
    """Return the read of a market's day-ahead prices."""
    return {
        PRICES: Request(
            market_datasets.PRICES.id,
            within={"market": (market,), "market_run": (RUN,), "location": tuple(locations)},
            start=start,
            end=end,
            columns=("interval_end", "price_per_mwh", "currency", "published_at"),
        )
    }


def basis_surfaces(inputs: Mapping[str, pa.Table], parameters: Mapping[str, str], seed: int | None) -> pa.Table:
    """Return rows of grid.basis_surface of every location to the parameter `hub`, from the month `first` on.

    Parameters: market, hub, first. Prices of earlier months count only for smoothing. Raises BasisError for a hub
    without prices; a location that shares no interval with the hub has no rows.
    """
    del seed
    panel = panels.panel(inputs[PRICES])
    zone, first = calendars.calendar_of(parameters["market"]).zone, intervals.parse_instant(parameters["first"])
    hub = Leg.at(parameters["hub"])
    if parameters["hub"] not in panel.locations:
        raise BasisError(
            found=f"no price at the hub {hub.name}", allowed="a hub with prices", remedy="record its prices first"
        )
    made = [surface.SCHEMA.empty_table()]
    for location in panel.locations:
        leg = Leg.at(location)
        if location != hub.name and panel.difference(hub=hub, location=leg).basis.size:
            made += [
                surface.surface(panel, hub=hub, location=leg, zone=zone, blocks=blocks, method=METHOD)
                for blocks in BLOCKS
            ]
    found = surface.rows_of(pa.concat_tables(made))
    return found.filter(pc.greater_equal(found["interval_start"], pa.scalar(first, surface.INSTANT)))


CALCULATION = Calculation(
    name=datasets.BASIS_SURFACE.id,
    version=1,
    dataset=datasets.BASIS_SURFACE.id,
    compute=basis_surfaces,
)
