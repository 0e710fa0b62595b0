"""The locations that SIM prices: buses, hubs, load zones, the system, and settlement points for load tests."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pyarrow as pa

from powerdesk.kernel.problem import Problem
from powerdesk.simulation import noise, world

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from powerdesk.simulation.dispatch import Cleared
    from powerdesk.simulation.world import World

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int64]

MARKET = "SIM"
SYSTEM = "SYSTEM"
MOST_LOCATIONS = 20_000
STUB_LOSS_SPREAD = 0.012
"""Deviation of the loss factor of the stub line that ties a settlement point to its bus."""

STUB_DEGREES = 0.12
"""Deviation of a settlement point's place from its bus, in degrees."""


class LocationCountError(Problem):
    """The market was asked for fewer locations than it has, or more than it can."""

    status: ClassVar[int] = 422
    slug: ClassVar[str] = "simulated-locations"
    title: ClassVar[str] = "SIM cannot have that many locations"


@dataclass(frozen=True, eq=False)
class Places:
    """Locations in published order: aggregates first (weights (n_aggregate, n_bus)), then points on single buses."""

    ids: tuple[str, ...]
    kinds: tuple[str, ...]
    zones: tuple[str, ...]
    latitude: FloatArray
    longitude: FloatArray
    weights: FloatArray
    point_bus: IntArray
    point_stub_loss: FloatArray


@dataclass(frozen=True, slots=True)
class LocationPrices:
    """Prices by location (n_location,) in USD/MWh, rounded to cents so that price = energy + congestion + loss."""

    price: FloatArray
    energy: FloatArray
    congestion: FloatArray
    loss: FloatArray


def base_count() -> int:
    """Return the number of locations without settlement points added for load tests."""
    return natural_count(world.default())


def natural_count(grid: World) -> int:
    """Return the number of locations of a world: hubs, load zones, the system and every bus."""
    return len(grid.hubs) + len(grid.load_zones) + 1 + len(grid.buses)


@lru_cache(maxsize=4)
def places(grid: World, *, size: int) -> Places:
    """Return the first `size` locations of a world; raises LocationCountError outside its own to MOST_LOCATIONS."""
    least = natural_count(grid)
    if not least <= size <= max(least, MOST_LOCATIONS):
        raise LocationCountError(
            found=f"{size} locations", allowed=f"{least} to {MOST_LOCATIONS}", remedy=f"ask for {least} or more"
        )
    n_bus, n_extra = len(grid.buses), size - least
    system = tuple(grid.system_weights.tolist())
    aggregates = (*grid.hubs, *grid.load_zones, world.Aggregate(SYSTEM, "", system))
    weights = np.array([row.weights for row in aggregates])
    extra_bus = np.arange(n_extra, dtype=np.int64) % n_bus
    stub = noise.stream_keys(seed=0, names=("stub-loss", "stub-north", "stub-east"))
    scatter = noise.normal(stub, index=np.arange(n_extra, dtype=np.int64)[:, None]).reshape(n_extra, 3)
    points = [f"{grid.buses[bus]}_SP{number // n_bus + 1:04d}" for number, bus in enumerate(extra_bus.tolist())]
    bus = np.concatenate((np.arange(n_bus, dtype=np.int64), extra_bus))
    shift = np.concatenate((np.zeros((n_bus, 3)), scatter))
    return Places(
        ids=tuple(f"{MARKET}:{name}" for name in (*(row.name for row in aggregates), *grid.buses, *points)),
        kinds=(*("hub" for _ in grid.hubs), *("zone" for _ in range(len(grid.load_zones) + 1)), *("node" for _ in bus)),
        zones=(*(row.zone for row in aggregates), *(grid.zones[zone] for zone in grid.bus_zone[bus].tolist())),
        latitude=np.concatenate((weights @ grid.latitude, grid.latitude[bus] + STUB_DEGREES * shift[:, 1])).round(4),
        longitude=np.concatenate((weights @ grid.longitude, grid.longitude[bus] + STUB_DEGREES * shift[:, 2])).round(4),
        weights=weights,
        point_bus=bus,
        point_stub_loss=STUB_LOSS_SPREAD * shift[:, 0],
    )


def location_table(*, size: int) -> pa.Table:
    """Return the locations as rows: id, market, name, kind (hub, zone, node), zone ("" = all), latitude, longitude."""
    found = places(world.default(), size=size)
    return pa.table(
        {
            "id": pa.array(found.ids, pa.string()),
            "market": pa.repeat(MARKET, size),
            "name": pa.array([text.partition(":")[2] for text in found.ids], pa.string()),
            "kind": pa.array(found.kinds, pa.string()),
            "zone": pa.array(found.zones, pa.string()),
            "latitude": pa.array(found.latitude),
            "longitude": pa.array(found.longitude),
        }
    )


def location_prices(grid: World, cleared: Cleared, *, size: int) -> LocationPrices:
    """Return the prices of the first `size` locations; a stub loses its own share of energy on top of its bus."""
    found = places(grid, size=size)
    bus = found.point_bus
    congestion = np.concatenate((found.weights @ cleared.congestion, cleared.congestion[bus]))
    stub_loss = -cleared.energy * found.point_stub_loss
    loss = np.concatenate((found.weights @ cleared.loss, cleared.loss[bus] + stub_loss))
    # adding 0.0 turns a rounded -0.0 into 0.0
    congestion, loss = congestion.round(2) + 0.0, loss.round(2) + 0.0
    energy = np.full(size, round(cleared.energy, 2) + 0.0)
    return LocationPrices((energy + congestion + loss).round(2) + 0.0, energy, congestion, loss)
