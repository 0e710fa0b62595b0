"""The auction against a programme with every row at once, and its prices against the network's."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import pytest
import test_feasibility as rights
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from powerdesk.grid import contingencies, synthetic
from powerdesk.grid.clearing import refusals
from powerdesk.grid.ftr import auction, feasibility, paths
from powerdesk.grid.ftr.auction import Bids
from powerdesk.grid.ftr.feasibility import Screen
from powerdesk.grid.ftr.paths import FtrError, Kind, Path
from powerdesk.grid.sensitivities import Sensitivities
from powerdesk.grid.types import BranchModel
from powerdesk.solvers.linear import KktResidual

if TYPE_CHECKING:
    from powerdesk.grid.types import Network


def _drawn(seed: int, *, options: float, n_bus: int = 16, count: int = 15) -> tuple[Screen, Bids]:
    draw = np.random.default_rng(seed)
    network = synthetic.network(n_bus=n_bus, seed=seed)
    held, mw = rights.drawn(network, draw, count, options=options)
    outages, _ = contingencies.single_outages(network)
    screen = Screen(Sensitivities(network, model=BranchModel.DCP), held, outages=outages)
    low = np.where(~held.option & (draw.uniform(size=count) < 0.3), -mw, 0.0)
    return screen, Bids(draw.normal(5.0, 10.0, count), low, 5.0 * mw)


def _whole(screen: Screen) -> tuple[np.ndarray, np.ndarray]:
    """Return all rows of the test as a matrix and their rooms, each outage's network solved anew."""
    network, held = screen.sensitivities.network, screen.paths
    matrix, room = [], []
    for out in (-1, *screen.outages.tolist()):
        changed = network if out < 0 else rights.without(network, out)
        limit = network.branches.rating_mw if out < 0 else network.branches.emergency_rating_mw
        flow = Sensitivities(changed, model=BranchModel.DCP).injected_flows_mw(held.injection.toarray().T)
        for direction in (1, -1):
            matrix.append(np.where(held.option, np.maximum(direction * flow, 0.0), direction * flow))
            room.append(limit)
    return np.concatenate(matrix), np.concatenate(room)


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10_000), options=st.sampled_from([0.0, 0.5]))
def test_auction__is_worth_what_the_programme_with_every_row_is(seed: int, options: float) -> None:
    screen, bids = _drawn(seed, options=options)
    found = auction.clear(screen, bids)
    matrix, room = _whole(screen)
    bounds = list(zip(bids.low_mw, bids.high_mw, strict=True))
    oracle = optimize.linprog(-bids.per_mw, A_ub=matrix, b_ub=room, bounds=bounds, method="highs")
    assert found.value == pytest.approx(-oracle.fun, rel=1e-7, abs=1e-6)
    assert (matrix @ found.awards_mw <= room + 1e-5).all()
    assert found.kkt.worst <= 1e-6
    assert feasibility.simultaneous(screen, mw=found.awards_mw * (1.0 - 1e-6)).feasible


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_auction__prices_are_differences_of_nodal_prices_and_options_cost_at_least_that(seed: int) -> None:
    screen, bids = _drawn(seed, options=0.5)
    found = auction.clear(screen, bids)
    option = screen.paths.option
    as_obligation = screen.paths.prices(found.nodal_prices)
    assert found.prices_per_mw[~option] == pytest.approx(as_obligation[~option], abs=1e-7)
    assert (found.prices_per_mw[option] >= np.maximum(as_obligation[option], 0.0) - 1e-7).all()
    surplus = bids.per_mw - found.prices_per_mw
    inside = (found.awards_mw > bids.low_mw + 1e-6) & (found.awards_mw < bids.high_mw - 1e-6)
    assert surplus[inside] == pytest.approx(0.0, abs=1e-6)
    assert (surplus[found.awards_mw <= bids.low_mw + 1e-6] <= 1e-6).all()
    assert (surplus[found.awards_mw >= bids.high_mw - 1e-6] >= -1e-6).all()
    rent = float(found.shadow_prices @ found.rows.room_mw)
    assert found.revenue == pytest.approx(rent, rel=1e-7, abs=1e-5)


def test_auction__rights_held_already_take_their_room() -> None:
    screen, bids = _drawn(7, options=0.3)
    first = auction.clear(screen, bids)
    none_left = dataclasses.replace(bids, low_mw=np.zeros(len(screen.paths)))
    again = auction.clear(screen, none_left, held_mw=first.awards_mw)
    both = feasibility.simultaneous(screen, mw=(first.awards_mw + again.awards_mw) * (1.0 - 1e-6))
    assert both.feasible
    unlimited = Bids(bids.per_mw, bids.low_mw, np.full(len(screen.paths), 1e5))
    most = auction.clear(screen, unlimited)
    after = auction.clear(screen, dataclasses.replace(unlimited, low_mw=np.zeros(15)), held_mw=most.awards_mw)
    assert after.value < 0.02 * most.value  # room that pays is gone


def test_auction__rights_held_beyond_the_limits_are_named() -> None:
    network = synthetic.network(n_bus=10, seed=1)
    held = paths.paths(network, [Path.between("1", "2"), Path.between("1", "2", Kind.OPTION)])
    screen = Screen(Sensitivities(network, model=BranchModel.DCP), held)
    over = 3.0 * screen.scale(np.array([0.0, 1.0]))
    bids = Bids(np.array([1.0, 1.0]), np.zeros(2), np.ones(2))
    with pytest.raises(FtrError) as caught:
        auction.clear(screen, bids, held_mw=np.array([0.0, over]))
    assert caught.value.findings
    assert all("-" in one.pointer for one in caught.value.findings)
    sold = Bids(np.array([np.nan, 1.0]), np.array([0.0, -1.0]), np.ones(2))
    with pytest.raises(FtrError) as refused:
        auction.clear(screen, sold)
    assert len(refused.value.findings) == 2


def test_auction__a_solver_that_errs_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    screen, bids = _drawn(3, options=0.2)
    right = auction.clear(screen, bids)
    assert right.revenue > 0.0
    solved = auction.WarmProgram.run

    def wrong(self: auction.WarmProgram, method: auction.Method) -> auction.Answer:
        answer = solved(self, method)
        return dataclasses.replace(answer, row_duals=1.01 * answer.row_duals)

    monkeypatch.setattr(auction.WarmProgram, "run", wrong)
    other = auction.clear(screen, bids)
    assert other.rung == auction.CLARABEL
    assert other.value == pytest.approx(right.value, rel=1e-6)
    monkeypatch.setattr(auction, "LADDER", auction.LADDER[:-1])
    with pytest.raises(refusals.DispatchUnverifiedError, match="residual"):
        auction.clear(screen, bids)


def test_auction__its_check_sees_awards_beyond_a_limit() -> None:
    screen, bids = _drawn(3, options=0.2)
    found = auction.clear(screen, bids)
    programme = auction._Programme(screen, bids, np.zeros(len(screen.paths)))
    programme._add(found.rows)
    right = auction._residual(programme, found.awards_mw, found.shadow_prices)
    assert right.worst <= 1e-6
    assert isinstance(right, KktResidual)
    assert auction._residual(programme, 1.001 * found.awards_mw, found.shadow_prices).primal > 1e-5
    assert auction._residual(programme, found.awards_mw, 0.9 * found.shadow_prices).dual > 1e-5
    assert auction._residual(programme, 0.9 * found.awards_mw, found.shadow_prices).complementarity > 1e-5


@pytest.mark.parametrize("count", [0, 1, 3])
def test_auction__refuses_another_number_of_bids_than_rights(two_islands: Network, count: int) -> None:
    chosen = paths.paths(two_islands, [Path.between("10", "20"), Path.between("20", "10")])
    screen = Screen(Sensitivities(two_islands, model=BranchModel.DCP), chosen)
    bids = Bids(np.ones(count), np.zeros(count), np.ones(count))
    with pytest.raises(FtrError, match="bids of shapes"):
        auction.clear(screen, bids)
    with pytest.raises(FtrError, match="shape"):
        auction.clear(screen, Bids(np.ones(2), np.zeros(2), np.ones(2)), held_mw=np.zeros(count))
