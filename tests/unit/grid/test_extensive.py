"""Three opinions of everything: reserves, soft limits, outages and losses, with and without shift factors."""

from __future__ import annotations

import contextlib
import dataclasses
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from powerdesk.grid import contingencies, prices, synthetic
from powerdesk.grid.clearing import engines, extensive, kkt, programme, refusals, reserving, security
from powerdesk.grid.clearing.cuts import Losses
from powerdesk.grid.clearing.extensive import Wanted
from powerdesk.grid.clearing.reserving import ReserveProduct
from powerdesk.grid.clearing.rows import PenaltyStep
from powerdesk.grid.clearing.session import Session
from powerdesk.grid.sensitivities import Sensitivities
from powerdesk.grid.types import BranchModel, Network, NetworkError
from powerdesk.solvers.warm import Method

if TYPE_CHECKING:
    from collections.abc import Callable

    from powerdesk.grid.clearing.result import Clearing
    from powerdesk.grid.types import FloatArray, IntArray

SEEDS = st.integers(0, 100_000)
SOFT = (PenaltyStep(2.0, 40.0), PenaltyStep(np.inf, 900.0))


def opinions(made: Sensitivities, wanted: Wanted, products: tuple[ReserveProduct, ...] = ()) -> list[Clearing]:
    """Return what HiGHS and Clarabel find in the extensive form; left out where Clarabel's misses the check."""
    chosen = programme.of(made)
    if products:
        chosen = reserving.with_reserves(chosen, products)
    found = [extensive.clear(chosen, wanted, rung=str(Method.SIMPLEX), demand_mw=made.network.demand_mw)]
    with contextlib.suppress(refusals.DispatchUnverifiedError):
        found.append(extensive.clear(chosen, wanted, rung=extensive.CLARABEL, demand_mw=made.network.demand_mw))
    return found


def agree(own: Clearing, others: list[Clearing], again: Callable[[FloatArray], Clearing], *, price: float) -> None:
    """Assert that others found the same cost and prices, within `price` USD/MWh, verified.

    At a kink of the cost prices are not unique: where two differ, both must lie between the cost of one MW less and
    of one MW more, found by clearing `again` for those demands.
    """
    for other in others:
        assert other.found.kkt.worst <= kkt.TOLERANCE
        assert other.objective_usd_per_h == pytest.approx(own.objective_usd_per_h, rel=1e-6)
        for bus in np.flatnonzero(np.abs(other.lmp - own.lmp) > price).tolist():
            step = 1e-3 * (np.arange(own.lmp.size) == bus)
            below, above = slope(own, again, -step), slope(own, again, step)
            assert above - below > price
            for one in (own.lmp[bus], other.lmp[bus]):
                assert below - price <= one <= above + price


def slope(own: Clearing, again: Callable[[FloatArray], Clearing], step: FloatArray) -> float:
    """Return the cost of one MW more in USD/MWh, from a step of the demand; endless where it cannot be met."""
    size = float(step.sum())
    try:
        moved = again(own.demand_mw + step)
    except refusals.InfeasibleError:
        return float(np.copysign(np.inf, size))
    return (moved.objective_usd_per_h - own.objective_usd_per_h) / size


def cleared(kept: Session, demand_mw: FloatArray) -> Clearing:
    return kept.clear(demand_mw=demand_mw)


def secured(kept: Session, outages: IntArray, limits_mw: FloatArray, demand_mw: FloatArray) -> Clearing:
    return security.clear(kept, outages=outages, limits_mw=limits_mw, demand_mw=demand_mw)


def frozen_session(network: Network) -> Session:
    """Return a session that keeps the loss factors of the case's own dispatch without losses."""
    base = engines.clear(network, model=BranchModel.DCP).flows_mw
    made = Sensitivities(network, model=BranchModel.DCP)
    return Session(made, losses=Losses.FROZEN, loss_base_mw=base)


def squeezed(network: Network, share: float) -> Network:
    """Return the network with its ratings times a share."""
    rating = share * network.branches.rating_mw
    return dataclasses.replace(network, branches=dataclasses.replace(network.branches, rating_mw=rating))


@settings(max_examples=12, deadline=None)
@given(seed=SEEDS, n_bus=st.integers(4, 25), share=st.floats(0.3, 0.9))
def test_extensive__soft_limits_agree(seed: int, n_bus: int, share: float) -> None:
    network = squeezed(synthetic.network(n_bus=n_bus, seed=seed, congestion=0.9), share)
    made = Sensitivities(network, model=BranchModel.DCP)
    again = partial(cleared, Session(made, steps=SOFT))
    agree(again(network.demand_mw), opinions(made, Wanted(steps=SOFT)), again, price=1e-3)


@settings(max_examples=8, deadline=None)
@given(seed=SEEDS, n_bus=st.integers(5, 14))
def test_extensive__outages_agree_without_a_factor_of_outages(seed: int, n_bus: int) -> None:
    network = synthetic.network(n_bus=n_bus, seed=seed, congestion=0.6)
    made = Sensitivities(network, model=BranchModel.DCP)
    outages, _ = contingencies.single_outages(network)
    limit = 1.1 * network.branches.rating_mw
    again = partial(secured, Session(made, steps=SOFT), outages, limit)
    wanted = Wanted(outages=outages, after_mw=limit, steps=SOFT)
    agree(again(network.demand_mw), opinions(made, wanted), again, price=0.1)


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
    again = partial(cleared, Session(made, reserves=products))
    own, others = again(network.demand_mw), opinions(made, Wanted(), products)
    agree(own, others, again, price=1e-3)
    for other in others:
        if other.lmp == pytest.approx(own.lmp, abs=1e-3):  # else not at one point of the kink
            assert other.reserve_prices == pytest.approx(own.reserve_prices, abs=1e-3)


@settings(max_examples=12, deadline=None)
@given(seed=SEEDS, n_bus=st.integers(4, 25), losses=st.sampled_from([Losses.FROZEN, Losses.QUADRATIC]))
def test_extensive__losses_agree(seed: int, n_bus: int, losses: Losses) -> None:
    network = synthetic.network(n_bus=n_bus, seed=seed, congestion=0.4)
    again = partial(cleared, Session(Sensitivities(network, model=BranchModel.DCP), losses=losses))
    if losses is Losses.FROZEN:  # whose base point would move with the demand
        again = partial(cleared, frozen_session(network))
    own = again(network.demand_mw)
    others = [
        engines.clear(network, model=BranchModel.DCP, engine=one, losses=losses)
        for one in (engines.Engine.ANGLE, engines.Engine.CLARABEL)
    ]
    agree(own, others, again, price=0.02)
    for other in others:
        assert other.losses_mw == pytest.approx(own.losses_mw, rel=1e-3, abs=1e-4)


def test_extensive__everything_at_once_agrees() -> None:
    network = squeezed(synthetic.network(n_bus=10, seed=4, congestion=0.8), 0.8)
    made = Sensitivities(network, model=BranchModel.DCP)
    outages, _ = contingencies.single_outages(network)
    limit = 1.1 * network.branches.rating_mw
    base = np.full(len(network.branches), 3.0)
    again = partial(secured, Session(made, steps=SOFT, losses=Losses.FROZEN, loss_base_mw=base), outages, limit)
    own = again(network.demand_mw)
    wanted = Wanted(outages=outages, after_mw=limit, steps=SOFT, losses=Losses.FROZEN, loss_base_mw=base)
    others = opinions(made, wanted)
    agree(own, others, again, price=0.1)
    assert [one.found.rung for one in others] == [Method.SIMPLEX, extensive.CLARABEL]
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
    except refusals.InfeasibleError:
        return  # the made ratings leave no room for losses
    base = truly.flows_mw
    again = partial(cleared, Session(made, losses=Losses.FROZEN, loss_weights=weights, loss_base_mw=base))
    frozen = again(network.demand_mw)
    # Cuts end at a gap of 1e-7, so flows are off by about its square root, and the cost by as much as flows can move.
    assert frozen.objective_usd_per_h == pytest.approx(truly.objective_usd_per_h, rel=1e-5)
    assert frozen.losses_mw == pytest.approx(truly.losses_mw, rel=1e-3, abs=1e-6)
    if at_one_bus:
        assert truly.base_weights[seed % n_bus] == 1.0
    wanted = Wanted(losses=Losses.FROZEN, loss_base_mw=base, loss_weights=weights)
    agree(frozen, opinions(made, wanted), again, price=0.01)


@settings(max_examples=10, deadline=None)
@given(seed=SEEDS, n_bus=st.integers(4, 20))
def test_branch_losses__are_drawn_at_the_ends_and_priced_to_the_finite_difference(seed: int, n_bus: int) -> None:
    network = synthetic.network(n_bus=n_bus, seed=seed, congestion=0.2)

    def at(demand_mw: FloatArray) -> Clearing:
        return engines.clear(
            network,
            model=BranchModel.DCP,
            engine=engines.Engine.CLARABEL,
            losses=Losses.BRANCH,
            demand_mw=demand_mw,
        )

    try:
        found = at(network.demand_mw)
        step, bus = 0.05, seed % n_bus
        more, less = (network.demand_mw + sign * step * (np.arange(n_bus) == bus) for sign in (1.0, -1.0))
        right = (at(more).objective_usd_per_h - found.objective_usd_per_h) / step
        left = (found.objective_usd_per_h - at(less).objective_usd_per_h) / step
    except refusals.DispatchUnverifiedError:
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
