"""A network in numbers, and its islands, against counts by hand."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import pytest

from powerdesk.grid import statistics, synthetic
from powerdesk.grid.clearing import engines, refusals
from powerdesk.grid.types import BranchModel

if TYPE_CHECKING:
    from collections.abc import Callable

    from powerdesk.grid.types import Network


def test_statistics__count_what_is_in_service(two_islands: Network) -> None:
    found = statistics.statistics(two_islands)
    assert (found.n_bus, found.n_isolated, found.n_branch, found.n_rated) == (6, 1, 5, 3)
    assert (found.n_generator, found.n_hvdc, found.n_island, found.n_bridge) == (4, 1, 2, 1)
    assert (found.n_parallel, found.n_transformer, found.n_radial_bus) == (1, 1, 1)
    assert found.load_mw == pytest.approx(135.0)
    assert (found.least_generation_mw, found.capacity_mw) == (10.0, 260.0)
    assert found.degree_share == (0.0, 0.4, 0.6)  # 40-50 and the triangle 10-20-30
    assert found.mean_degree == pytest.approx(1.6)
    assert found.reactance_pu[1] == pytest.approx(0.1)  # of 0.1, 0.1, 0.1, 0.2, 0.2
    assert found.bus_by_base_kv == ((230.0, 5),)


def test_statistics__know_no_quantile_of_nothing() -> None:
    alone = synthetic.network(n_bus=2, seed=1)
    off = dataclasses.replace(alone.branches, in_service=np.zeros(len(alone.branches), dtype=bool))
    found = statistics.statistics(dataclasses.replace(alone, branches=off))
    assert np.isnan(found.reactance_pu).all()
    assert (found.n_branch, found.n_island, found.mean_degree) == (0, 2, 0.0)


def test_islands__tell_load_capacity_and_what_direct_current_brings(two_islands: Network) -> None:
    large, small = statistics.islands(two_islands)
    assert (large.reference_bus, large.n_bus, large.n_generator) == (10, 3, 3)
    assert (large.load_mw, large.least_generation_mw, large.capacity_mw) == (105.0, 10.0, 210.0)
    assert (small.reference_bus, small.n_bus, small.load_mw, small.capacity_mw) == (40, 2, 30.0, 50.0)
    assert (large.hvdc_mw, small.hvdc_mw) == (10.0, pytest.approx(15.0 * 0.98 - 0.1))
    assert large.adequate
    assert small.adequate


def test_islands__an_inadequate_one_has_no_dispatch(two_islands: Network) -> None:
    heavy = two_islands.buses.load_mw * np.array([1, 1, 1, 2.2, 2.2, 1])
    buses = dataclasses.replace(two_islands.buses, load_mw=heavy)
    over = dataclasses.replace(two_islands, buses=buses)
    assert [one.adequate for one in statistics.islands(over)] == [True, False]
    with pytest.raises(refusals.InfeasibleError):
        engines.clear(over, model=BranchModel.DCP)


def test_statistics__of_118_buses_are_those_of_the_case(published: Callable[[str], Network]) -> None:
    found = statistics.statistics(published("pglib_opf_case118_ieee"))
    assert (found.n_bus, found.n_branch, found.n_parallel, found.n_island) == (118, 186, 7, 1)
    assert found.load_mw == pytest.approx(4242.0)
    assert sum(found.degree_share) == pytest.approx(1.0)


def test_areas__share_load_and_capacity(two_islands: Network) -> None:
    found = statistics.areas(two_islands)
    whole = statistics.statistics(two_islands)
    assert sum(one.load_mw for one in found) == pytest.approx(whole.load_mw)
    assert sum(one.capacity_mw for one in found) == pytest.approx(whole.capacity_mw)
    assert sum(one.n_bus for one in found) == whole.n_bus - whole.n_isolated
    assert [one.area for one in found] == sorted(set(two_islands.buses.area.tolist()))


def test_binding_candidates__name_the_lines_that_the_unlimited_dispatch_overloads() -> None:
    network = synthetic.network(n_bus=40, seed=3, congestion=0.9)
    free = engines.clear(statistics.without_ratings(network), model=BranchModel.DCP)
    found = statistics.binding_candidates(network, flows_mw=free.flows_mw, most=100)
    over = np.abs(free.flows_mw) > network.branches.rating_mw + 1e-6
    assert {one.branch for one in found if one.loading > 1.0} == {
        network.branches.name[one] for one in np.flatnonzero(over)
    }
    assert [one.loading for one in found] == sorted((one.loading for one in found), reverse=True)
    assert np.ptp(free.lmp) == pytest.approx(0.0, abs=1e-9)
    bound = engines.clear(network, model=BranchModel.DCP).constraints
    assert bound
    assert bound[0].name in {one.branch for one in found}
