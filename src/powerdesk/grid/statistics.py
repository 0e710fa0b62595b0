"""A network in numbers, and its islands: what hangs together and whether each part can serve its load."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from powerdesk.grid import topology

if TYPE_CHECKING:
    from powerdesk.grid.types import FloatArray, IntArray, Network


@dataclass(frozen=True, slots=True)
class Statistics:
    """What a network is; counts and sums are of elements in service. Empty selections have NaN as quantile.

    `degree` counts the neighbours of a bus (parallel branches once): the share of buses with 0, 1, 2, ... of them.
    `reactance_pu`, `resistance_to_reactance` and `rating_mw` are the quantiles 0.05, 0.5 and 0.95 over branches.
    """

    n_bus: int
    n_isolated: int
    n_branch: int
    n_rated: int
    n_parallel: int
    n_transformer: int
    n_generator: int
    n_hvdc: int
    n_island: int
    n_bridge: int
    n_radial_bus: int
    load_mw: float
    capacity_mw: float
    least_generation_mw: float
    mean_degree: float
    degree_share: tuple[float, ...]
    reactance_pu: tuple[float, float, float]
    resistance_to_reactance: tuple[float, float, float]
    rating_mw: tuple[float, float, float]
    bus_by_base_kv: tuple[tuple[float, int], ...]


@dataclass(frozen=True, slots=True)
class Island:
    """One part joined by branches in service, largest first: its buses, load, capacity, and whether it can be served.

    `reference_bus` is the number of the bus that balances it. `adequate` is false where demand lies outside what
    generators and direct-current lines can give at most, or below what generators must give at least.
    """

    reference_bus: int
    n_bus: int
    n_generator: int
    load_mw: float
    least_generation_mw: float
    capacity_mw: float
    hvdc_mw: float
    adequate: bool


@dataclass(frozen=True, slots=True)
class Area:
    """An area by its number in the case: buses, load and generating capacity in service."""

    area: int
    n_bus: int
    load_mw: float
    capacity_mw: float


@dataclass(frozen=True, slots=True)
class Candidate:
    """A rated branch with the flow of a dispatch that no rating held back; `loading` above 1 wants to bind."""

    branch: str
    flow_mw: float
    rating_mw: float
    loading: float


def statistics(network: Network) -> Statistics:
    """Return the network in numbers; O(buses + branches)."""
    on, generators = network.live_branches, network.live_generators
    branches = network.branches
    corridors, neighbours = _corridors(network)
    rating = branches.rating_mw[on]
    degree = neighbours[network.live]
    shares = np.bincount(degree) / max(1, degree.size)
    reactance = np.abs(branches.reactance_pu[on])
    levels, counts = np.unique(network.buses.base_kv[network.live], return_counts=True)
    return Statistics(
        n_bus=len(network.buses),
        n_isolated=int(np.count_nonzero(~network.live)),
        n_branch=on.size,
        n_rated=int(np.isfinite(rating).sum()),
        n_parallel=on.size - corridors,
        n_transformer=int(np.count_nonzero(_transformers(network)[on])),
        n_generator=generators.size,
        n_hvdc=network.live_hvdc.size,
        n_island=topology.islands(network).count,
        n_bridge=int(topology.bridges(network).sum()),
        n_radial_bus=int(topology.radial_buses(network).sum()),
        load_mw=float(network.demand_mw.sum()),
        capacity_mw=float(network.generators.max_mw[generators].sum()),
        least_generation_mw=float(network.generators.min_mw[generators].sum()),
        mean_degree=float(degree.mean()) if degree.size else 0.0,
        degree_share=tuple(shares.tolist()),
        reactance_pu=_quantiles(reactance),
        resistance_to_reactance=_quantiles(branches.resistance_pu[on] / reactance),
        rating_mw=_quantiles(rating[np.isfinite(rating)]),
        bus_by_base_kv=tuple(zip(levels.tolist(), counts.tolist(), strict=True)),
    )


def islands(network: Network) -> tuple[Island, ...]:
    """Return the islands of the network, most buses first; buses declared isolated belong to none."""
    found = topology.islands(network)
    live, on = np.flatnonzero(network.live), network.live_generators
    where = found.of_bus[network.generators.bus[on]]

    def per_island(at: IntArray, values: FloatArray) -> FloatArray:
        return np.bincount(at, values, found.count).astype(np.float64)

    load = per_island(found.of_bus[live], network.demand_mw[live])
    least = per_island(where, network.generators.min_mw[on])
    most = per_island(where, network.generators.max_mw[on])
    count = np.bincount(where, minlength=found.count)
    give, take = _hvdc_room(network, found)
    sizes, references = found.sizes(), topology.references(network, found)
    adequate = (load <= most + give) & (load >= least - take)
    order = np.argsort(-sizes, kind="stable").tolist()
    return tuple(
        Island(
            reference_bus=int(network.buses.number[references[one]]),
            n_bus=int(sizes[one]),
            n_generator=int(count[one]),
            load_mw=float(load[one]),
            least_generation_mw=float(least[one]),
            capacity_mw=float(most[one]),
            hvdc_mw=float(give[one]),
            adequate=bool(adequate[one]),
        )
        for one in order
    )


def areas(network: Network) -> tuple[Area, ...]:
    """Return load and capacity by area, in the order of their numbers."""
    live, on = np.flatnonzero(network.live), network.live_generators
    numbers, of_bus = np.unique(network.buses.area, return_inverse=True)
    of_generator = of_bus[network.generators.bus[on]]
    buses = np.bincount(of_bus[live], minlength=numbers.size)
    load = np.bincount(of_bus[live], network.demand_mw[live], numbers.size)
    capacity = np.bincount(of_generator, network.generators.max_mw[on], numbers.size)
    rows = zip(numbers.tolist(), buses.tolist(), load.tolist(), capacity.tolist(), strict=True)
    return tuple(Area(*row) for row in rows)


def without_ratings(network: Network) -> Network:
    """Return the network with no limit on any branch: what it would do if the wires did not matter."""
    endless = np.full(len(network.branches), np.inf)
    branches = dataclasses.replace(
        network.branches,
        rating_mw=endless,
        emergency_rating_mw=endless,
        angle_min_deg=-endless,
        angle_max_deg=endless,
    )
    return dataclasses.replace(network, branches=branches)


def binding_candidates(network: Network, *, flows_mw: FloatArray, most: int = 20) -> tuple[Candidate, ...]:
    """Return the rated branches that flows (n_branch,) load most, first the most loaded."""
    rating, on = network.branches.rating_mw, network.live_branches
    rated = on[np.isfinite(rating[on]) & (rating[on] > 0.0)]
    loading = np.abs(flows_mw[rated]) / rating[rated]
    order = np.argsort(-loading, kind="stable")[:most]
    names = network.branches.name
    return tuple(
        Candidate(names[one], float(flows_mw[one]), float(rating[one]), share)
        for one, share in zip(rated[order].tolist(), loading[order].tolist(), strict=True)
    )


def _corridors(network: Network) -> tuple[int, IntArray]:
    """Return how many pairs of buses have a branch in service, and the neighbours of each bus (n_bus,)."""
    on, n_bus = network.live_branches, len(network.buses)
    head, tail = network.branches.from_bus[on], network.branches.to_bus[on]
    pairs = np.unique(np.minimum(head, tail) * n_bus + np.maximum(head, tail))
    neighbours = np.bincount(pairs // n_bus, minlength=n_bus) + np.bincount(pairs % n_bus, minlength=n_bus)
    return int(pairs.size), neighbours


def _transformers(network: Network) -> np.ndarray:
    """Return the branches between two voltages, or with a tap or phase shift (n_branch,)."""
    branches, base_kv = network.branches, network.buses.base_kv
    apart = base_kv[branches.from_bus] != base_kv[branches.to_bus]
    return np.asarray(apart | (branches.tap != 1.0) | (branches.shift_deg != 0.0))


def _quantiles(values: FloatArray) -> tuple[float, float, float]:
    if not values.size:
        return (float("nan"),) * 3
    low, middle, high = np.quantile(values, (0.05, 0.5, 0.95)).tolist()
    return low, middle, high


def _hvdc_room(network: Network, found: topology.Islands) -> tuple[FloatArray, FloatArray]:
    """Return what direct-current lines from other islands can bring each island at most, and take from it."""
    hvdc, on = network.hvdc, network.live_hvdc
    head, tail = found.of_bus[hvdc.from_bus[on]], found.of_bus[hvdc.to_bus[on]]
    on, head, tail = on[head != tail], head[head != tail], tail[head != tail]
    low, high = hvdc.min_mw[on], hvdc.max_mw[on]
    kept = 1.0 - hvdc.loss_share[on]
    give, take = np.zeros(found.count), np.zeros(found.count)
    np.add.at(give, tail, np.maximum(high * kept - hvdc.loss_mw[on], 0.0))
    np.add.at(give, head, np.maximum(-low, 0.0))
    np.add.at(take, head, np.maximum(high, 0.0))
    np.add.at(take, tail, np.maximum(-(low * kept - hvdc.loss_mw[on]), 0.0))
    return give, take
