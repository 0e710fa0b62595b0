"""The grid of SIM as arrays, and its shift factors; 48 buses, four zones, four hubs, four load zones."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from powerdesk.simulation import layout

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int64]

KM_PER_DEGREE = 111.2
DETOUR = 1.15
"""Lines are longer than the straight distance."""


@dataclass(frozen=True, slots=True)
class Aggregate:
    """A hub (equal weights) or load zone (load weights): its price is the weighted mean of its buses' prices."""

    name: str
    zone: str
    weights: tuple[float, ...]
    """Per bus in network order, adding up to 1."""


@dataclass(frozen=True, eq=False)
class Network:
    """Buses (n_bus,) and lines (n_line,); a positive flow runs from `line_from` to `line_to`."""

    buses: tuple[str, ...]
    zones: tuple[str, ...]
    bus_zone: IntArray
    latitude: FloatArray
    longitude: FloatArray
    load_share: FloatArray
    """Each bus's share in the load of its zone; adds up to 1 within each zone."""
    zone_share: FloatArray
    """Each zone's share (n_zone,) in the load of the system before weather."""
    lines: tuple[str, ...]
    line_from: IntArray
    line_to: IntArray
    reactance_pu: FloatArray
    resistance_pu: FloatArray
    rating_mw: FloatArray
    hubs: tuple[Aggregate, ...]
    load_zones: tuple[Aggregate, ...]


@lru_cache(maxsize=1)
def network() -> Network:
    """Return the one grid of SIM, built from the layout."""
    buses = tuple(row[0] for row in layout.BUSES)
    position = {name: i for i, name in enumerate(buses)}
    latitude = np.array([row[2] for row in layout.BUSES])
    longitude = np.array([row[3] for row in layout.BUSES])
    bus_zone = np.array([layout.ZONES.index(row[1]) for row in layout.BUSES], dtype=np.int64)
    weight = np.array([row[4] for row in layout.BUSES])
    zone_weight = np.bincount(bus_zone, weights=weight, minlength=len(layout.ZONES))
    line_from = np.array([position[row[0]] for row in layout.LINES], dtype=np.int64)
    line_to = np.array([position[row[1]] for row in layout.LINES], dtype=np.int64)
    length_km = _length_km(latitude, longitude, line_from, line_to)
    circuits = np.array([row[2] for row in layout.LINES], dtype=np.float64)
    reactance = layout.REACTANCE_PU_PER_KM * length_km / circuits
    load_share = weight / zone_weight[bus_zone]
    return Network(
        buses=buses,
        zones=layout.ZONES,
        bus_zone=bus_zone,
        latitude=latitude,
        longitude=longitude,
        load_share=load_share,
        zone_share=zone_weight / weight.sum(),
        lines=tuple(f"{row[0]}-{row[1]}" for row in layout.LINES),
        line_from=line_from,
        line_to=line_to,
        reactance_pu=reactance,
        resistance_pu=reactance * layout.RESISTANCE_TO_REACTANCE,
        rating_mw=np.array([row[3] for row in layout.LINES]),
        hubs=_hubs(position),
        load_zones=tuple(
            Aggregate(f"LZ_{zone}", zone, tuple(np.where(bus_zone == i, load_share, 0.0).tolist()))
            for i, zone in enumerate(layout.ZONES)
        ),
    )


@lru_cache(maxsize=256)
def shift_factors(*, out_lines: tuple[int, ...]) -> FloatArray:
    """Return MW of flow per MW injected at each bus and withdrawn at bus 0 (n_line, n_bus); rows of lines out are 0.

    One factorisation of the susceptance matrix without bus 0; read-only. The lines left must join all buses.
    """
    grid = network()
    n_bus, n_line = len(grid.buses), len(grid.lines)
    susceptance = 1.0 / grid.reactance_pu
    susceptance[list(out_lines)] = 0.0
    incidence = np.zeros((n_line, n_bus))
    incidence[np.arange(n_line), grid.line_from] = 1.0
    incidence[np.arange(n_line), grid.line_to] = -1.0
    weighted = incidence * susceptance[:, None]
    reduced = (incidence.T @ weighted)[1:, 1:]
    factors = np.zeros((n_line, n_bus))
    factors[:, 1:] = np.linalg.solve(reduced, weighted[:, 1:].T).T
    factors.setflags(write=False)
    return factors


def referenced(factors: FloatArray, *, weights: FloatArray) -> FloatArray:
    """Return the shift factors (n_line, n_bus) with withdrawal spread over the buses by `weights` (sum 1)."""
    moved: FloatArray = factors - (factors @ weights)[:, None]
    return moved


@lru_cache(maxsize=256)
def joined(*, out_lines: tuple[int, ...]) -> bool:
    """Return whether the lines left still join all buses."""
    grid = network()
    group = list(range(len(grid.buses)))

    def root(bus: int) -> int:
        while group[bus] != bus:
            bus = group[bus]
        return bus

    for line, (a, b) in enumerate(zip(grid.line_from.tolist(), grid.line_to.tolist(), strict=True)):
        if line not in out_lines:
            group[root(a)] = root(b)
    return len({root(bus) for bus in range(len(grid.buses))}) == 1


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
