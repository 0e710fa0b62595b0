"""What each publication of SIM says, as tables by name: the rows of a file before they are text."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from powerdesk.kernel.calendars import CALENDARS
from powerdesk.kernel.intervals import DeliveryInterval, format_instant
from powerdesk.simulation import grid_tables, market, outages, places, technology, times
from powerdesk.simulation.outlook import outlook
from powerdesk.simulation.types import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from powerdesk.simulation.dispatch import Cleared
    from powerdesk.simulation.types import Publication
    from powerdesk.simulation.world import World

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int64]
    Tables = dict[str, pa.Table]

RENEWABLES = ("wind", "solar")
ONE_HOUR = timedelta(hours=1)
PRICES = frozenset({Kind.REAL_TIME_PRICES, Kind.CORRECTED_PRICES, Kind.DAY_AHEAD_PRICES})
CONSTRAINTS = frozenset({Kind.REAL_TIME_CONSTRAINTS, Kind.CORRECTED_CONSTRAINTS, Kind.DAY_AHEAD_CONSTRAINTS})


def tables_of(grid: World, publication: Publication, *, seed: int, size: int) -> Tables:
    """Return the tables of a publication with `size` priced locations, instants as text."""
    kind = publication.kind
    if kind in PRICES:
        return _prices(grid, _cleared(grid, publication, seed), size=size)
    if kind in CONSTRAINTS:
        return _constraints(grid, publication, seed)
    if kind is Kind.NETWORK_MODEL:
        return _model(grid, publication, seed)
    if kind is Kind.TRUTH:
        start_s = int(publication.interval.start.timestamp())
        known = market.hour(grid, seed=seed, start_s=start_s).cleared
        return {"truth": grid_tables.truth(grid, known, with_commitment=False)}
    if kind is Kind.SYSTEM_CONDITIONS:
        return _conditions(grid, market.real_time(grid, seed=seed, interval=publication.interval))
    return _forecasts(grid, publication, seed)


def _cleared(grid: World, publication: Publication, seed: int) -> tuple[Cleared, ...]:
    """Return the clearings whose prices the file holds."""
    interval = publication.interval
    if publication.kind in (Kind.DAY_AHEAD_PRICES, Kind.DAY_AHEAD_CONSTRAINTS):
        day = CALENDARS[times.MARKET].operating_day(interval.start)
        return market.day_ahead(grid, seed=seed, operating_day=day)
    if publication.kind in (Kind.CORRECTED_PRICES, Kind.CORRECTED_CONSTRAINTS):
        return (market.corrected_real_time(grid, seed=seed, interval=interval),)
    return (market.real_time(grid, seed=seed, interval=interval),)


def _constraints(grid: World, publication: Publication, seed: int) -> Tables:
    """Return shadow prices, maybe no row of them, flows, and of day-ahead the truth."""
    cleared = _cleared(grid, publication, seed)
    flows = grid_tables.flows(grid, cleared)
    if publication.kind is Kind.CORRECTED_CONSTRAINTS:
        first = market.real_time(grid, seed=seed, interval=publication.interval)
        return {"shadow_prices": grid_tables.shadow_prices(cleared, first=(first,)), "flows": flows}
    found = {"shadow_prices": grid_tables.shadow_prices(cleared), "flows": flows}
    if publication.kind is Kind.DAY_AHEAD_CONSTRAINTS:
        found["truth"] = grid_tables.truth(grid, cleared, with_commitment=True)
    return found


def _model(grid: World, publication: Publication, seed: int) -> Tables:
    """Return the network as it stands at the start of the publication's interval."""
    start = publication.interval.start
    at_s = int(start.timestamp()) + times.STEP_S // 2
    out = outages.outages(grid, seed=seed, at_s=at_s, known_at_s=at_s).lines
    return grid_tables.network_tables(grid, seed=seed, start=start, lines_out=out)


def _prices(grid: World, cleared: Sequence[Cleared], *, size: int) -> Tables:
    """Return prices, intervals in order and within each the locations in order."""
    ids = pa.array(places.places(grid, size=size).ids, pa.string())
    blocks = []
    for result in cleared:
        prices = places.location_prices(grid, result, size=size)
        parts = {"price": prices.price, "energy": prices.energy, "congestion": prices.congestion, "loss": prices.loss}
        blocks.append(_block(result.interval, ids, parts))
    return {"prices": pa.concat_tables(blocks)}


def _conditions(grid: World, cleared: Cleared) -> Tables:
    """Return actual load by zone and generation by fuel; load not served is not load."""
    fuels, served = technology.FUELS, _served(grid)
    short_mw = cleared.shortage_mw[served]
    served_mw = _by_area(grid, cleared.load_mw) - np.append(short_mw, short_mw.sum())
    made_mw = _sums(grid.units.fuel, cleared.dispatch_mw, len(fuels))
    load = _block(cleared.interval, _area_ids(grid), {"load_mw": _rounded(served_mw)})
    mix = _block(cleared.interval, pa.repeat(_area_id(places.SYSTEM), len(fuels)), {"power_mw": _rounded(made_mw)})
    mix = mix.add_column(1, "fuel", pa.array(fuels, pa.string()))
    return {"load": load, "generation": mix}


def _forecasts(grid: World, publication: Publication, seed: int) -> Tables:
    """Return hourly forecasts of load and of wind and sun over the interval that the file covers."""
    interval = publication.interval
    issued = publication.published_at
    if publication.kind is Kind.HOURLY_FORECASTS:
        issued = interval.start
    loads, renewables = [], []
    for number in range(round(interval.hours)):
        hour = DeliveryInterval(interval.start + number * ONE_HOUR, interval.start + (number + 1) * ONE_HOUR)
        at_s = int(hour.start.timestamp()) + 1800
        seen = outlook(grid, seed=seed, at_s=at_s, issued_at_s=int(issued.timestamp()))
        loads.append(_block(hour, _area_ids(grid), {"load_mw": _rounded(_by_area(grid, seen.bus_load_mw))}))
        for fuel in RENEWABLES:
            output_mw = np.where(grid.units.fuel == technology.FUELS.index(fuel), seen.available_mw, 0.0)
            by_bus = _sums(grid.units.bus, output_mw, len(grid.buses))
            block = _block(hour, _area_ids(grid), {"power_mw": _rounded(_by_area(grid, by_bus))})
            renewables.append(block.add_column(1, "fuel", pa.repeat(fuel, block.num_rows)))
    return {"load_forecast": pa.concat_tables(loads), "renewables_forecast": pa.concat_tables(renewables)}


def _sums(position: IntArray, power_mw: FloatArray, count: int) -> FloatArray:
    """Return the sums of power by position (count,)."""
    return np.bincount(position, weights=power_mw, minlength=count).astype(np.float64)


def _served(grid: World) -> IntArray:
    """Return the zones that have load, in the order of the load zones."""
    return np.flatnonzero(grid.zone_share > 0.0)


def _by_area(grid: World, by_bus: FloatArray) -> FloatArray:
    """Return sums over each zone with load and over the system (n_area,)."""
    zones = _sums(grid.bus_zone, by_bus, len(grid.zones))
    return np.append(zones[_served(grid)], zones.sum())


def _area_ids(grid: World) -> pa.Array:
    """Return the location ids of the load zones and of the system."""
    names = (*(row.name for row in grid.load_zones), places.SYSTEM)
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
