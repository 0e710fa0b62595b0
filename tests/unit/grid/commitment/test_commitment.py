"""Commitment by hand: prices, outages, links, falling costs, orders; the check's own eyes; cases from networks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from powerdesk.grid.commitment import bridging, checking, committing, diagnosis, neighbourhoods, pricing, searching
from powerdesk.grid.commitment import fleet as fleets
from powerdesk.grid.commitment.flows import Flows
from powerdesk.grid.commitment.modelling import Model
from powerdesk.grid.commitment.plan import InfeasibleCommitmentError, UnverifiedCommitmentError
from powerdesk.grid.commitment_case import (
    ENDLESS,
    CommitmentCase,
    Cost,
    Line,
    Link,
    Outage,
    Reserve,
    StartCost,
    Unit,
    VariableUnit,
)
from powerdesk.grid.types import NetworkError
from powerdesk.solvers.linear import UnsolvedError

if TYPE_CHECKING:
    from powerdesk.grid.commitment.plan import Commitment
    from powerdesk.grid.types import Network

N = 4


def unit(name: str, bus: str = "a", *, low: float = 10.0, high: float = 50.0, price: float = 20.0) -> Unit:
    return Unit(
        name=name,
        bus=bus,
        min_mw=np.full(N, low),
        max_mw=np.full(N, high),
        must_run=np.zeros(N, bool),
        must_not_run=np.zeros(N, bool),
        min_up_hours=2.0,
        min_down_hours=2.0,
        ramp_up_mw_per_h=30.0,
        ramp_down_mw_per_h=30.0,
        start_limit_mw=ENDLESS,
        stop_limit_mw=ENDLESS,
        start_costs=(StartCost(1.0, 100.0), StartCost(3.0, 300.0)),
        stop_cost_usd=0.0,
        initial_hours=5.0,
        initial_mw=low,
        costs=(Cost(50.0, price, 0.0, ()),),
        reserves=None,
    )


def case(
    *units: Unit, load: tuple[float, ...] = (41.3, 57.7, 88.9, 31.1), requirement_mw: float = 0.0
) -> CommitmentCase:
    """Return three buses in a ring of like lines; all demand is at c."""
    load_mw = np.zeros((N, 3))
    load_mw[:, 2] = load
    ring = (("ab", "a", "b"), ("bc", "b", "c"), ("ac", "a", "c"))
    return CommitmentCase(
        name="ring",
        hours=1.0,
        buses=("a", "b", "c"),
        load_mw=load_mw,
        units=units or (unit("cheap"), unit("dear", "b", price=40.0), unit("near", "c", low=0.0, price=90.0)),
        variable_units=(VariableUnit("wind", "b", np.zeros(N), np.full(N, 5.0), 0.0),),
        priced_loads=(),
        reserves=(Reserve("spin", "spinning", np.full(N, requirement_mw), ENDLESS),),
        lines=tuple(Line(name, start, end, 100.0, 45.0, 60.0, ENDLESS) for name, start, end in ring),
        outages=(),
        shortfall_usd_per_mwh=ENDLESS,
    )


def flawless(held: CommitmentCase, found: Commitment) -> bool:
    return checking.faults(held, on=found.on, dispatch=found.dispatch, flows=Flows(held)) == ()


def test_price__is_what_one_mw_more_costs_at_each_bus() -> None:
    held = replace(case(), shortfall_usd_per_mwh=1000.0)
    found = committing.commit(held, gap=0.0)
    prices = pricing.price(held, on=found.on)
    step = 1e-3
    for t, bus in ((0, 0), (1, 2), (2, 0), (2, 1), (2, 2), (3, 2)):
        more = held.load_mw.copy()
        more[t, bus] += step
        raised = replace(held, load_mw=more)
        base, after = (
            checking.costs(one, on=found.on, dispatch=pricing.price(one, on=found.on).dispatch, flows=Flows(one)).total
            for one in (held, raised)
        )
        assert prices.lmp[t, bus] == pytest.approx((after - base) / step, abs=1e-5)


def test_price__parts_add_up_and_name_the_line() -> None:
    held = case()
    prices = pricing.price(held, on=committing.commit(held, gap=0.0).on)
    sums = prices.energy.copy()
    for at, limit in enumerate(prices.limits):
        sums[limit.interval] -= limit.direction * limit.shadow_price_usd_per_mwh * prices.shift_factors[at]
        assert abs(limit.flow_mw) == pytest.approx(limit.limit_mw, abs=1e-6)
    assert prices.limits
    assert {one.line for one in prices.limits} <= {"ac", "bc", "ab"}
    assert np.allclose(sums, prices.lmp, atol=1e-9)


def test_price__of_reserve_is_what_its_last_mw_costs() -> None:
    held = case(requirement_mw=30.0)
    on = committing.commit(held, gap=0.0).on
    prices = pricing.price(held, on=on)

    def usd(requirement: float) -> float:
        one = case(requirement_mw=requirement)
        return checking.costs(one, on=on, dispatch=pricing.price(one, on=on).dispatch, flows=Flows(one)).total

    rate = (usd(30.0 + 1e-3) - usd(30.0)) / 1e-3
    assert prices.reserve[:, 0].sum() == pytest.approx(rate, abs=1e-5)


def test_commit__keeps_flows_after_an_outage() -> None:
    held = case(load=(40.0, 60.0, 70.0, 30.0))
    safe = replace(held, outages=(Outage("without bc", ("bc",)), Outage("both", ("bc", "ac"))))
    free, kept = committing.commit(held, gap=0.0), committing.commit(safe, gap=0.0)
    assert kept.parting_outages == ("both",)
    assert flawless(safe, kept)
    assert kept.objective_usd > free.objective_usd
    broken = checking.faults(safe, on=free.on, dispatch=free.dispatch, flows=Flows(safe))
    assert any("after without bc" in one.found for one in broken)


def test_commit__sends_over_a_link_what_lines_cannot() -> None:
    held = case()
    linked = replace(held, links=(Link("dc", "a", "c", -20.0, 20.0),))
    found = committing.commit(linked, gap=0.0)
    assert found.objective_usd < committing.commit(held, gap=0.0).objective_usd
    assert found.dispatch.link_mw.max() > 1.0
    assert flawless(linked, found)


def test_commit__fills_a_cost_that_falls_in_order() -> None:
    points = ((10.0, 400.0), (20.0, 1400.0), (50.0, 1500.0))  # 100 USD/MWh, then 3.33
    falling = replace(unit("falling"), costs=(Cost(0.0, 0.0, 0.0, points),), must_run=np.ones(N, bool))
    other = replace(unit("other", "b", price=50.0), initial_mw=20.0)
    held = case(falling, other, load=(25.0, 65.0, 70.0, 55.0))
    held = replace(held, lines=tuple(replace(one, limit_mw=ENDLESS, emergency_limit_mw=ENDLESS) for one in held.lines))
    found = committing.commit(held, gap=0.0)
    running = sum(
        np.interp(found.dispatch.power_mw[:, 0], [mw for mw, _ in points], [usd for _, usd in points])
    ) + float((found.on[:, 1] * 50.0 + found.dispatch.power_mw[:, 1] * 50.0).sum())
    assert found.costs.running == pytest.approx(running)
    assert found.gap <= 1e-6
    prices = pricing.price(held, on=found.on, dispatch=found.dispatch)
    repriced = checking.costs(held, on=found.on, dispatch=prices.dispatch, flows=Flows(held))
    assert repriced.total == pytest.approx(found.objective_usd, rel=1e-9)


def test_commit__begins_from_a_plan_and_ends_within_the_gap() -> None:
    held = replace(case(), shortfall_usd_per_mwh=1000.0)
    best = committing.commit(held, gap=0.0)
    for like in (best.on, ~best.on, np.zeros(best.on.shape, bool)):
        again = committing.commit(held, gap=0.0, like=like)
        assert again.objective_usd == pytest.approx(best.objective_usd, rel=1e-6)


def test_commit__without_branch_and_bound_says_what_it_proves() -> None:
    held = replace(case(), shortfall_usd_per_mwh=1000.0)
    best = committing.commit(held, gap=0.0)
    found = committing.commit(held, gap=0.0, most_nodes=0)
    assert flawless(held, found)
    assert found.bound_usd <= best.objective_usd + 1e-6 <= found.objective_usd + 1e-5


class CountingClock:
    """A clock on which each look takes a second."""

    def __init__(self) -> None:
        self.looks = 0

    def __call__(self) -> float:
        """Return how often it was looked at."""
        self.looks += 1
        return float(self.looks)


def ended(held: CommitmentCase, limit_s: int, clock: CountingClock) -> Commitment | UnverifiedCommitmentError:
    try:
        return committing.commit(held, gap=0.0, time_limit_s=float(limit_s), clock=clock)
    except UnverifiedCommitmentError as refused:
        return refused


LOOKS_BEYOND = 30
"""Looks at the clock after the time has ended: each step that is still to come looks once and leaves."""


@given(limit_s=st.integers(0, 60), scale=st.sampled_from([1.0, 1.2]), priced=st.booleans())
@settings(max_examples=40, deadline=None)
def test_commit__ends_when_its_clock_does_and_says_what_it_has(limit_s: int, scale: float, *, priced: bool) -> None:
    base = replace(case(requirement_mw=10.0), shortfall_usd_per_mwh=1000.0 if priced else ENDLESS)
    held = replace(base, load_mw=scale * base.load_mw)
    clock = CountingClock()
    found = ended(held, limit_s, clock)
    if isinstance(found, UnverifiedCommitmentError):
        assert f"no plan within {limit_s} s" in found.found
    else:
        assert flawless(held, found)
        assert found.bound_usd <= found.objective_usd
        assert found.gap == pytest.approx((found.objective_usd - found.bound_usd) / abs(found.objective_usd))
    assert clock.looks <= limit_s + LOOKS_BEYOND


def test_commit__without_time_says_that_no_plan_was_found() -> None:
    clock = CountingClock()
    with pytest.raises(UnverifiedCommitmentError, match="no plan within 0 s"):
        committing.commit(case(), time_limit_s=0.0, clock=clock)


def test_commit__finds_a_plan_where_prices_alone_must_and_nothing_is_priced() -> None:
    held = case(requirement_mw=10.0)
    best = committing.commit(held, gap=0.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(searching, "MANY_STATES", 0)
        patch.setattr(neighbourhoods, "MOST_OPEN", 4)
        found = committing.commit(held, gap=0.0)
    assert flawless(held, found)
    assert found.objective_usd == pytest.approx(best.objective_usd, rel=1e-6)


@given(seed=st.integers(0, 1000), n=st.integers(1, 48), n_unit=st.integers(1, 30), most=st.integers(1, 200))
@settings(max_examples=60, deadline=None)
def test_parts__open_what_loses_most_first_and_no_more_than_allowed(seed: int, n: int, n_unit: int, most: int) -> None:
    random = np.random.default_rng(seed)
    surplus, on = random.normal(0.0, 100.0, (n, n_unit)), random.random((n, n_unit)) < 0.5
    unlike = (surplus > 0.0) != on
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(neighbourhoods, "MOST_OPEN", most)
        every = list(neighbourhoods.parts(on, surplus=surplus, given_usd=np.zeros(n), hours=1.0))
    assert every[-1][unlike].all()
    lost = [float(np.abs(surplus)[one.any(axis=1)][unlike[one.any(axis=1)]].sum()) for one in every]
    assert max(lost[:-1], default=lost[-1]) <= lost[-1] + 1e-9
    for one in every:
        extra = one & ~unlike
        assert extra.sum() <= max(most + 1, n * max(1, most // n))
        assert one.any() or not unlike.any()


def test_commit__too_little_capacity_names_the_hour() -> None:
    with pytest.raises(InfeasibleCommitmentError) as refused:
        committing.commit(case(load=(40.0, 60.0, 190.0, 30.0)))
    assert any("interval 2" in one.pointer for one in refused.value.findings)


def test_explain__without_time_claims_nothing() -> None:
    held = case(load=(41.0, 57.0, 400.0, 31.0))
    model = Model(held, fleets.of(held))
    diagnosis.explain(model, time_limit_s=0.0)
    with pytest.raises(InfeasibleCommitmentError):
        diagnosis.explain(model)


def test_commit__a_minimum_above_demand_is_named() -> None:
    heavy = replace(unit("heavy", low=45.0, high=50.0), must_run=np.ones(N, bool), initial_mw=45.0)
    with pytest.raises(InfeasibleCommitmentError) as refused:
        committing.commit(case(heavy))
    assert any(one.pointer.endswith("interval 3") for one in refused.value.findings)


def test_commit__orders_that_contradict_the_time_down_are_named() -> None:
    resting = replace(unit("resting"), initial_hours=-1.0, min_down_hours=4.0, must_run=np.ones(N, bool))
    with pytest.raises(InfeasibleCommitmentError) as refused:
        committing.commit(case(resting))
    assert [one.pointer for one in refused.value.findings] == [f"resting, interval {t}" for t in range(3)]


def test_commit__start_costs_that_fall_are_refused() -> None:
    falling = replace(unit("falling"), start_costs=(StartCost(1.0, 300.0), StartCost(3.0, 100.0)))
    with pytest.raises(NetworkError, match="falling"):
        committing.commit(case(falling))


def test_price__states_that_leave_no_dispatch_are_refused() -> None:
    held = case()
    with pytest.raises(UnsolvedError):
        pricing.price(held, on=np.zeros((N, 3), bool))


@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_faults__notice_whatever_is_changed(data: st.DataObject) -> None:
    held = case(requirement_mw=10.0)
    found = PLAN
    dispatch = found.dispatch
    t, at = data.draw(st.integers(0, N - 1)), data.draw(st.integers(0, 2))
    kind = data.draw(st.sampled_from(["power", "reserve", "shed", "wind", "state"]))
    on = found.on.copy()
    off_by = data.draw(st.sampled_from([-1.0, 1.0]))
    if kind == "state":
        at = min(at, 1)  # the third unit may be on or off at 0 MW
        on[t, at] = ~on[t, at]
    elif kind == "power":
        power = dispatch.power_mw.copy()
        power[t, at] += off_by
        dispatch = replace(dispatch, power_mw=power)
    elif kind == "reserve":
        dispatch = replace(dispatch, reserve_mw=dispatch.reserve_mw * 0.9)
    elif kind == "shed":
        dispatch = replace(dispatch, shed_mw=dispatch.shed_mw + 1.0)
    else:
        dispatch = replace(dispatch, variable_mw=dispatch.variable_mw + off_by)
    assert checking.faults(held, on=on, dispatch=dispatch, flows=Flows(held))


PLAN = committing.commit(case(requirement_mw=10.0), gap=0.0)


def horizon(network: Network, n: int) -> bridging.Horizon:
    generators = network.generators
    return bridging.Horizon(
        hours=1.0,
        load_mw=np.linspace(0.7, 1.0, n)[:, None] * network.buses.load_mw[None, :],
        min_mw=np.tile(generators.min_mw, (n, 1)),
        max_mw=np.tile(generators.max_mw, (n, 1)),
        available=np.ones((n, len(generators)), bool),
    )


def test_case_of__a_network_without_times_clears_each_interval_for_itself(two_islands: Network) -> None:
    network = two_islands
    held = bridging.case_of(
        network, times=bridging.UnitTimes.free(len(network.generators)), horizon=horizon(network, 3)
    )
    found = committing.commit(held, gap=1e-6)
    assert [one.name for one in held.units] == list(network.generators.name)
    assert found.on[:, network.live_generators].all()
    assert flawless(held, found)


def test_case_of__arrays_of_another_size_are_refused(two_islands: Network) -> None:
    network = two_islands
    cut = replace(horizon(network, 3), load_mw=np.zeros((3, 1)))
    with pytest.raises(NetworkError, match="load_mw"):
        bridging.case_of(network, times=bridging.UnitTimes.free(len(network.generators)), horizon=cut)
