"""What a market is simulated on: a network, its zones and priced aggregates, and its units.

`default()` is the grid of SIM, 73 buses; `simulation.cases` makes a world of any network.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from powerdesk.grid.types import REFERENCE_TYPE, Branches, Buses, Generators, HvdcLines, Network
from powerdesk.simulation import fleet, layout, units

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from powerdesk.simulation.fleet import Fleet

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int64]

KM_PER_DEGREE = 111.2
DETOUR = 1.15
"""Lines are longer than the straight distance."""

MEAN_LOAD_MW = 11_200.0


@dataclass(frozen=True, slots=True)
class Aggregate:
    """A hub (equal weights) or load zone (load weights): its price is the weighted mean of its buses' prices."""

    name: str
    zone: str
    weights: tuple[float, ...]
    """Per bus in network order, adding up to 1."""


@dataclass(frozen=True, eq=False)
class World:
    """Zones (n_zone,) have their own weather; `load_share` (n_bus,) adds up to 1 within each zone that has load.

    `network` holds buses and branches as they are with everything in service; its generators are not used: the units
    are those of `units`. Coordinates in degrees, NaN where nobody gave them.
    """

    network: Network
    zones: tuple[str, ...]
    bus_zone: IntArray
    latitude: FloatArray
    longitude: FloatArray
    load_share: FloatArray
    zone_share: FloatArray
    mean_load_mw: float
    hubs: tuple[Aggregate, ...]
    load_zones: tuple[Aggregate, ...]
    units: Fleet

    @property
    def buses(self) -> tuple[str, ...]:
        """Names of the buses."""
        return self.network.buses.name

    @property
    def lines(self) -> tuple[str, ...]:
        """Names of the branches."""
        return self.network.branches.name

    @property
    def system_weights(self) -> FloatArray:
        """Each bus's share (n_bus,) in the load of the system before weather: the reference of prices."""
        weights: FloatArray = self.load_share * self.zone_share[self.bus_zone]
        return weights


@lru_cache(maxsize=1)
def default() -> World:
    """Return the grid of SIM, built from the layout."""
    buses = tuple(row[0] for row in layout.BUSES)
    position = {name: i for i, name in enumerate(buses)}
    bus_zone = np.array([layout.ZONES.index(row[1]) for row in layout.BUSES], dtype=np.int64)
    latitude = np.array([row[2] for row in layout.BUSES])
    longitude = np.array([row[3] for row in layout.BUSES])
    weight = np.array([row[4] for row in layout.BUSES])
    zone_weight = np.bincount(bus_zone, weights=weight, minlength=len(layout.ZONES))
    load_share = weight / zone_weight[bus_zone]
    return World(
        network=_network(buses, bus_zone, (latitude, longitude)),
        zones=layout.ZONES,
        bus_zone=bus_zone,
        latitude=latitude,
        longitude=longitude,
        load_share=load_share,
        zone_share=zone_weight / weight.sum(),
        mean_load_mw=MEAN_LOAD_MW,
        hubs=_hubs(position),
        load_zones=load_zones(layout.ZONES, bus_zone=bus_zone, load_share=load_share),
        units=fleet.of_units(units.UNITS, buses=buses),
    )


def load_zones(zones: tuple[str, ...], *, bus_zone: IntArray, load_share: FloatArray) -> tuple[Aggregate, ...]:
    """Return the load-weighted mean of each zone that has load."""
    return tuple(
        Aggregate(f"LZ_{zone}", zone, tuple(np.where(bus_zone == i, load_share, 0.0).tolist()))
        for i, zone in enumerate(zones)
        if load_share[bus_zone == i].any()
    )


def _network(buses: tuple[str, ...], bus_zone: IntArray, place: tuple[FloatArray, FloatArray]) -> Network:
    """Return the layout as a network of the grid engine; all loads are left to the intervals."""
    n_bus, zero = len(buses), np.zeros(len(buses))
    position = {name: i for i, name in enumerate(buses)}
    low = np.array([name in layout.LOW_VOLTAGE for name in buses])
    kind = np.where(np.arange(n_bus) == 0, REFERENCE_TYPE, 1)
    ends = np.array([(position[row[0]], position[row[1]]) for row in layout.LINES], dtype=np.int64)
    length_km = _length_km(*place, ends[:, 0], ends[:, 1])
    circuits = np.array([float(row[2]) for row in layout.LINES])
    both = low[ends].sum(axis=1)
    reactance, resistance = (
        np.where(
            both == 1,
            layout.TRANSFORMER_PU[part],
            np.array(layout.LINE_PU_PER_KM)[both // 2, part] * length_km / circuits,
        )
        for part in (0, 1)
    )
    rating = np.array([row[3] for row in layout.LINES])
    count = len(layout.LINES)
    return Network(
        name="SIM",
        base_mva=layout.BASE_MVA,
        buses=Buses(
            number=np.arange(1, n_bus + 1, dtype=np.int64),
            name=buses,
            kind=kind.astype(np.int64),
            load_mw=zero,
            shunt_mw=zero.copy(),
            area=np.array([layout.AREA_OF_ZONE[layout.ZONES[zone]] for zone in bus_zone], dtype=np.int64),
            zone=bus_zone + 1,
            base_kv=np.where(low, layout.KV[1], layout.KV[0]),
        ),
        branches=Branches(
            name=tuple(f"{row[0]}-{row[1]}" for row in layout.LINES),
            from_bus=ends[:, 0],
            to_bus=ends[:, 1],
            resistance_pu=resistance,
            reactance_pu=reactance,
            tap=np.ones(count),
            shift_deg=np.zeros(count),
            rating_mw=rating,
            emergency_rating_mw=np.round(1.15 * rating),
            angle_min_deg=np.full(count, -np.inf),
            angle_max_deg=np.full(count, np.inf),
            in_service=np.ones(count, dtype=bool),
        ),
        generators=no_generators(),
        hvdc=no_hvdc(),
    )


def no_generators() -> Generators:
    """Return an empty table of generators."""
    none, at = np.empty(0), np.empty(0, np.int64)
    return Generators(
        name=(),
        bus=at,
        min_mw=none,
        max_mw=none,
        in_service=np.empty(0, bool),
        constant_usd_per_h=none,
        linear_usd_per_mwh=none,
        quadratic_usd_per_mw2h=none,
        curve_start=np.zeros(1, np.int64),
        curve_mw=none,
        curve_usd_per_h=none,
    )


def no_hvdc() -> HvdcLines:
    """Return an empty table of direct-current lines."""
    none, at = np.empty(0), np.empty(0, np.int64)
    return HvdcLines(
        name=(),
        from_bus=at,
        to_bus=at,
        min_mw=none,
        max_mw=none,
        loss_mw=none,
        loss_share=none,
        in_service=np.empty(0, bool),
    )


def _hubs(position: dict[str, int]) -> tuple[Aggregate, ...]:
    """Return the hubs of the layout, and the mean of them all."""
    rows = []
    for name, zone, members in layout.HUBS:
        weights = np.zeros(len(position))
        weights[[position[member] for member in members]] = 1.0 / len(members)
        rows.append(Aggregate(name, zone, tuple(weights.tolist())))
    mean = np.mean([row.weights for row in rows], axis=0)
    rows.append(Aggregate("HUB_AVERAGE", "", tuple(mean.tolist())))
    return tuple(rows)


def _length_km(latitude: FloatArray, longitude: FloatArray, start: IntArray, end: IntArray) -> FloatArray:
    """Return the length of each line (n_line,) over a plane tangent at 41 degrees north."""
    north = (latitude[end] - latitude[start]) * KM_PER_DEGREE
    east = (longitude[end] - longitude[start]) * (KM_PER_DEGREE * math.cos(math.radians(41.0)))
    length: FloatArray = np.hypot(north, east) * DETOUR
    return length
