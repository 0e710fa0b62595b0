"""The dispatch: known cases, three engines, properties of every optimum, and failures that must be told."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from powerdesk.grid import contingencies, prices, synthetic
from powerdesk.grid.clearing import active_set, engines, kkt, reduced, refusals, security
from powerdesk.grid.clearing.cuts import Losses
from powerdesk.grid.clearing.rows import PenaltyStep
from powerdesk.grid.clearing.session import Session
from powerdesk.grid.clearing.vertex import Products, Vertex
from powerdesk.grid.sensitivities import Sensitivities
from powerdesk.grid.types import BranchModel, Network, NetworkError
from powerdesk.solvers.warm import Answer, Method, Verdict, WarmProgram

if TYPE_CHECKING:
    from powerdesk.grid.types import FloatArray

SEEDS = st.integers(0, 100_000)
SIZES = st.integers(3, 30)


def session(network: Network, **options: object) -> Session:
    return Session(Sensitivities(network, model=BranchModel.DCP), **options)  # type: ignore[arg-type]  # by name


def rated(network: Network, rating: FloatArray) -> Network:
    return dataclasses.replace(network, branches=dataclasses.replace(network.branches, rating_mw=rating))


def priced(network: Network, **costs: FloatArray) -> Network:
    return dataclasses.replace(network, generators=dataclasses.replace(network.generators, **costs))


def curved(network: Network, seed: int) -> Network:
    """Return the network with quadratic costs on some generators."""
    draw = np.random.default_rng(seed)
    count = len(network.generators)
    bend = draw.uniform(0.001, 0.2, count) * (draw.uniform(size=count) < 0.6)
    return priced(network, quadratic_usd_per_mw2h=bend)


def test_clear__two_islands_joined_by_direct_current_at_the_known_prices(two_islands: Network) -> None:
    cleared = session(rated(two_islands, np.full(6, np.inf))).clear()
    # island 2: its generator asks 35; all 15 MW come, of which 0.1 MW and 2 % are lost on the way
    assert cleared.hvdc_mw == pytest.approx([15.0])
    assert cleared.generation_mw[3] == pytest.approx(30.0 - 14.6)
    assert cleared.lmp[3:5] == pytest.approx([35.0, 35.0])
    # island 1 gives 105 + 15: the third its minimum of 10, the first 100 MW at 10, the second 10 MW at 12, none at 15
    assert cleared.generation_mw[:3] == pytest.approx([100.0, 10.0, 10.0])
    assert 12.0 - 1e-9 <= cleared.lmp[0] <= 15.0 + 1e-9
    assert cleared.lmp[:3] == pytest.approx(np.full(3, cleared.lmp[0]))
    assert np.isnan(cleared.lmp[5])
    third = 100.0 + 20.0 * 10.0 + 0.05 * 10.0**2
    assert cleared.objective_usd_per_h == pytest.approx(100.0 * 10.0 + 120.0 + third + 15.4 * 35.0)


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS, n_bus=SIZES, congestion=st.floats(0.3, 1.0), bent=st.booleans())
def test_clear__three_engines_agree(seed: int, n_bus: int, congestion: float, bent: bool) -> None:  # noqa: FBT001 - the draw names it
    network = synthetic.network(n_bus=n_bus, seed=seed, congestion=congestion)
    if bent:
        network = curved(network, seed)
    found = [engines.clear(network, model=BranchModel.DCP, engine=one) for one in engines.Engine]
    for other in found[1:]:
        assert other.objective_usd_per_h == pytest.approx(found[0].objective_usd_per_h, rel=1e-7)
        assert other.flows_mw == pytest.approx(found[0].flows_mw, abs=2e-2 * (1.0 + bent))
    assert max(one.found.kkt.worst for one in found) <= kkt.TOLERANCE


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS, n_bus=SIZES)
def test_clear__limits_hold_and_power_balances(seed: int, n_bus: int) -> None:
    network = synthetic.network(n_bus=n_bus, seed=seed, congestion=0.95)
    cleared = session(network).clear()
    assert (np.abs(cleared.flows_mw) <= network.branches.rating_mw * (1.0 + 1e-9) + 1e-5).all()
    assert cleared.generation_mw.sum() == pytest.approx(network.demand_mw.sum())


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS, n_bus=SIZES)
def test_clear__without_limits_there_is_one_price(seed: int, n_bus: int) -> None:
    network = synthetic.network(n_bus=n_bus, seed=seed)
    free = rated(network, np.full(len(network.branches), np.inf))
    assert np.ptp(session(free).clear().lmp) == 0.0


@settings(max_examples=15, deadline=None)
@given(seed=SEEDS, n_bus=SIZES)
def test_clear__permuting_buses_permutes_prices(seed: int, n_bus: int) -> None:
    network = synthetic.network(n_bus=n_bus, seed=seed, congestion=0.9)
    order = np.random.default_rng(seed).permutation(n_bus)  # the new bus i is the old order[i]
    place = np.argsort(order)
    b = network.buses
    names = tuple(b.name[one] for one in order.tolist())
    arrays = {name: getattr(b, name)[order] for name in b.__slots__ if name != "name"}
    shuffled = dataclasses.replace(
        network,
        buses=dataclasses.replace(b, name=names, **arrays),
        branches=dataclasses.replace(
            network.branches, from_bus=place[network.branches.from_bus], to_bus=place[network.branches.to_bus]
        ),
        generators=dataclasses.replace(network.generators, bus=place[network.generators.bus]),
    )
    one, other = session(network).clear(), session(shuffled).clear()
    assert other.objective_usd_per_h == pytest.approx(one.objective_usd_per_h, rel=1e-9)
    assert other.lmp[place] == pytest.approx(one.lmp, abs=1e-6)


@settings(max_examples=15, deadline=None)
@given(seed=SEEDS, n_bus=SIZES, factor=st.floats(0.01, 100.0))
def test_clear__costs_times_a_factor_give_prices_times_the_factor(seed: int, n_bus: int, factor: float) -> None:
    network = synthetic.network(n_bus=n_bus, seed=seed, congestion=0.9)
    scaled = priced(network, linear_usd_per_mwh=network.generators.linear_usd_per_mwh * factor)
    one, other = session(network).clear(), session(scaled).clear()
    assert other.lmp == pytest.approx(one.lmp * factor, rel=1e-6, abs=1e-6)


@settings(max_examples=15, deadline=None)
@given(seed=SEEDS, n_bus=st.integers(8, 30))
def test_clear__a_tighter_binding_limit_costs_its_shadow_price_and_a_loose_one_nothing(seed: int, n_bus: int) -> None:
    network = synthetic.network(n_bus=n_bus, seed=seed, congestion=0.97)
    cleared = session(network).clear()
    step = 1e-5
    for one in cleared.constraints[:3]:
        costs = []
        for sign in (-1.0, 1.0):
            rating = network.branches.rating_mw.copy()
            rating[one.branch] += sign * step
            costs.append(session(rated(network, rating)).clear().objective_usd_per_h)
        wider, tighter = cleared.objective_usd_per_h - costs[1], costs[0] - cleared.objective_usd_per_h
        assert wider - 1e-6 <= one.shadow_price_usd_per_mwh * step <= tighter + 1e-6
    spare = np.abs(cleared.flows_mw) < 0.9 * network.branches.rating_mw
    rating = np.where(spare, np.maximum(np.abs(cleared.flows_mw) * 1.05, 1e-3), network.branches.rating_mw)
    held = session(rated(network, rating)).clear()
    assert held.objective_usd_per_h == pytest.approx(cleared.objective_usd_per_h, rel=1e-9)


def test_clear__warm_equals_cold_over_a_day_of_intervals() -> None:
    network = synthetic.network(n_bus=60, seed=7, congestion=0.9)
    warm = session(network)
    draw = np.random.default_rng(7)
    rungs = set()
    for number in range(288):
        level = 0.93 + 0.05 * np.cos(2.0 * np.pi * number / 288)
        demand = network.demand_mw * level * (1.0 + 0.01 * draw.standard_normal(60))
        kept = warm.clear(demand_mw=demand)
        rungs.add(kept.found.rung)
        if number % 12 == 0:
            fresh = session(network).clear(demand_mw=demand)
            assert kept.objective_usd_per_h == pytest.approx(fresh.objective_usd_per_h, rel=1e-10)
            assert kept.lmp == pytest.approx(fresh.lmp, abs=1e-6)
    assert reduced.VERTEX in rungs


def test_clear__limits_of_generators_may_be_narrowed_for_an_interval(two_islands: Network) -> None:
    kept = session(rated(two_islands, np.full(6, np.inf)))
    free = kept.clear()
    low, high = free.generation_mw.copy(), free.generation_mw.copy()
    low[:] = 0.0
    high[:] = 500.0
    high[1] = 4.0
    held = kept.clear(min_mw=low, max_mw=high)
    assert held.generation_mw[1] == pytest.approx(4.0)
    assert held.objective_usd_per_h > free.objective_usd_per_h
    again = kept.clear()
    assert again.objective_usd_per_h == pytest.approx(free.objective_usd_per_h)


def test_clear__soft_limits_are_broken_at_their_penalty_steps() -> None:
    network = synthetic.network(n_bus=12, seed=5, congestion=0.9)
    rating = network.branches.rating_mw.copy()
    hard = session(network).clear()
    worst = hard.constraints[0].branch if hard.constraints else int(np.argmax(np.abs(hard.flows_mw)))
    rating[worst] = 0.05 * abs(hard.flows_mw[worst])
    steps = (PenaltyStep(3.0, 20.0), PenaltyStep(np.inf, 5_000.0))
    soft = session(rated(network, rating), steps=steps).clear()
    excess = max(0.0, abs(soft.flows_mw[worst]) - rating[worst])
    assert excess > 0.0
    (price,) = [one.shadow_price_usd_per_mwh for one in soft.constraints if one.branch == worst]
    if excess < 3.0 - 1e-6:
        assert price == pytest.approx(20.0)
    else:
        assert 20.0 - 1e-6 <= price <= 5_000.0
    beyond = np.maximum(np.abs(soft.flows_mw) - rating, 0.0)
    penalty = float((20.0 * np.minimum(beyond, 3.0) + 5_000.0 * np.maximum(beyond - 3.0, 0.0)).sum())
    made = float(network.generators.linear_usd_per_mwh @ soft.generation_mw)
    assert soft.objective_usd_per_h == pytest.approx(made + penalty, rel=1e-9)


def test_security__no_single_outage_overloads_and_it_costs_more() -> None:
    network = synthetic.network(n_bus=30, seed=11, congestion=0.4)
    outages, _ = contingencies.single_outages(network)
    limit = 1.25 * network.branches.rating_mw
    kept = session(network, steps=(PenaltyStep(np.inf, 500.0),))
    plain = session(network).clear()
    secure = security.clear(kept, outages=outages, limits_mw=limit)
    assert secure.objective_usd_per_h >= plain.objective_usd_per_h - 1e-6
    assert any(one.outage >= 0 for one in secure.constraints)
    assert any(" after " in one.name for one in secure.constraints)
    for out in outages.tolist():
        named = contingencies.Contingency("one", (out,))
        after = contingencies.flows_after(kept.sensitivities, flows_mw=secure.flows_mw, contingency=named)
        assert after is not None
        beyond = np.abs(after) - limit
        rows = {int(one) for one, o in zip(kept.rows.branch, kept.rows.outage, strict=True) if o == out}
        assert all(beyond[one] <= 2e-3 or one in rows for one in range(beyond.size))


def test_infeasible__too_little_supply_is_told_with_the_limits_in_conflict(two_islands: Network) -> None:
    with pytest.raises(refusals.InfeasibleError) as refused:
        session(two_islands).clear(demand_mw=two_islands.demand_mw * 3.0)
    names = [one.pointer for one in refused.value.findings]
    assert any("the demand of island" in one for one in names)
    assert any("the upper limits" in one for one in names)


def test_infeasible__a_line_that_cannot_feed_its_load_is_the_whole_conflict(two_islands: Network) -> None:
    rating = two_islands.branches.rating_mw.copy()
    rating[4] = 12.0  # bus 50 takes 20 MW through it
    starved = Sensitivities(rated(two_islands, rating), model=BranchModel.DCP)
    for clear in (Session(starved).clear, lambda: engines.clear_whole(starved, engine=engines.Engine.ANGLE)):
        with pytest.raises(refusals.InfeasibleError, match="8 MW at least") as refused:
            clear()
        assert [one.pointer for one in refused.value.findings] == ["the limit of 40-50"]


def test_infeasible__stops_the_loop_of_rows_at_once() -> None:
    network = synthetic.network(n_bus=200, seed=4, congestion=0.9)
    kept = session(rated(network, 0.02 * network.branches.rating_mw))
    with pytest.raises(refusals.InfeasibleError):
        kept.clear()
    assert len(kept.rows) < 150


def test_kkt__sees_a_wrong_shift_factor_a_wrong_price_and_a_lost_row() -> None:
    network = synthetic.network(n_bus=30, seed=1, congestion=0.95)
    kept = session(network)
    assert kept.clear().constraints
    found = kept._reduced.solve(Method.SIMPLEX_WARM).candidate
    assert found is not None
    assert kkt.residual(kept.programme, kept.rows, found).worst <= 1e-9
    wrong_price = dataclasses.replace(found, lmp=found.lmp + 0.01 * (np.arange(30) == 3))
    assert kkt.residual(kept.programme, kept.rows, wrong_price).worst > kkt.TOLERANCE
    wrong_dispatch = dataclasses.replace(found, x=found.x + 0.01 * (np.arange(found.x.size) == 0))
    assert kkt.residual(kept.programme, kept.rows, wrong_dispatch).worst > kkt.TOLERANCE
    lost = dataclasses.replace(found, row_price=found.row_price * 0.0)
    assert kkt.residual(kept.programme, kept.rows, lost).worst > kkt.TOLERANCE
    over = dataclasses.replace(found, flows_mw=found.flows_mw * 1.01)
    assert kkt.residual(kept.programme, kept.rows, over).worst > kkt.TOLERANCE
    assert np.isnan(kkt.residual(kept.programme, kept.rows, dataclasses.replace(found, lmp=found.lmp * np.nan)).worst)


def test_ladder__goes_on_when_a_rung_fails_or_lies(monkeypatch: pytest.MonkeyPatch) -> None:
    network = synthetic.network(n_bus=30, seed=1, congestion=0.95)
    honest = session(network).clear()
    run = WarmProgram.run

    def unreliable(self: WarmProgram, method: Method) -> Answer:
        if method is Method.SIMPLEX:
            return Answer(Verdict.FAILED, "Not Set", np.empty(0), np.empty(0))
        found = run(self, method)
        if method is Method.PRIMAL_SIMPLEX:  # a wrong "Optimal"
            return dataclasses.replace(found, primal=found.primal * 1.01)
        return found

    monkeypatch.setattr(WarmProgram, "run", unreliable)
    cleared = session(network).clear()
    assert cleared.found.rung == Method.INTERIOR_POINT
    assert cleared.objective_usd_per_h == pytest.approx(honest.objective_usd_per_h, rel=1e-9)


def test_ladder__a_false_verdict_of_infeasible_does_not_end_it(monkeypatch: pytest.MonkeyPatch) -> None:
    network = synthetic.network(n_bus=30, seed=1, congestion=0.95)
    lies = iter([True, False])
    run = WarmProgram.run

    def lying(self: WarmProgram, method: Method) -> Answer:
        if next(lies, False):
            return Answer(Verdict.INFEASIBLE, "Infeasible", np.empty(0), np.empty(0))
        return run(self, method)

    monkeypatch.setattr(WarmProgram, "run", lying)
    assert session(network).clear().found.rung == Method.PRIMAL_SIMPLEX


@pytest.mark.parametrize("lies", [False, True])
def test_ladder__goes_on_when_the_kept_vertex_fails_or_lies(monkeypatch: pytest.MonkeyPatch, lies: bool) -> None:  # noqa: FBT001 - the case names it
    network = synthetic.network(n_bus=30, seed=1, congestion=0.95)
    demand = 0.99 * network.demand_mw
    honest = session(network).clear(demand_mw=demand)
    kept = session(network)
    kept.clear()
    solve = Vertex.solve

    def unreliable(self: Vertex, problem: active_set.Problem, products: Products) -> active_set.Point | None:
        found = solve(self, problem, products)
        assert found is not None
        return dataclasses.replace(found, price=1.01 * found.price) if lies else None

    monkeypatch.setattr(Vertex, "solve", unreliable)
    cleared = kept.clear(demand_mw=demand)
    assert cleared.found.rung == Method.SIMPLEX_WARM
    assert cleared.objective_usd_per_h == pytest.approx(honest.objective_usd_per_h, rel=1e-9)
    assert cleared.lmp == pytest.approx(honest.lmp, abs=1e-6)


def test_losses__quadratic_are_those_of_the_flows_and_cost_more(two_islands: Network) -> None:
    free = session(two_islands).clear()
    lossy = session(two_islands, losses=Losses.QUADRATIC).clear()
    branches = two_islands.branches
    on = two_islands.live_branches
    lost = float((branches.resistance_pu[on] * lossy.flows_mw[on] ** 2).sum() / 100.0)
    assert lossy.losses_mw.sum() == pytest.approx(lost, rel=1e-6)
    assert lossy.objective_usd_per_h > free.objective_usd_per_h


@settings(max_examples=10, deadline=None)
@given(seed=SEEDS, n_bus=st.integers(5, 25), kind=st.sampled_from([Losses.FROZEN, Losses.QUADRATIC]))
def test_losses__balance_and_prices_add_up(seed: int, n_bus: int, kind: Losses) -> None:
    network = synthetic.network(n_bus=n_bus, seed=seed, congestion=0.3)
    try:
        cleared = session(network, losses=kind).clear()
    except refusals.InfeasibleError:
        return  # the made ratings leave no room for losses
    assert cleared.generation_mw.sum() == pytest.approx(network.demand_mw.sum() + cleared.losses_mw.sum())
    for reference in (None, 1, network.demand_mw):
        found = prices.parts(cleared, reference=reference)
        assert found.energy + found.loss + found.congestion == pytest.approx(cleared.lmp, abs=1e-9)
        assert np.sum(found.weights * found.loss) == pytest.approx(0.0, abs=1e-9)
        assert np.sum(found.weights * found.congestion) == pytest.approx(0.0, abs=1e-8)


def test_losses__with_another_engine_are_refused(two_islands: Network) -> None:
    with pytest.raises(NetworkError, match="losses"):
        engines.clear(two_islands, model=BranchModel.DCP, engine=engines.Engine.ANGLE, losses=Losses.FROZEN)


def test_session__goes_over_to_angles_where_many_limits_bind(monkeypatch: pytest.MonkeyPatch) -> None:
    network = synthetic.network(n_bus=120, seed=6, congestion=1.0)
    by_rows = session(network)
    expected = by_rows.clear()
    monkeypatch.setattr("powerdesk.grid.clearing.session.CROWDED_ROWS", len(by_rows.rows) // 2)
    crowded = session(network)
    found = crowded.clear()
    assert (found.found.engine, expected.found.engine) == ("angle", "ptdf")
    assert found.objective_usd_per_h == pytest.approx(expected.objective_usd_per_h, rel=1e-9)
    demand = 0.99 * network.demand_mw
    again = crowded.clear(demand_mw=demand)
    assert (again.found.engine, again.found.rung) == ("ptdf", reduced.VERTEX)
    assert again.objective_usd_per_h == pytest.approx(by_rows.clear(demand_mw=demand).objective_usd_per_h, rel=1e-9)
    with pytest.raises(refusals.InfeasibleError):
        crowded.clear(demand_mw=9.0 * network.demand_mw)


def test_infeasible__a_rating_and_an_angle_limit_that_leave_no_flow_are_told_by_name(two_islands: Network) -> None:
    low = two_islands.branches.angle_min_deg.copy()
    low[4] = 5.0  # 5 degrees drive 43 MW through 40-50, whose rating is 30
    crossed = dataclasses.replace(two_islands, branches=dataclasses.replace(two_islands.branches, angle_min_deg=low))
    for engine in engines.Engine:
        with pytest.raises(refusals.InfeasibleError) as refused:
            engines.clear(crossed, model=BranchModel.DCP, engine=engine)
        assert [one.pointer for one in refused.value.findings] == ["the limits of 40-50"]


def test_infeasible__units_that_cannot_go_low_enough_are_told_without_rows_of_flow(two_islands: Network) -> None:
    least = two_islands.generators.min_mw.copy()
    least[3] = 45.0  # island 2 takes 30 MW and can send 10 away
    held = dataclasses.replace(two_islands, generators=dataclasses.replace(two_islands.generators, min_mw=least))
    unrated = rated(held, np.full(6, np.inf))
    with pytest.raises(refusals.InfeasibleError, match="MW at least") as refused:
        session(unrated).clear()
    assert {one.pointer.split(":")[0] for one in refused.value.findings} == {
        "the demand of island 2 (2 buses)",
        "the lower limits of 1 generator(s) and 1 direct-current line(s)",
    }
