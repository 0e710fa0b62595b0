"""What hangs together, against brute force."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from powerdesk.grid import synthetic, topology

if TYPE_CHECKING:
    from collections.abc import Callable

    from powerdesk.grid.types import Network


def test_islands__are_those_of_the_drawing(two_islands: Network) -> None:
    islands = topology.islands(two_islands)
    assert islands.of_bus.tolist() == [0, 0, 0, 1, 1, -1]
    assert islands.sizes().tolist() == [3, 2]


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), n_bus=st.integers(2, 25))
def test_bridges__are_the_branches_without_which_an_island_parts(seed: int, n_bus: int) -> None:
    network = synthetic.network(n_bus=n_bus, seed=seed)
    found = topology.bridges(network)
    on = network.live_branches
    before = topology.islands(network).count
    parted = [topology.islands(network, branches=on[on != one]).count > before for one in on.tolist()]
    assert found[on].tolist() == parted


def test_bridges__two_branches_in_parallel_are_none(two_islands: Network) -> None:
    assert topology.bridges(two_islands).tolist() == [False, False, False, False, True, False]


def test_radial_buses__are_the_leaves_of_trees(two_islands: Network) -> None:
    assert topology.radial_buses(two_islands).tolist() == [False, False, False, True, False, False]
    tree = synthetic.network(n_bus=2, seed=0)
    assert topology.radial_buses(tree).sum() == 1  # the other one is what it hangs on


def test_equivalence_classes__join_parallel_branches_and_series_through_unobserved_buses(two_islands: Network) -> None:
    observed = np.ones(6, dtype=bool)
    seen = topology.equivalence_classes(two_islands, observed=observed)
    assert seen[2] == seen[3]
    assert len(set(seen[:3].tolist())) == 3
    assert seen[5] == -1
    observed[1] = False
    blind = topology.equivalence_classes(two_islands, observed=observed)
    assert blind[0] == blind[1] != blind[2]


def test_equivalence_classes__of_118_buses_are_the_distinct_directions(published: Callable[[str], Network]) -> None:
    network = published("pglib_opf_case118_ieee__api")
    classes = topology.equivalence_classes(network, observed=np.ones(118, dtype=bool))
    assert np.unique(classes).size == 179  # counted from the PTDF matrix
