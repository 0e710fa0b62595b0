"""What hangs together: islands, bridges, radial buses, and branches that prices cannot tell apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

if TYPE_CHECKING:
    from powerdesk.grid.types import BoolArray, IntArray, Network


@dataclass(frozen=True, eq=False, slots=True)
class Islands:
    """Parts joined by branches in service: `of_bus` (n_bus,) numbers them from 0, -1 for a bus declared isolated."""

    of_bus: IntArray
    count: int

    def sizes(self) -> IntArray:
        """Return how many buses each island has (count,)."""
        return np.bincount(self.of_bus[self.of_bus >= 0], minlength=self.count)


def islands(network: Network, *, branches: IntArray | None = None) -> Islands:
    """Return the islands of the network, joined by `branches` (positions) or by all in service."""
    n_bus = len(network.buses)
    on = network.live_branches if branches is None else branches
    graph = sparse.coo_matrix(
        (np.ones(on.size), (network.branches.from_bus[on], network.branches.to_bus[on])), shape=(n_bus, n_bus)
    )
    label = csgraph.connected_components(graph, directed=False)[1]
    of_bus = np.full(n_bus, -1, dtype=np.int64)
    live = np.flatnonzero(network.live)
    kept, of_bus[live] = np.unique(label[live], return_inverse=True)
    return Islands(of_bus, int(kept.size))


def references(network: Network, islands: Islands) -> IntArray:
    """Return the bus that balances each island (count,): its first, and the network's reference in its own."""
    live = np.flatnonzero(network.live)
    first = np.unique(islands.of_bus[live], return_index=True)[1]
    chosen = live[first]
    home = islands.of_bus[network.reference]
    if home >= 0:
        chosen[home] = network.reference
    return chosen


def bridges(network: Network) -> BoolArray:
    """Return which branches in service part an island when they are out (n_branch,).

    Depth-first search by low points, without recursion: O(buses + branches). Tarjan (1974), "A note on finding the
    bridges of a graph".
    """
    on = network.live_branches.tolist()
    head, tail = network.branches.from_bus.tolist(), network.branches.to_bus.tolist()
    beside: list[list[tuple[int, int]]] = [[] for _ in range(len(network.buses))]
    for branch in on:
        beside[head[branch]].append((tail[branch], branch))
        beside[tail[branch]].append((head[branch], branch))
    found = np.zeros(len(network.branches), dtype=bool)
    order = [-1] * len(network.buses)
    low = [0] * len(network.buses)
    clock = 0
    for root in np.flatnonzero(network.live).tolist():
        if order[root] >= 0:
            continue
        order[root] = low[root] = clock
        clock += 1
        stack = [(root, -1, iter(beside[root]))]
        while stack:
            bus, came_by, ways = stack[-1]
            for other, branch in ways:
                if branch == came_by:
                    continue
                if order[other] < 0:
                    order[other] = low[other] = clock
                    clock += 1
                    stack.append((other, branch, iter(beside[other])))
                    break
                low[bus] = min(low[bus], order[other])
            else:
                stack.pop()
                if stack:
                    parent = stack[-1][0]
                    low[parent] = min(low[parent], low[bus])
                    if low[bus] > order[parent]:
                        found[came_by] = True
    return found


def radial_buses(network: Network) -> BoolArray:
    """Return the buses in trees that hang on the meshed part (n_bus,): leaves, taken off again and again."""
    n_bus = len(network.buses)
    on = network.live_branches
    head, tail = network.branches.from_bus[on], network.branches.to_bus[on]
    low, high = np.minimum(head, tail), np.maximum(head, tail)
    pairs = np.unique(low * n_bus + high)
    low, high = pairs // n_bus, pairs % n_bus
    radial = np.zeros(n_bus, dtype=bool)
    kept = np.ones(pairs.size, dtype=bool)
    while True:
        degree = np.bincount(low[kept], minlength=n_bus) + np.bincount(high[kept], minlength=n_bus)
        leaf = degree == 1
        off = kept & (leaf[low] | leaf[high])
        if not off.any():
            return radial
        both = off & leaf[low] & leaf[high]
        leaf[high[both]] = False
        radial |= leaf
        kept &= ~off


def injecting_buses(network: Network) -> BoolArray:
    """Return the buses where power enters or leaves the network (n_bus,): load, generation or a direct-current end."""
    found = np.asarray(network.demand_mw != 0.0)
    found[network.generators.bus[network.live_generators]] = True
    for ends in (network.hvdc.from_bus, network.hvdc.to_bus):
        found[ends[network.live_hvdc]] = True
    return found


def equivalence_classes(network: Network, *, observed: BoolArray) -> IntArray:
    """Return a label per branch (n_branch,), equal where flows stay in proportion for any injection observed; -1: out.

    Parallel branches share one label; so do branches in series through buses that are not `observed` (n_bus,) and where
    just two corridors meet. Prices or injections at the observed buses cannot tell such branches apart.
    """
    n_bus = len(network.buses)
    on = network.live_branches
    head, tail = network.branches.from_bus[on], network.branches.to_bus[on]
    pair = np.minimum(head, tail) * n_bus + np.maximum(head, tail)
    corridors, of_branch = np.unique(pair, return_inverse=True)
    low, high = corridors // n_bus, corridors % n_bus
    meets = np.bincount(low, minlength=n_bus) + np.bincount(high, minlength=n_bus)
    ends = np.concatenate((low, high))
    which = np.tile(np.arange(corridors.size), 2)
    chosen = (meets[ends] == 2) & ~observed[ends]  # noqa: PLR2004 - two corridors meet
    order = np.argsort(ends[chosen], kind="stable")
    joined = which[chosen][order].reshape(-1, 2)
    graph = sparse.coo_matrix((np.ones(len(joined)), (joined[:, 0], joined[:, 1])), shape=(corridors.size,) * 2)
    label = csgraph.connected_components(graph, directed=False)[1]
    classes = np.full(len(network.branches), -1, dtype=np.int64)
    classes[on] = label[of_branch]
    return classes
