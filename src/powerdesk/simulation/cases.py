"""A world from any network: its loads, its generators at their own costs, technologies told by name or by cost.

The case's demand becomes the peak of a year; weather, outages and forecast errors are those of the simulated market.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import re
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import numpy as np

from powerdesk.grid import topology
from powerdesk.kernel.problem import Problem
from powerdesk.simulation import fleet, layout, world
from powerdesk.simulation.technology import TRAITS, Technology

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from powerdesk.grid.types import Branches, Buses, Generators, HvdcLines, Network
    from powerdesk.simulation.fleet import Fleet
    from powerdesk.simulation.world import World

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int64]

T = TypeVar("T", "Buses", "Branches", "HvdcLines")

PEAK_TO_MEAN = 1.6
"""Of load: the dearest hour of a made year over the mean before weather."""

LATITUDE, LONGITUDE = 40.5, -97.0
"""Where the sun of a case shines: its file names no place."""

STEPS = 4
SPREAD = 0.02
"""Deviation of a case's offers from its costs, changed daily, as a share of them."""

HINTS: tuple[tuple[str, Technology], ...] = (
    (r"wind|wtg|_W\d*$", Technology.WIND),
    (r"solar|pv|csp", Technology.SOLAR),
    (r"hydro|rosor|water", Technology.HYDRO),
    (r"nuc", Technology.NUCLEAR),
    (r"coal|steam|lignite", Technology.COAL),
    (r"_?cc(_|\d|$)|combined", Technology.GAS_COMBINED_CYCLE),
    (r"_?ct(_|\d|$)|turbine|peak", Technology.GAS_TURBINE),
    (r"oil|diesel", Technology.OIL),
)
RANKS = ((0.45, Technology.COAL), (0.85, Technology.GAS_COMBINED_CYCLE), (1.01, Technology.GAS_TURBINE))
"""Where names say nothing: by cost, up to these shares of the capacity."""


class UnfitCaseError(Problem):
    """A network cannot carry a simulated market."""

    status: ClassVar[int] = 422
    slug: ClassVar[str] = "simulated-case"
    title: ClassVar[str] = "The case cannot carry a simulated market"


def world_of(network: Network) -> World:
    """Return a world on the network; raises UnfitCaseError for islands, no load or too little generation.

    Buses are BUS_ and their number, isolated ones left out; zones follow the areas, four at most, as weather does.
    """
    network = _live_part(network)
    load = np.where(network.live, np.maximum(network.buses.load_mw + network.buses.shunt_mw, 0.0), 0.0)
    units = _fleet(network)
    if not load.sum() > 0.0 or units.capacity_mw.sum() < load.sum():
        raise UnfitCaseError(
            found=f"{load.sum():.0f} MW of load and {units.capacity_mw.sum():.0f} MW of generation in {network.name}",
            allowed="load, and generation of at least as much",
            remedy="take a case whose loads and generators are in service",
        )
    if (count := topology.islands(network).count) > 1:
        raise UnfitCaseError(
            found=f"{count} islands in {network.name}",
            allowed="one, since a market has one price of energy",
            remedy="join the islands, or take one of them as a case",
        )
    n_zone = len(layout.ZONES)
    bus_zone = np.unique(network.buses.area, return_inverse=True)[1].astype(np.int64) % n_zone
    zone_load = np.bincount(bus_zone, load, n_zone)
    share = load / np.where(zone_load > 0.0, zone_load, 1.0)[bus_zone]
    n_bus = load.size
    loaded = np.where(load > 0.0, 1.0, 0.0)
    buses = tuple(f"BUS_{number}" for number in network.buses.number.tolist())
    return world.World(
        network=_stripped(network, buses),
        zones=layout.ZONES,
        bus_zone=bus_zone,
        latitude=np.full(n_bus, LATITUDE),
        longitude=np.full(n_bus, LONGITUDE),
        load_share=share,
        zone_share=zone_load / load.sum(),
        mean_load_mw=float(load.sum()) / PEAK_TO_MEAN,
        hubs=(world.Aggregate("HUB_AVERAGE", "", tuple((loaded / loaded.sum()).tolist())),),
        load_zones=world.load_zones(layout.ZONES, bus_zone=bus_zone, load_share=share),
        units=units,
    )


def _live_part(network: Network) -> Network:
    """Return the network without its isolated buses and what hangs on them."""
    live = network.live
    place = np.maximum(np.cumsum(live) - 1, 0)
    generators, branches, hvdc = network.generators, network.branches, network.hvdc
    return dataclasses.replace(
        network,
        buses=_rows(network.buses, live),
        generators=dataclasses.replace(
            generators, bus=place[generators.bus], in_service=generators.in_service & live[generators.bus]
        ),
        branches=_rows(branches, live[branches.from_bus] & live[branches.to_bus], place),
        hvdc=_rows(hvdc, live[hvdc.from_bus] & live[hvdc.to_bus], place),
    )


def _rows(table: T, kept: NDArray[np.bool_], place: IntArray | None = None) -> T:
    """Return the rows that are kept; `place` tells the new position of each bus where rows have ends."""
    found: dict[str, Any] = {}
    for one in dataclasses.fields(table):
        value = getattr(table, one.name)
        found[one.name] = tuple(itertools.compress(value, kept)) if isinstance(value, tuple) else value[kept]
    if place is not None:
        found |= {end: place[getattr(table, end)[kept]] for end in ("from_bus", "to_bus")}
    return type(table)(**found)


def fingerprint(network: Network) -> str:
    """Return text that another case, or another state of the same file, does not share."""
    digest = hashlib.sha256()
    for table in (network.buses, network.branches, network.generators, network.hvdc):
        for one in dataclasses.fields(table):
            value = getattr(table, one.name)
            digest.update(value.tobytes() if isinstance(value, np.ndarray) else "\n".join(value).encode())
    return digest.hexdigest()[:16]


def _stripped(network: Network, buses: tuple[str, ...]) -> Network:
    """Return the network without loads and generators, which come with each interval, and without angle limits."""
    n_bus, n_branch = len(network.buses), len(network.branches)
    return dataclasses.replace(
        network,
        buses=dataclasses.replace(network.buses, name=buses, load_mw=np.zeros(n_bus), shunt_mw=np.zeros(n_bus)),
        branches=dataclasses.replace(
            network.branches, angle_min_deg=np.full(n_branch, -np.inf), angle_max_deg=np.full(n_branch, np.inf)
        ),
        generators=world.no_generators(),
    )


def _fleet(network: Network) -> Fleet:
    """Return the generators in service that can inject; loads that bid are left out."""
    generators = network.generators
    chosen = [at for at in network.live_generators.tolist() if generators.max_mw[at] > 0.0]
    curves = [_steps(generators, at) for at in chosen]
    capacity = np.array([generators.max_mw[at] for at in chosen])
    cost = np.array([float(np.average(price, weights=width)) for width, price in curves])
    names = tuple(_plain(generators.name[at]) for at in chosen)
    technology = _technologies(tuple(generators.name[at] for at in chosen), capacity, cost)
    flexible = np.array([not TRAITS[one].committed for one in technology], dtype=bool)
    prices = np.concatenate([price for _, price in curves]) if curves else np.empty(0)
    return fleet.Fleet(
        names=_unique(names),
        technology=technology,
        bus=generators.bus[chosen],
        min_mw=np.where(flexible, 0.0, np.clip(generators.min_mw[chosen], 0.0, 0.9 * capacity)),
        capacity_mw=capacity,
        heat_rate_mmbtu_per_mwh=np.zeros(capacity.size),
        step_unit=np.repeat(np.arange(len(chosen)), [width.size for width, _ in curves]),
        step_mw=np.concatenate([width for width, _ in curves]) if curves else np.empty(0),
        step_fixed_usd_per_mwh=prices,
        step_spread_usd_per_mwh=SPREAD * np.abs(prices),
        step_cost_multiple=np.zeros(prices.size),
    )


def _steps(generators: Generators, at: int) -> tuple[FloatArray, FloatArray]:
    """Return widths in MW and prices, which never fall, of the offer that a generator's cost makes from 0 MW."""
    most = float(generators.max_mw[at])
    edges = np.linspace(0.0, most, STEPS + 1)
    points = slice(generators.curve_start[at], generators.curve_start[at + 1])
    power, cost = generators.curve_mw[points], generators.curve_usd_per_h[points]
    if power.size > 1:
        middle = 0.5 * (edges[:-1] + edges[1:])
        slope = np.diff(cost) / np.diff(power)
        price = slope[np.clip(np.searchsorted(power, middle, side="right") - 1, 0, slope.size - 1)]
    else:
        quadratic = float(generators.quadratic_usd_per_mw2h[at])
        price = float(generators.linear_usd_per_mwh[at]) + quadratic * (edges[:-1] + edges[1:])
    return np.diff(edges), np.maximum.accumulate(price)


def _technologies(names: tuple[str, ...], capacity: FloatArray, cost: FloatArray) -> tuple[Technology, ...]:
    order = np.argsort(cost, kind="stable")
    below = np.empty(order.size)
    below[order] = (np.cumsum(capacity[order]) - 0.5 * capacity[order]) / max(float(capacity.sum()), 1e-9)
    found = []
    for at, name in enumerate(names):
        hinted = (technology for pattern, technology in HINTS if re.search(pattern, name, re.IGNORECASE))
        ranked = (technology for share, technology in RANKS if below[at] < share)
        found.append(next(itertools.chain(hinted, ranked)))
    return tuple(found)


def _plain(name: str) -> str:
    """Return a name in the letters that published elements have."""
    return re.sub(r"[^A-Z0-9_#() -]", "_", name.upper())[:70] or "GENERATOR"


def _unique(names: tuple[str, ...]) -> tuple[str, ...]:
    seen: dict[str, int] = {}
    found = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        found.append(name if seen[name] == 1 else f"{name} #{seen[name]}")
    return tuple(found)
