"""The files of SIM as bytes: one line of facts, then tables of comma-separated values, instants in UTC.

    #SIM,1,real-time-prices,2026-01-05T12:00:15Z,prelim
    #table,prices
    location,interval_start,interval_end,price,energy,congestion,loss
    SIM:HUB_NORTH,2026-01-05T12:00:00Z,2026-01-05T12:05:00Z,31.42,30.9,0.31,0.21

Text was chosen over Arrow so that anyone can read a kept payload; benchmarks/subjects/sim_clearing.py times reading it.
"""

from __future__ import annotations

import io
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from pyarrow import csv

from powerdesk.kernel.calendars import CALENDARS
from powerdesk.kernel.intervals import DeliveryInterval, format_instant
from powerdesk.simulation import fleet, market, network, places
from powerdesk.simulation.types import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from powerdesk.simulation.clearing import Clearing
    from powerdesk.simulation.types import Publication

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int64]

FORMAT = 1
STAGES = {
    Kind.REAL_TIME_PRICES: "prelim",
    Kind.CORRECTED_PRICES: "corrected",
    Kind.SYSTEM_CONDITIONS: "prelim",
    Kind.DAY_AHEAD_FORECASTS: "forecast",
    Kind.DAY_AHEAD_PRICES: "final",
    Kind.HOURLY_FORECASTS: "forecast",
}
RENEWABLES = ("wind", "solar")
ONE_HOUR = timedelta(hours=1)


def payload(publication: Publication, *, seed: int, size: int | None = None) -> bytes:
    """Return the file that SIM publishes; `size` is the number of priced locations, its natural number when None.

    The same publication, seed and size give the same bytes. Raises LocationCountError, MarketTimeError.
    """
    if publication.kind in (Kind.REAL_TIME_PRICES, Kind.CORRECTED_PRICES, Kind.DAY_AHEAD_PRICES):
        count = places.base_count() if size is None else size
        tables = [_price_table(_cleared(publication, seed), size=count)]
    elif publication.kind is Kind.SYSTEM_CONDITIONS:
        tables = _condition_tables(market.real_time(seed=seed, interval=publication.interval))
    else:
        tables = _forecast_tables(publication, seed)
    facts = (publication.kind, format_instant(publication.published_at), STAGES[publication.kind])
    head = f"#SIM,{FORMAT},{','.join(facts)}\n"
    return b"".join((head.encode(), *tables))


def _cleared(publication: Publication, seed: int) -> tuple[Clearing, ...]:
    """Return the clearings whose prices the file holds."""
    interval = publication.interval
    if publication.kind is Kind.DAY_AHEAD_PRICES:
        return market.day_ahead(seed=seed, operating_day=CALENDARS[market.MARKET].operating_day(interval.start))
    if publication.kind is Kind.CORRECTED_PRICES:
        return (market.corrected_real_time(seed=seed, interval=interval),)
    return (market.real_time(seed=seed, interval=interval),)


def _price_table(cleared: Sequence[Clearing], *, size: int) -> bytes:
    """Return the table of prices, intervals in order and within each the locations in order."""
    ids = pa.array(places.places(size=size).ids, pa.string())
    blocks = []
    for result in cleared:
        prices = places.location_prices(result, size=size)
        parts = {"price": prices.price, "energy": prices.energy, "congestion": prices.congestion, "loss": prices.loss}
        blocks.append(_block(result.interval, ids, parts))
    return _table("prices", blocks)


def _condition_tables(cleared: Clearing) -> list[bytes]:
    """Return the tables of actual load by zone and of generation by fuel; load not served is not load."""
    units = fleet.fleet()
    served_mw = cleared.load_mw - cleared.shed_mw
    made_mw = _sums(units.fuel, cleared.dispatch_mw, len(fleet.FUELS))
    load = _block(cleared.interval, _area_ids(), {"load_mw": _rounded(_by_area(served_mw))})
    mix = _block(
        cleared.interval, pa.repeat(_area_id(places.SYSTEM), len(fleet.FUELS)), {"power_mw": _rounded(made_mw)}
    )
    mix = mix.add_column(1, "fuel", pa.array(fleet.FUELS, pa.string()))
    return [_table("load", [load]), _table("generation", [mix])]


def _forecast_tables(publication: Publication, seed: int) -> list[bytes]:
    """Return the hourly forecasts of load and of wind and sun over the interval that the file covers."""
    units, grid = fleet.fleet(), network.network()
    interval = publication.interval
    issued = publication.published_at
    if publication.kind is Kind.HOURLY_FORECASTS:
        issued = interval.start
    loads, renewables = [], []
    for number in range(round(interval.hours)):
        hour = DeliveryInterval(interval.start + number * ONE_HOUR, interval.start + (number + 1) * ONE_HOUR)
        seen = market.outlook(seed=seed, at_s=int(hour.start.timestamp()) + 1800, issued_at_s=int(issued.timestamp()))
        loads.append(_block(hour, _area_ids(), {"load_mw": _rounded(_by_area(seen.bus_load_mw))}))
        for fuel in RENEWABLES:
            output_mw = np.where(units.fuel == fleet.FUELS.index(fuel), seen.available_mw, 0.0)
            by_bus = _sums(units.bus, output_mw, len(grid.buses))
            block = _block(hour, _area_ids(), {"power_mw": _rounded(_by_area(by_bus))})
            renewables.append(block.add_column(1, "fuel", pa.repeat(fuel, block.num_rows)))
    return [_table("load_forecast", loads), _table("renewables_forecast", renewables)]


def _sums(position: IntArray, power_mw: FloatArray, count: int) -> FloatArray:
    """Return the sums of power by position (count,)."""
    return np.bincount(position, weights=power_mw, minlength=count).astype(np.float64)


def _by_area(by_bus: FloatArray) -> FloatArray:
    """Return sums over each zone and over the system (n_zone + 1,)."""
    grid = network.network()
    zones = _sums(grid.bus_zone, by_bus, len(grid.zones))
    return np.append(zones, zones.sum())


def _area_ids() -> pa.Array:
    """Return the location ids of the load zones and of the system."""
    names = (*(row.name for row in network.network().load_zones), places.SYSTEM)
    return pa.array([_area_id(name) for name in names], pa.string())


def _area_id(name: str) -> str:
    """Return the location id of a name."""
    return f"{places.MARKET}:{name}"


def _rounded(power_mw: FloatArray) -> FloatArray:
    """Return power to the kilowatt, without negative zeros."""
    rounded: FloatArray = power_mw.round(3) + 0.0
    return rounded


def _block(interval: DeliveryInterval, locations: pa.Array, values: dict[str, FloatArray]) -> pa.Table:
    """Return the rows of one interval."""
    count = len(locations)
    return pa.table(
        {
            "location": locations,
            "interval_start": pa.repeat(format_instant(interval.start), count),
            "interval_end": pa.repeat(format_instant(interval.end), count),
            **{name: pa.array(numbers) for name, numbers in values.items()},
        }
    )


def _table(name: str, blocks: Sequence[pa.Table]) -> bytes:
    """Return one table of the file as text."""
    rows = pa.concat_tables(blocks)
    sink = io.BytesIO()
    sink.write(f"#table,{name}\n{','.join(rows.column_names)}\n".encode())
    csv.write_csv(rows, sink, csv.WriteOptions(include_header=False, quoting_style="none"))
    return sink.getvalue()
