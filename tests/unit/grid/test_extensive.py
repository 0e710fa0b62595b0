"""Three opinions of everything: reserves, soft limits, outages and losses, with and without shift factors."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from powerdesk.grid import contingencies, prices, synthetic
from powerdesk.grid.clearing import engines, extensive, kkt, programme, reserving, result, security
from powerdesk.grid.clearing.cuts import Losses
from powerdesk.grid.clearing.extensive import Wanted
from powerdesk.grid.clearing.reserving import ReserveProduct
from powerdesk.grid.clearing.rows import PenaltyStep
from powerdesk.grid.clearing.session import Session
from powerdesk.grid.sensitivities import Sensitivities
from powerdesk.grid.types import BranchModel, Network, NetworkError
from powerdesk.solvers.warm import Method

if TYPE_CHECKING:
    from powerdesk.grid.clearing.result import Clearing

SEEDS = st.integers(0, 100_000)
RUNGS = (str(Method.SIMPLEX), extensive.CLARABEL)
SOFT = (PenaltyStep(2.0, 40.0), PenaltyStep(np.inf, 900.0))


def opinions(made: Sensitivities, wanted: Wanted, products: tuple[ReserveProduct, ...] = ()) -> list[Clearing]:
    """Return what HiGHS and Clarabel find in the extensive form."""
    chosen = programme.of(made)
    if products:
        chosen = reserving.with_reserves(chosen, products)
    return [extensive.clear(chosen, wanted, rung=one, demand_mw=made.network.demand_mw) for one in RUNGS]


def agree(own: Clearing, others: list[Clearing], *, price: float) -> None:
    """Assert that others found the same cost and prices, within `price` USD/MWh, verified."""
    for other in others:
        assert other.found.kkt.worst <= kkt.TOLERANCE
        assert other.objective_usd_per_h == pytest.approx(own.objective_usd_per_h, rel=1e-6)
        assert other.lmp == pytest.approx(own.lmp, abs=price)


def squeezed(network: Network, share: float) -> Network:
    """Return the network with its ratings times a share."""
    rating = share * network.branches.rating_mw
    return dataclasses.replace(network, branches=dataclasses.replace(network.branches, rating_mw=rating))


@settings(max_examples=12, deadline=None)
@given(seed=SEEDS, n_bus=st.integers(4, 25), share=st.floats(0.3, 0.9))
def test_extensive__soft_limits_agree(seed: int, n_bus: int, share: float) -> None:
    network = squeezed(synthetic.network(n_bus=n_bus, seed=seed, congestion=0.9), share)
    made = Sensitivities(network, model=BranchModel.DCP)
    own = Session(made, steps=SOFT).clear()
    agree(own, opinions(made, Wanted(steps=SOFT)), price=1e-3)


@settings(max_examples=8, deadline=None)
@given(seed=SEEDS, n_bus=st.integers(5, 14))
def test_extensive__outages_agree_without_a_factor_of_outages(seed: int, n_bus: int) -> None:
    network = synthetic.network(n_bus=n_bus, seed=seed, congestion=0.6)
    made = Sensitivities(network, model=BranchModel.DCP)
    outages, _ = contingencies.single_outages(network)
    limit = 1.1 * network.branches.rating_mw
    own = security.clear(Session(made, steps=SOFT), outages=outages, limits_mw=limit)
    agree(own, opinions(made, Wanted(outages=outages, after_mw=limit, steps=SOFT)), price=0.1)


@settings(max_examples=12, deadline=None)
@given(seed=SEEDS, n_bus=st.integers(4, 25))
def test_extensive__reserves_agree(seed: int, n_bus: int) -> None:
    network = synthetic.network(n_bus=n_bus, seed=seed, congestion=0.9)
    draw, n_gen = np.random.default_rng(seed), len(network.generators)
    need = 0.1 * float(network.demand_mw.sum())
    curve = (PenaltyStep(0.4 * need, 100.0), PenaltyStep(np.inf, 800.0))
    products = tuple(
        ReserveProduct(
            name, way, need, draw.uniform(0.0, 0.3, n_gen) * network.generators.max_mw, draw.uniform(0, 9, n_gen), curve
        )
        for name, way in (("regulation", 1), ("spin", 1), ("down", -1))
    )
    made = Sensitivities(network, model=BranchModel.DCP)
    own = Session(made, reserves=products).clear()
    others = opinions(made, Wanted(), products)
    agree(own, others, price=1e-3)
    for other in others:
        assert other.reserve_prices == pytest.approx(own.reserve_prices, abs=1e-3)


@settings(max_examples=12, deadline=None)
@given(seed=SEEDS, n_bus=st.integers(4, 25), losses=st.sampled_from([Losses.FROZEN, Losses.QUADRATIC]))
def test_extensive__losses_agree(seed: int, n_bus: int, losses: Losses) -> None:
    network = synthetic.network(n_bus=n_bus, seed=seed, congestion=0.4)
    try:
        own = engines.clear(network, model=BranchModel.DCP, losses=losses)
    except result.InfeasibleError:
        return  # the made ratings leave no room for losses
    others = [
        engines.clear(network, model=BranchModel.DCP, engine=one, losses=losses)
        for one in (engines.Engine.ANGLE, engines.Engine.CLARABEL)
    ]
    agree(own, others, price=0.02)
    for other in others:
        assert other.losses_mw == pytest.approx(own.losses_mw, rel=1e-3, abs=1e-4)


def test_extensive__everything_at_once_agrees() -> None:
    network = squeezed(synthetic.network(n_bus=10, seed=4, congestion=0.8), 0.8)
    made = Sensitivities(network, model=BranchModel.DCP)
    outages, _ = contingencies.single_outages(network)
    limit = 1.1 * network.branches.rating_mw
    base = np.full(len(network.branches), 3.0)
    own = security.clear(
        Session(made, steps=SOFT, losses=Losses.FROZEN, loss_base_mw=base), outages=outages, limits_mw=limit
    )
    wanted = Wanted(outages=outages, after_mw=limit, steps=SOFT, losses=Losses.FROZEN, loss_base_mw=base)
    agree(own, opinions(made, wanted), price=0.1)
    assert any(one.outage >= 0 for one in own.constraints)


@settings(max_examples=10, deadline=None)
@given(seed=SEEDS, n_bus=st.integers(4, 20), at_one_bus=st.booleans())
def test_frozen_losses__at_the_optimum_s_own_flows_give_the_optimum(
    seed: int,
    n_bus: int,
    at_one_bus: bool,  # noqa: FBT001 - the draw names it
) -> None:
    network = synthetic.network(n_bus=n_bus, seed=seed, congestion=0.4)
    made = Sensitivities(network, model=BranchModel.DCP)
    weights = np.eye(n_bus)[seed % n_bus] if at_one_bus else None
    try:
        truly = Session(made, losses=Losses.QUADRATIC, loss_weights=weights).clear()
    except result.InfeasibleError:
        return  # the made ratings leave no room for losses
    base = truly.flows_mw
    frozen = Session(made, losses=Losses.FROZEN, loss_weights=weights, loss_base_mw=base).clear()
    assert frozen.objective_usd_per_h == pytest.approx(truly.objective_usd_per_h, rel=1e-7)
    assert frozen.losses_mw == pytest.approx(truly.losses_mw, rel=1e-5, abs=1e-6)
    if at_one_bus:
        assert truly.base_weights[seed % n_bus] == 1.0
    wanted = Wanted(losses=Losses.FROZEN, loss_base_mw=base, loss_weights=weights)
    agree(frozen, opinions(made, wanted), price=0.01)


@settings(max_examples=10, deadline=None)
@given(seed=SEEDS, n_bus=st.integers(4, 20))
def test_branch_losses__are_drawn_at_the_ends_and_priced_to_the_finite_difference(seed: int, n_bus: int) -> None:
    network = synthetic.network(n_bus=n_bus, seed=seed, congestion=0.2)

    def cleared(demand_mw: np.ndarray) -> Clearing:
        return engines.clear(
            network,
            model=BranchModel.DCP,
            engine=engines.Engine.CLARABEL,
            losses=Losses.BRANCH,
            demand_mw=demand_mw,
        )

    try:
        found = cleared(network.demand_mw)
        step, bus = 0.05, seed % n_bus
        more, less = (network.demand_mw + sign * step * (np.arange(n_bus) == bus) for sign in (1.0, -1.0))
        right = (cleared(more).objective_usd_per_h - found.objective_usd_per_h) / step
        left = (found.objective_usd_per_h - cleared(less).objective_usd_per_h) / step
    except result.DispatchUnverifiedError:
        return  # the made ratings leave no room for losses
    branches = network.branches
    square = branches.resistance_pu**2 + branches.reactance_pu**2
    angle = found.flows_mw / network.base_mva * square / branches.reactance_pu
    lost = network.base_mva * branches.resistance_pu / square * angle**2
    assert found.losses_mw.sum() == pytest.approx(lost.sum(), rel=1e-5, abs=1e-6)
    surplus = np.bincount(network.generators.bus, found.generation_mw, n_bus) - network.demand_mw
    for ends, sign in ((branches.from_bus, 1.0), (branches.to_bus, -1.0)):
        surplus -= np.bincount(ends, sign * found.flows_mw + 0.5 * lost, n_bus)
    assert surplus == pytest.approx(np.zeros(n_bus), abs=1e-4)
    assert left - 2e-2 <= found.lmp[bus] <= right + 2e-2
    parts = prices.parts(found, reference=network.demand_mw)
    assert parts.energy + parts.loss + parts.congestion == pytest.approx(found.lmp, abs=1e-7)


def test_branch_losses__belong_to_clarabel() -> None:
    network = synthetic.network(n_bus=5, seed=1)
    for engine in (engines.Engine.PTDF, engines.Engine.ANGLE):
        with pytest.raises(NetworkError, match="branch"):
            engines.clear(network, model=BranchModel.DCP, engine=engine, losses=Losses.BRANCH)
