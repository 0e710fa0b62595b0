"""Made networks: the same for the same seed, whole, and shaped about like published ones, at any size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from powerdesk.grid import checking, statistics, synthetic
from powerdesk.grid.clearing import engines
from powerdesk.grid.types import BranchModel

if TYPE_CHECKING:
    from collections.abc import Callable

    from powerdesk.grid.types import Network

LARGEST = 70_000


def _arrays(network: Network) -> list[bytes]:
    tables = (network.buses.load_mw, network.branches.reactance_pu, network.branches.rating_mw)
    ends = (network.branches.from_bus, network.branches.to_bus, network.generators.bus)
    return [one.tobytes() for one in (*tables, *ends, network.generators.max_mw, network.generators.linear_usd_per_mwh)]


@settings(max_examples=15, deadline=None)
@given(n_bus=st.integers(2, 200), seed=st.integers(0, 10_000))
def test_network__is_sound_whole_and_can_be_cleared(n_bus: int, seed: int) -> None:
    network = synthetic.network(n_bus=n_bus, seed=seed, congestion=1.0)
    assert checking.faults(network, locate=lambda table, at: f"{table} {at}") == ()
    found = statistics.statistics(network)
    assert (found.n_bus, found.n_island, found.n_isolated) == (n_bus, 1, 0)
    assert [one.adequate for one in statistics.islands(network)] == [True]
    cleared = engines.clear(network, model=BranchModel.DCP)
    assert cleared.generation_mw.sum() == pytest.approx(network.demand_mw.sum())


def test_network__the_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    one, again = (_arrays(synthetic.network(n_bus=500, seed=4)) for _ in range(2))
    assert one == again
    assert not set(one) & set(_arrays(synthetic.network(n_bus=500, seed=5)))


def test_network__of_70_000_buses_is_whole_and_keeps_its_shape() -> None:
    small, large = (statistics.statistics(synthetic.network(n_bus=n, seed=1)) for n in (1_000, LARGEST))
    assert (large.n_bus, large.n_island) == (LARGEST, 1)
    assert large.capacity_mw == pytest.approx(1.7 * large.load_mw)
    assert large.mean_degree == pytest.approx(small.mean_degree, rel=0.02)
    shares = np.array(small.degree_share[:7]) - np.array(large.degree_share[:7])
    assert np.abs(shares).max() < 0.03
    assert large.reactance_pu == pytest.approx(small.reactance_pu, rel=0.1)
    assert large.load_mw / LARGEST == pytest.approx(small.load_mw / 1_000, rel=0.1)


def test_network__is_about_as_meshed_and_as_stiff_as_published_cases(published: Callable[[str], Network]) -> None:
    made = statistics.statistics(synthetic.network(n_bus=3_000, seed=1))
    names = ("pglib_opf_case2383wp_k", "pglib_opf_case2869_pegase", "pglib_opf_case10000_goc")
    cases = [statistics.statistics(published(name)) for name in names]

    def range_of(values: list[float], slack: float) -> tuple[float, float]:
        return min(values) / slack, max(values) * slack

    for mine, theirs, slack in (
        (made.mean_degree, [one.mean_degree for one in cases], 1.25),
        (made.n_branch / made.n_bus, [one.n_branch / one.n_bus for one in cases], 1.25),
        (made.n_bridge / made.n_branch, [one.n_bridge / one.n_branch for one in cases], 1.5),
        (made.reactance_pu[1], [one.reactance_pu[1] for one in cases], 1.5),
        (made.resistance_to_reactance[1], [one.resistance_to_reactance[1] for one in cases], 1.5),
        (made.rating_mw[1], [one.rating_mw[1] for one in cases], 1.5),
    ):
        low, high = range_of(theirs, slack)
        assert low <= mine <= high
