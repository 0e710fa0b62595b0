"""Places to draw buses at: the same each time, inside the square, near where joined, apart where not."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from powerdesk.grid import layout, synthetic, topology

if TYPE_CHECKING:
    from collections.abc import Callable

    from powerdesk.grid.types import FloatArray, Network


def joined(network: Network, edges: list[tuple[int, int]]) -> Network:
    """Return the network with these branches in service and no other."""
    branches = network.branches
    head, tail = (np.array([edge[end] for edge in edges], np.int64) for end in (0, 1))
    rows = np.arange(len(edges)) % len(branches)
    kept = {
        field.name: getattr(branches, field.name)[rows]
        for field in dataclasses.fields(branches)
        if field.name not in {"name", "from_bus", "to_bus", "in_service"}
    }
    names = tuple(f"{number}" for number in range(len(edges)))
    on = np.ones(len(edges), dtype=bool)
    table = dataclasses.replace(branches, name=names, from_bus=head, to_bus=tail, in_service=on, **kept)
    return dataclasses.replace(network, branches=table)


def lengths(network: Network, place: FloatArray) -> FloatArray:
    on = network.live_branches
    return np.asarray(np.hypot(*(place[network.branches.from_bus[on]] - place[network.branches.to_bus[on]]).T))


def crossings(network: Network, place: FloatArray) -> int:
    """Count pairs of branches that cross between their ends, by orientation of triangles."""
    on = network.live_branches
    ends = np.stack((network.branches.from_bus[on], network.branches.to_bus[on]), axis=1)

    def side(one: FloatArray, other: FloatArray, point: FloatArray) -> FloatArray:
        across, up = other - one, point - one
        return np.sign(across[..., 0] * up[..., 1] - across[..., 1] * up[..., 0])

    first, second = np.triu_indices(len(ends), 1)
    apart = (ends[first][:, :, None] != ends[second][:, None, :]).all(axis=(1, 2))
    a, b = (place[ends[first[apart], end]] for end in (0, 1))
    c, d = (place[ends[second[apart], end]] for end in (0, 1))
    return int(((side(a, b, c) * side(a, b, d) < 0) & (side(c, d, a) * side(c, d, b) < 0)).sum())


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 60), st.integers(0, 10_000), st.data())
def test_places__are_the_same_inside_the_square_and_apart(n_bus: int, seed: int, data: st.DataObject) -> None:
    network = synthetic.network(n_bus=n_bus, seed=seed)
    on = np.array(data.draw(st.lists(st.booleans(), min_size=len(network.branches), max_size=len(network.branches))))
    cut = dataclasses.replace(network, branches=dataclasses.replace(network.branches, in_service=on))

    place = layout.places(cut)

    assert place.shape == (n_bus, 2)
    assert place.min() >= 0.0
    assert place.max() <= 1.0  # NaN would fail both
    assert lengths(cut, place).min(initial=1.0) >= layout.LEAST_APART
    assert (layout.places(cut) == place).all()


@pytest.mark.parametrize("seed", range(4))
def test_places__beat_chance_by_far(seed: int) -> None:
    network = synthetic.network(n_bus=80, seed=seed)
    place = layout.places(network)
    shuffled = place[np.random.default_rng(seed).permutation(80)]

    assert lengths(network, place).mean() < 0.25 * lengths(network, shuffled).mean()
    assert crossings(network, place) < 0.05 * crossings(network, shuffled)


def test_places__of_a_line_are_in_its_order() -> None:
    line = joined(synthetic.network(n_bus=12, seed=1), [(one, one + 1) for one in range(11)])

    across = layout.places(line)[:, 0]

    assert (np.diff(across) > 0.0).all() or (np.diff(across) < 0.0).all()


def test_places__of_leaves_round_one_bus_differ() -> None:
    star = joined(synthetic.network(n_bus=9, seed=1), [(0, one) for one in range(1, 9)])

    place = layout.places(star)

    gaps = np.hypot(*(place[:, None] - place[None, :]).transpose(2, 0, 1)) + np.eye(9)
    assert gaps.min() > 0.05


def test_places__of_islands_do_not_mix(two_islands: Network) -> None:
    apart = dataclasses.replace(
        two_islands, hvdc=dataclasses.replace(two_islands.hvdc, in_service=np.zeros(len(two_islands.hvdc), dtype=bool))
    )
    place = layout.places(apart)
    islands = topology.islands(apart)

    boxes = [place[islands.of_bus == one] for one in range(islands.count)]
    low, high = (np.array([getattr(one, which)(axis=0) for one in boxes]) for which in ("min", "max"))
    clear = [(low[1] > high[0])[axis] or (low[0] > high[1])[axis] for axis in (0, 1)]
    assert any(clear)


def test_places__of_a_case_of_2869_buses_keep_neighbours_together(published: Callable[[str], Network]) -> None:
    network = published("pglib_opf_case2869_pegase")
    place = layout.places(network)
    shuffled = place[np.random.default_rng(1).permutation(len(place))]

    assert lengths(network, place).mean() < 0.1 * lengths(network, shuffled).mean()
