"""Shift factors and outage factors against dense algebra and against solving the changed network."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from powerdesk.grid import contingencies, synthetic, topology
from powerdesk.grid.sensitivities import Sensitivities
from powerdesk.grid.types import BranchModel, Network, NetworkError

if TYPE_CHECKING:
    from numpy.typing import NDArray


def without(network: Network, out: list[int]) -> Network:
    on = network.branches.in_service.copy()
    on[out] = False
    return dataclasses.replace(network, branches=dataclasses.replace(network.branches, in_service=on))


def dense_ptdf(network: Network, model: BranchModel) -> NDArray[np.float64]:
    """Return T by the pseudo-inverse: withdrawn evenly over the buses of an island."""
    b = network.susceptance_mw(model)
    incidence = np.zeros((b.size, len(network.buses)))
    incidence[np.arange(b.size), network.branches.from_bus] += 1.0
    incidence[np.arange(b.size), network.branches.to_bus] -= 1.0
    return (b[:, None] * incidence) @ np.linalg.pinv(incidence.T @ (b[:, None] * incidence))


@pytest.mark.parametrize("model", list(BranchModel))
def test_ptdf__equals_the_pseudo_inverse_for_an_even_reference(two_islands: Network, model: BranchModel) -> None:
    made = Sensitivities(two_islands, model=model)
    even = made.ptdf(np.arange(6), weights=made.weights_of(np.ones(6)))
    assert even == pytest.approx(dense_ptdf(two_islands, model), abs=1e-12)


def test_flows__are_ptdf_times_injections_and_what_phase_shifters_drive(two_islands: Network) -> None:
    made = Sensitivities(two_islands, model=BranchModel.MATPOWER)
    injection = np.array([50.0, -65.0, 15.0, 20.0, -20.0, 0.0])
    expected = made.ptdf(np.arange(6)) @ injection + made.fixed_flow_mw
    assert made.flows_mw(injection) == pytest.approx(expected)
    loop = made.fixed_flow_mw
    assert loop[2] != 0.0
    net = np.bincount(two_islands.branches.from_bus, loop, 6) - np.bincount(two_islands.branches.to_bus, loop, 6)
    assert net == pytest.approx(np.zeros(6), abs=1e-9)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), n_bus=st.integers(3, 40))
def test_reference__moves_rows_by_a_constant_and_flows_not_at_all(seed: int, n_bus: int) -> None:
    network = synthetic.network(n_bus=n_bus, seed=seed)
    made = Sensitivities(network, model=BranchModel.DCP)
    rows = np.arange(len(network.branches))
    weights = made.weights_of(network.demand_mw)
    moved = made.ptdf(rows, weights=weights) - made.ptdf(rows)
    assert np.ptp(moved, axis=1) == pytest.approx(np.zeros(rows.size), abs=1e-9)
    assert made.ptdf(rows, weights=weights) @ weights == pytest.approx(np.zeros(rows.size), abs=1e-9)


def test_rows__beyond_the_cache_are_served_and_not_kept(two_islands: Network) -> None:
    small = Sensitivities(two_islands, model=BranchModel.DCP, cache_bytes=2 * 8 * 6)
    plenty = Sensitivities(two_islands, model=BranchModel.DCP)
    asked = np.array([0, 1, 2, 3, 4, 0, 1])
    assert small.rows(asked) == pytest.approx(plenty.rows(asked))
    assert len(small._rows) == 2
    assert small.rows(asked[::-1]) == pytest.approx(plenty.rows(asked[::-1]))


def test_rows__what_a_caller_does_with_them_does_not_reach_the_cache(two_islands: Network) -> None:
    made = Sensitivities(two_islands, model=BranchModel.DCP)
    first = made.rows(np.array([0, 1]))
    kept = first.copy()
    first[:] = 7.0
    assert made.rows(np.array([0, 1])) == pytest.approx(kept)


def test_weights__that_are_no_numbers_or_too_few_are_refused(two_islands: Network) -> None:
    made = Sensitivities(two_islands, model=BranchModel.DCP)
    with pytest.raises(NetworkError):
        made.weights_of(np.full(6, np.nan))
    with pytest.raises(NetworkError):
        made.weights_of(np.ones(5))
    assert made.weights_of(1)[[1, 3]].tolist() == [1.0, 1.0]


def test_factor__opposite_reactances_in_parallel_are_a_problem(two_islands: Network) -> None:
    reactance = two_islands.branches.reactance_pu.copy()
    reactance[4] = np.inf
    broken = dataclasses.replace(two_islands.branches, reactance_pu=reactance)
    with pytest.raises(NetworkError, match="cannot be inverted"):
        Sensitivities(dataclasses.replace(two_islands, branches=broken), model=BranchModel.MATPOWER)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), n_bus=st.integers(4, 30))
def test_outage_factors__equal_the_network_solved_without_the_branch(seed: int, n_bus: int) -> None:
    network = synthetic.network(n_bus=n_bus, seed=seed)
    made = Sensitivities(network, model=BranchModel.DCP)
    injection = np.random.default_rng(seed).normal(0.0, 50.0, n_bus)
    injection -= injection.mean()
    flow = made.flows_mw(injection)
    factors = contingencies.outage_factors(made, outages=network.live_branches)
    assert factors.islanding.tolist() == topology.bridges(network)[network.live_branches].tolist()
    assert np.isnan(factors.lodf[:, factors.islanding]).all()
    for column in np.flatnonzero(~factors.islanding).tolist():
        out = int(factors.outages[column])
        after = Sensitivities(without(network, [out]), model=BranchModel.DCP).flows_mw(injection)
        assert flow + factors.lodf[:, column] * flow[out] == pytest.approx(after, abs=1e-7, rel=1e-8)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), n_bus=st.integers(5, 30), n_out=st.integers(1, 4))
def test_flows_after__several_outages_equal_the_network_without_them(seed: int, n_bus: int, n_out: int) -> None:
    network = synthetic.network(n_bus=n_bus, seed=seed)
    made = Sensitivities(network, model=BranchModel.DCP)
    draw = np.random.default_rng(seed)
    out = draw.choice(network.live_branches, size=min(n_out, network.live_branches.size), replace=False).tolist()
    injection = draw.normal(0.0, 50.0, n_bus)
    injection -= injection.mean()
    named = contingencies.Contingency("storm", tuple(out))
    after = contingencies.flows_after(made, flows_mw=made.flows_mw(injection), contingency=named)
    changed = without(network, out)
    if topology.islands(changed).count > 1:
        assert after is None
    else:
        expected = Sensitivities(changed, model=BranchModel.DCP).flows_mw(injection)
        assert after == pytest.approx(expected, abs=1e-6, rel=1e-7)


def test_screen__finds_what_each_outage_solved_alone_overloads() -> None:
    network = synthetic.network(n_bus=40, seed=3, congestion=0.9)
    made = Sensitivities(network, model=BranchModel.DCP)
    generators, load = network.generators, network.demand_mw
    injection = np.bincount(generators.bus, generators.max_mw * load.sum() / generators.max_mw.sum(), 40) - load
    flow, limit = made.flows_mw(injection), network.branches.rating_mw
    whole, parting = contingencies.single_outages(network)
    assert sorted([*whole.tolist(), *parting.tolist()]) == network.live_branches.tolist()
    found = contingencies.screen(made, flows_mw=flow, limits_mw=limit, outages=whole, tolerance_mw=1e-6)
    expected = {
        (int(branch), out)
        for out in whole.tolist()
        for branch in np.flatnonzero(
            np.abs(Sensitivities(without(network, [out]), model=BranchModel.DCP).flows_mw(injection)) > limit + 1e-6
        )
    }
    assert expected
    assert set(zip(found.branch.tolist(), found.outage.tolist(), strict=True)) == expected
    assert (np.diff(np.abs(found.flow_mw) - found.limit_mw) <= 1e-9).all()
