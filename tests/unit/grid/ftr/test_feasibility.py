"""Simultaneous feasibility against networks solved anew, and revenue adequacy against the engine's own clearings."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import optimize

from powerdesk.grid import contingencies, synthetic
from powerdesk.grid.basis.panel import Leg
from powerdesk.grid.clearing import result, security
from powerdesk.grid.clearing.cuts import Losses
from powerdesk.grid.clearing.session import Session
from powerdesk.grid.ftr import adequacy, feasibility, paths
from powerdesk.grid.ftr.feasibility import Screen
from powerdesk.grid.ftr.paths import FtrError, Kind, Path
from powerdesk.grid.sensitivities import Sensitivities
from powerdesk.grid.types import BranchModel

if TYPE_CHECKING:
    from collections.abc import Callable

    from powerdesk.grid.types import Network

SEEDS = st.integers(0, 10_000)


def drawn(network: Network, draw: np.random.Generator, count: int, *, options: float) -> tuple[paths.Paths, np.ndarray]:
    """Return paths between drawn buses, some to a hub of three, and MW; a share of them options."""
    names = network.buses.name
    chosen = []
    for one in range(count):
        source, *sinks = draw.choice(len(names), 4, replace=False).tolist()
        kind = Kind.OPTION if draw.uniform() < options else Kind.OBLIGATION
        hub = Leg("HUB", tuple((names[at], weight) for at, weight in zip(sinks, (0.5, 0.3, 0.2), strict=True)))
        sink = hub if one % 3 == 0 else Leg.at(names[sinks[0]])
        chosen.append(Path(f"right {one}", Leg.at(names[source]), sink, kind))
    return paths.paths(network, chosen), draw.uniform(1.0, 30.0, count)


def without(network: Network, branch: int) -> Network:
    off = network.branches.in_service.copy()
    off[branch] = False
    return dataclasses.replace(network, branches=dataclasses.replace(network.branches, in_service=off))


def loads(network: Network, held: paths.Paths, mw: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the load on each branch (n_branch,) along and against it, every right's flow solved for by itself."""
    sensitivities = Sensitivities(network, model=BranchModel.DCP)
    each = sensitivities.injected_flows_mw(held.injection.toarray().T) * mw
    along = np.where(held.option, np.maximum(each, 0.0), each).sum(axis=1)
    against = np.where(held.option, np.maximum(-each, 0.0), -each).sum(axis=1)
    return along, against


@settings(max_examples=12, deadline=None)
@given(seed=SEEDS, options=st.sampled_from([0.0, 0.5, 1.0]))
def test_simultaneous__finds_what_networks_solved_anew_show(seed: int, options: float) -> None:
    network = synthetic.network(n_bus=14, seed=seed, congestion=0.5)
    held, mw = drawn(network, np.random.default_rng(seed), 9, options=options)
    outages, _ = contingencies.single_outages(network)
    screen = Screen(Sensitivities(network, model=BranchModel.DCP), held, outages=outages)
    found = feasibility.simultaneous(screen, mw=mw)
    truth, ratio = {}, 0.0
    for out in (-1, *outages.tolist()):
        changed = network if out < 0 else without(network, out)
        limit = network.branches.rating_mw if out < 0 else network.branches.emergency_rating_mw
        for direction, load in zip((1, -1), loads(changed, held, mw), strict=True):
            ratio = max(ratio, float((load / limit).max()))
            truth |= {(at, out, direction): load[at] for at in np.flatnonzero(load > limit + 1e-6).tolist()}
    keys = zip(found.rows.branch.tolist(), found.rows.outage.tolist(), found.rows.direction.tolist(), strict=True)
    over = found.flow_mw > found.rows.room_mw + 1e-6
    broken = {key: flow for key, flow, bad in zip(keys, found.flow_mw.tolist(), over.tolist(), strict=True) if bad}
    assert broken.keys() == truth.keys()
    for key, flow in broken.items():
        assert flow == pytest.approx(truth[key], abs=1e-6)
    assert found.scale == pytest.approx(1.0 / ratio, rel=1e-6)
    assert found.feasible == (not truth)


@settings(max_examples=12, deadline=None)
@given(seed=SEEDS)
def test_simultaneous__rights_times_the_scale_are_just_feasible(seed: int) -> None:
    network = synthetic.network(n_bus=20, seed=seed)
    held, mw = drawn(network, np.random.default_rng(seed), 8, options=0.4)
    screen = Screen(
        Sensitivities(network, model=BranchModel.DCP), held, outages=contingencies.single_outages(network)[0]
    )
    scale = feasibility.simultaneous(screen, mw=mw).scale
    just = feasibility.simultaneous(screen, mw=mw * scale * (1.0 - 1e-12))
    assert just.feasible
    assert len(just.rows) >= 1
    assert not feasibility.simultaneous(screen, mw=mw * scale * 1.001).feasible


def test_simultaneous__obligations_net_and_options_do_not(two_islands: Network) -> None:
    sensitivities = Sensitivities(two_islands, model=BranchModel.MATPOWER)
    for kind, feasible in ((Kind.OBLIGATION, True), (Kind.OPTION, False)):
        held = paths.paths(two_islands, [Path.between("10", "20", kind), Path.between("20", "10", kind)])
        found = feasibility.simultaneous(Screen(sensitivities, held), mw=np.array([500.0, 500.0]))
        assert found.feasible is feasible
    assert "10-20" in found.rows.names(two_islands)
    assert "10-20 reversed" in found.rows.names(two_islands)


def test_simultaneous__phase_shifters_take_room_of_their_own(two_islands: Network) -> None:
    shifted = dataclasses.replace(two_islands.branches, shift_deg=np.array([0, 0, -8.0, -8.0, 0, 0]))
    network = dataclasses.replace(two_islands, branches=shifted)
    sensitivities = Sensitivities(network, model=BranchModel.MATPOWER)
    held = paths.paths(network, [Path.between("10", "20")])
    alone = sensitivities.fixed_flow_mw[0]
    assert abs(alone) > 5.0
    share = sensitivities.flows_mw(held.injection.toarray()[0])[0] - alone
    found = feasibility.simultaneous(Screen(sensitivities, held), mw=np.array([1.0]))
    limits = [(network.branches.rating_mw[at], sensitivities.fixed_flow_mw[at]) for at in (0, 1)]
    shares = [share, sensitivities.flows_mw(held.injection.toarray()[0])[1] - limits[1][1]]
    wanted = min(
        (limit - np.sign(part) * fixed) / abs(part) for (limit, fixed), part in zip(limits, shares, strict=True)
    )
    assert found.scale == pytest.approx(wanted)


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS, options=st.sampled_from([0.0, 0.5]))
def test_adequacy__feasible_rights_are_paid_in_full_by_any_dispatch(seed: int, options: float) -> None:
    network = synthetic.network(n_bus=30, seed=seed, congestion=1.0)
    draw = np.random.default_rng(seed)
    held, mw = drawn(network, draw, 12, options=options)
    session = Session(Sensitivities(network, model=BranchModel.DCP))
    screen = Screen(session.sensitivities, held)
    mw *= screen.scale(mw)
    for level in draw.uniform(0.6, 1.0, 3).tolist():
        found = adequacy.adequacy(session.clear(demand_mw=level * network.demand_mw), held, mw=mw)
        scale = 1e-6 * (1.0 + abs(found.rent))
        assert found.surplus >= -scale
        assert found.payout <= found.claim_by_constraint.sum() + scale
        if not options:
            assert found.payout == pytest.approx(float(found.claim_by_constraint.sum()), abs=scale)


@settings(max_examples=8, deadline=None)
@given(seed=SEEDS)
@example(seed=0)
def test_adequacy__holds_with_outages_in_the_test_and_in_the_dispatch(seed: int) -> None:
    network = synthetic.network(n_bus=16, seed=seed, congestion=0.3)
    outages, _ = contingencies.single_outages(network)
    session = Session(Sensitivities(network, model=BranchModel.DCP))
    limits = _borne_in_proportion(session.sensitivities, outages)
    held, mw = drawn(network, np.random.default_rng(seed), 8, options=0.3)
    screen = Screen(session.sensitivities, held, outages=outages, emergency_mw=limits)
    mw *= screen.scale(mw)
    cleared = security.clear(session, outages=outages, limits_mw=limits)
    if seed == 0:
        assert any(one.outage >= 0 for one in cleared.constraints)  # the test is about such rows
    assert adequacy.adequacy(cleared, held, mw=mw).surplus >= -1e-6 * (1.0 + prices_scale(cleared))


def _borne_in_proportion(sensitivities: Sensitivities, outages: np.ndarray) -> np.ndarray:
    """Return limits (n_branch,) that generation in proportion to capacity just keeps after every outage."""
    network = sensitivities.network
    capacity = np.bincount(network.generators.bus, network.generators.max_mw, len(network.buses))
    flow = sensitivities.flows_mw(capacity * network.demand_mw.sum() / capacity.sum() - network.demand_mw)
    lodf = contingencies.outage_factors(sensitivities, outages=outages).lodf
    return 1.0 + 1.01 * np.abs(flow[:, None] + lodf * flow[outages]).max(axis=1, initial=0.0)


def prices_scale(cleared: result.Clearing) -> float:
    return float(np.abs(np.nan_to_num(cleared.lmp)).max()) * float(cleared.demand_mw.sum())


def test_simultaneous__an_outage_that_parts_the_network_is_refused(two_islands: Network) -> None:
    sensitivities = Sensitivities(two_islands, model=BranchModel.MATPOWER)
    held = paths.paths(two_islands, [Path.between("10", "20")])
    with pytest.raises(FtrError, match="40-50"):
        feasibility.simultaneous(Screen(sensitivities, held, outages=np.array([0, 4])), mw=np.ones(1))


def test_adequacy__rights_beyond_the_limits_are_not_and_the_constraint_is_named() -> None:
    network = synthetic.network(n_bus=30, seed=3, congestion=1.0)
    session = Session(Sensitivities(network, model=BranchModel.DCP))
    cleared = session.clear()
    worst = cleared.constraints[0]
    branch = network.branches
    ends = (branch.from_bus[worst.branch], branch.to_bus[worst.branch])[:: worst.direction]
    held = paths.paths(network, [Path.between(*(network.buses.name[at] for at in ends))])
    scale = Screen(session.sensitivities, held).scale(np.ones(1))
    assert adequacy.adequacy(cleared, held, mw=np.array([0.999 * scale])).surplus >= 0.0
    short = adequacy.adequacy(cleared, held, mw=np.array([100.0 * scale]))
    assert short.surplus < 0.0
    lacking = short.claim_by_constraint - short.rent_by_constraint
    assert short.constraints[int(np.argmax(lacking))] == worst.name


def test_adequacy__losses_are_refused() -> None:
    network = synthetic.network(n_bus=30, seed=3)
    session = Session(Sensitivities(network, model=BranchModel.DCP), losses=Losses.QUADRATIC)
    held = paths.paths(network, [Path.between("1", "2")])
    with pytest.raises(FtrError, match="with losses"):
        adequacy.adequacy(session.clear(demand_mw=0.8 * network.demand_mw), held, mw=np.ones(1))


def test_paths__every_fault_is_named_at_once(two_islands: Network) -> None:
    chosen = [Path.between("10", "90"), Path.between("10", "40"), Path.between("10", "60"), Path.between("10", "20")]
    with pytest.raises(FtrError) as caught:
        paths.paths(two_islands, chosen)
    assert [one.found for one in caught.value.findings] == ["bus 90", "ends on two islands", "ends on two islands"]


def test_simultaneous__of_2869_buses_with_outages_finds_the_planted_overload(
    published: Callable[[str], Network],
) -> None:
    network = published("pglib_opf_case2869_pegase")
    sensitivities = Sensitivities(network, model=BranchModel.DCP)
    outages, _ = contingencies.single_outages(network)
    branch = int(np.argmin(np.where(np.isfinite(network.branches.rating_mw), network.branches.rating_mw, np.inf)))
    ends = [network.buses.name[at] for at in (network.branches.from_bus[branch], network.branches.to_bus[branch])]
    held = paths.paths(network, [Path.between(*ends)])
    screen = Screen(sensitivities, held, outages=outages[:300])
    share = abs(sensitivities.injected_flows_mw(held.injection.toarray()[0])[branch])
    found = feasibility.simultaneous(screen, mw=np.array([1.01 * network.branches.rating_mw[branch] / share]))
    assert branch in found.rows.branch[found.flow_mw > found.rows.room_mw].tolist()


@settings(max_examples=15, deadline=None)
@given(seed=SEEDS)
def test_simultaneous__scale_of_obligations_is_that_of_a_linear_programme(seed: int) -> None:
    draw = np.random.default_rng(seed)
    network = synthetic.network(n_bus=20, seed=seed % 50)
    held, mw = drawn(network, draw, 6, options=0.0)
    sensitivities = Sensitivities(network, model=BranchModel.DCP)
    limit = network.branches.rating_mw
    n_bus, limited = len(network.buses), np.isfinite(limit)
    live = np.flatnonzero(network.live)
    # angles and the scale as variables: the network's own equations, no shift factor
    flow = np.zeros((len(network.branches), n_bus))
    rows = np.arange(len(network.branches))
    flow[rows, network.branches.from_bus] = sensitivities.susceptance_mw
    flow[rows, network.branches.to_bus] -= sensitivities.susceptance_mw
    balance = np.concatenate((sensitivities.laplacian.toarray(), -(held.injection.T @ mw)[:, None]), axis=1)
    both = np.concatenate((flow[limited], -flow[limited]))
    found = optimize.linprog(
        np.append(np.zeros(n_bus), -1.0),
        A_ub=np.concatenate((both, np.zeros((len(both), 1))), axis=1),
        b_ub=np.tile(limit[limited], 2),
        A_eq=balance[live],
        b_eq=np.zeros(live.size),
        bounds=[(None, None)] * n_bus + [(0.0, 1e6)],
        method="highs",
    )
    told = feasibility.simultaneous(Screen(sensitivities, held), mw=mw)
    assert found.status == 0
    assert min(told.scale, 1e6) == pytest.approx(-found.fun, rel=1e-6)
    assert told.feasible == (-found.fun >= 1.0 - 1e-9)


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS)
def test_paths__earn_shadow_prices_times_the_difference_of_shift_factors(seed: int) -> None:
    draw = np.random.default_rng(seed)
    network = synthetic.network(n_bus=20, seed=seed % 50)
    held, _ = drawn(network, draw, 5, options=0.0)
    sensitivities = Sensitivities(network, model=BranchModel.DCP)
    branches = draw.choice(len(network.branches), 3, replace=False)
    factors, mu = sensitivities.rows(branches), draw.normal(0.0, 50.0, 3)
    sink_less_source = -(held.injection @ factors.T)
    assert held.prices(mu @ factors) == pytest.approx(sink_less_source @ mu, abs=1e-9)


@pytest.mark.parametrize("wrong", [[float("nan"), 1.0], [float("inf"), 1.0], [1.0, -5.0], [1.0, 1.0, 1.0]])
def test_rights__that_are_no_numbers_or_options_sold_are_refused(two_islands: Network, wrong: list[float]) -> None:
    chosen = paths.paths(two_islands, [Path.between("10", "20"), Path.between("20", "10", Kind.OPTION)])
    screen = Screen(Sensitivities(two_islands, model=BranchModel.DCP), chosen)
    with pytest.raises(FtrError) as caught:
        feasibility.simultaneous(screen, mw=np.array(wrong))
    assert all((caught.value.found, caught.value.allowed, caught.value.remedy))


def test_rights__named_twice_are_refused(two_islands: Network) -> None:
    with pytest.raises(FtrError, match="a right twice"):
        paths.paths(two_islands, [Path.between("10", "20"), Path.between("10", "20")])


def test_screen__refuses_limits_and_outages_of_other_networks(two_islands: Network) -> None:
    sensitivities = Sensitivities(two_islands, model=BranchModel.DCP)
    chosen = paths.paths(two_islands, [Path.between("10", "20")])
    nothing = np.full(len(two_islands.branches), np.nan)
    for wrong in ({"limits_mw": np.ones(2)}, {"emergency_mw": nothing}, {"outages": np.array([99])}):
        with pytest.raises(FtrError):
            Screen(sensitivities, chosen, **wrong)
