"""Made networks of any size from a seed: a street map of buses, a few plants, ratings that some flows reach.

Made for tests and for measuring growth. They are no model of any real grid.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse, spatial
from scipy.sparse import csgraph

from powerdesk.grid.sensitivities import Sensitivities
from powerdesk.grid.types import Branches, BranchModel, Buses, Generators, HvdcLines, Network

MEAN_LOAD_MW = 40.0
CAPACITY_SHARE = 1.7
"""Generating capacity per MW of load."""


def network(*, n_bus: int, seed: int, congestion: float = 0.5) -> Network:
    """Return a connected network of `n_bus` (2 or more) buses; the same arguments give the same arrays.

    Every fourth bus or so has a generator with a linear cost. Ratings are drawn around the flows of a dispatch in
    proportion to capacity: `congestion` 0 leaves wide room, 1 hardly any. That dispatch keeps every rating, so a
    dispatch exists. Cost O(n log n).

    Neighbours alone are joined, no highway of higher voltage, so bus angles spread with size: by 1 rad at 100 buses,
    3 at 1 000, 56 at 3 000, 190 at 10 000. Shift factors and lossless clearing do not depend on that; a program that
    bounds angles must be given all impedances multiplied by one small factor.
    """
    draw = np.random.default_rng((seed, n_bus))
    place = draw.uniform(0.0, np.sqrt(n_bus), size=(n_bus, 2))
    from_bus, to_bus, length = _streets(place)
    buses = _buses(n_bus, draw)
    generators = _generators(buses, draw)
    reactance = 0.004 + 0.02 * length * draw.uniform(0.7, 1.3, from_bus.size)
    unrated = _assembled(f"synthetic_{n_bus}_{seed}", buses, generators, (from_bus, to_bus, reactance), np.inf)
    injection = -buses.load_mw.copy()
    share = buses.load_mw.sum() / generators.max_mw.sum()
    np.add.at(injection, generators.bus, generators.max_mw * share)
    flow = Sensitivities(unrated, model=BranchModel.DCP).flows_mw(injection)
    room = draw.uniform(1.02, 1.02 + 3.0 * (1.0 - congestion), flow.size)
    rating = np.maximum(np.abs(flow) * room, 0.3 * np.median(np.abs(flow)) + 1.0)
    return _assembled(unrated.name, buses, generators, (from_bus, to_bus, reactance), rating)


def _streets(place: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return branches between near buses: the shortest tree that joins all, and about half as many again."""
    n_bus = len(place)
    near = min(5, n_bus - 1)
    length, other = spatial.cKDTree(place).query(place, k=near + 1)
    head = np.repeat(np.arange(n_bus), near)
    tail, far = other[:, 1:].ravel(), length[:, 1:].ravel()
    order = np.argsort(place[:, 0], kind="stable")
    chain = np.linalg.norm(place[order[1:]] - place[order[:-1]], axis=1)
    head, tail = np.concatenate((head, order[:-1])), np.concatenate((tail, order[1:]))
    far = np.concatenate((far, chain)) + 1e-9
    low, high = np.minimum(head, tail), np.maximum(head, tail)
    _, first = np.unique(low * n_bus + high, return_index=True)
    low, high, far = low[first], high[first], far[first]
    tree = csgraph.minimum_spanning_tree(sparse.coo_array((far, (low, high)), shape=(n_bus, n_bus))).tocoo()
    in_tree = np.isin(low * n_bus + high, tree.row.astype(np.int64) * n_bus + tree.col)
    spare = np.flatnonzero(~in_tree)
    kept = np.concatenate((np.flatnonzero(in_tree), spare[np.argsort(far[spare], kind="stable")][: n_bus // 2]))
    return low[kept].astype(np.int64), high[kept].astype(np.int64), far[kept]


def _buses(n_bus: int, draw: np.random.Generator) -> Buses:
    load = draw.gamma(2.0, MEAN_LOAD_MW / 2.0, n_bus) * (draw.uniform(size=n_bus) < 0.7)  # noqa: PLR2004 - share loaded
    load[0] += 1.0
    ones = np.ones(n_bus, dtype=np.int64)
    kind = ones.copy()
    kind[0] = 3
    number = np.arange(1, n_bus + 1)
    return Buses(
        number, tuple(map(str, number)), kind, load, np.zeros(n_bus), ones.copy(), ones.copy(), np.full(n_bus, 230.0)
    )


def _generators(buses: Buses, draw: np.random.Generator) -> Generators:
    n_bus = len(buses)
    count = max(2, n_bus // 4)
    bus = np.sort(draw.choice(n_bus, size=count, replace=count > n_bus))
    size = draw.uniform(0.3, 1.7, count)
    cost = draw.uniform(8.0, 90.0, count)
    nothing = np.zeros(count)
    return Generators(
        name=tuple(f"gen {one}" for one in range(1, count + 1)),
        bus=bus,
        min_mw=nothing.copy(),
        max_mw=size * CAPACITY_SHARE * buses.load_mw.sum() / size.sum(),
        in_service=np.ones(count, dtype=bool),
        constant_usd_per_h=nothing.copy(),
        linear_usd_per_mwh=cost,
        quadratic_usd_per_mw2h=nothing.copy(),
        curve_start=np.zeros(count + 1, dtype=np.int64),
        curve_mw=np.empty(0),
        curve_usd_per_h=np.empty(0),
    )


def _assembled(
    name: str,
    buses: Buses,
    generators: Generators,
    lines: tuple[np.ndarray, np.ndarray, np.ndarray],
    rating: float | np.ndarray,
) -> Network:
    from_bus, to_bus, reactance = lines
    n_branch = from_bus.size
    zero = np.zeros(n_branch)
    full = np.full(n_branch, np.inf)
    branches = Branches(
        name=tuple(f"{one + 1}-{other + 1}" for one, other in zip(from_bus.tolist(), to_bus.tolist(), strict=True)),
        from_bus=from_bus,
        to_bus=to_bus,
        resistance_pu=0.1 * reactance,
        reactance_pu=reactance,
        tap=np.ones(n_branch),
        shift_deg=zero,
        rating_mw=np.broadcast_to(rating, (n_branch,)).astype(np.float64),
        emergency_rating_mw=np.broadcast_to(1.2 * np.asarray(rating), (n_branch,)).astype(np.float64),
        angle_min_deg=-full,
        angle_max_deg=full,
        in_service=np.ones(n_branch, dtype=bool),
    )
    none_f, none_i = np.empty(0), np.empty(0, dtype=np.int64)
    hvdc = HvdcLines((), none_i, none_i, none_f, none_f, none_f, none_f, np.empty(0, dtype=bool))
    return Network(name, 100.0, buses, branches, generators, hvdc)
