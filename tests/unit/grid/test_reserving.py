"""Reserves with energy: opportunity cost, shortage, better products for lesser ones, ramps between intervals."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from powerdesk.grid import matpower, synthetic
from powerdesk.grid.clearing import kkt, refusals
from powerdesk.grid.clearing.reduced import CLARABEL
from powerdesk.grid.clearing.reserving import ReserveProduct
from powerdesk.grid.clearing.rows import PenaltyStep
from powerdesk.grid.clearing.session import Session
from powerdesk.grid.sensitivities import Sensitivities
from powerdesk.grid.types import BranchModel, Network, NetworkError

if TYPE_CHECKING:
    from powerdesk.grid.clearing.result import Clearing

TWO_PLANTS = b"""mpc.version = '2';
mpc.baseMVA = 100;
mpc.bus = [1 3 90 0 0 0 1 1 0 230 1 1.1 0.9; 2 1 0 0 0 0 1 1 0 230 1 1.1 0.9;];
mpc.gen = [1 0 0 0 0 1 100 1 100 0; 1 0 0 0 0 1 100 1 100 0;];
mpc.branch = [1 2 0 0.1 0 0 0 0 0 0 1 0 0;];
mpc.gencost = [2 0 0 2 10 0; 2 0 0 2 30 0;];
"""


def product(name: str, need: float, offer: list[float], *, direction: int = 1, dear: float = 1000.0) -> ReserveProduct:
    curve = (PenaltyStep(0.5 * need, dear), PenaltyStep(np.inf, 2.0 * dear))
    return ReserveProduct(name, direction, need, np.array(offer), np.zeros(len(offer)), curve)


def cleared(network: Network, *products: ReserveProduct) -> Clearing:
    return Session(Sensitivities(network, model=BranchModel.DCP), reserves=products).clear()


@pytest.fixture
def plants() -> Network:
    return matpower.read(TWO_PLANTS, file="two.m").network


def test_reserves__are_paid_what_the_unit_forgoes(plants: Network) -> None:
    found = cleared(plants, product("spin", 20.0, [50.0, 0.0]))
    assert found.generation_mw == pytest.approx([80.0, 10.0])
    assert found.reserve_mw == pytest.approx(np.array([[20.0, 0.0]]))
    assert found.lmp[0] == pytest.approx(30.0)
    assert found.reserve_prices == pytest.approx([20.0])


def test_reserves__none_required_change_nothing(plants: Network) -> None:
    found = cleared(plants, product("spin", 0.0, [50.0, 50.0]))
    assert found.objective_usd_per_h == pytest.approx(900.0)
    assert found.reserve_prices == pytest.approx([0.0])


def test_reserves__shortage_is_bought_from_the_demand_curve(plants: Network) -> None:
    found = cleared(plants, product("spin", 40.0, [15.0, 10.0], dear=200.0))
    assert found.reserve_mw.sum() == pytest.approx(25.0)
    assert found.reserve_prices == pytest.approx([200.0])
    deeper = cleared(plants, product("spin", 60.0, [15.0, 10.0], dear=200.0))
    assert deeper.reserve_prices == pytest.approx([400.0])


def test_reserves__a_better_product_serves_the_lesser_and_is_never_cheaper(plants: Network) -> None:
    found = cleared(plants, product("regulation", 5.0, [30.0, 0.0]), product("spin", 15.0, [0.0, 0.0]))
    assert found.reserve_mw[0].sum() == pytest.approx(20.0)
    assert found.reserve_prices[0] >= found.reserve_prices[1] > 0.0


def test_reserves__downward_keep_units_above_their_minimum(plants: Network) -> None:
    low = dataclasses.replace(plants.generators, min_mw=np.array([0.0, 5.0]))
    network = dataclasses.replace(plants, generators=low)
    found = cleared(network, product("down", 10.0, [0.0, 20.0], direction=-1))
    assert found.generation_mw[1] == pytest.approx(15.0)
    assert found.reserve_prices == pytest.approx([20.0])


def test_reserves__an_incomplete_product_is_refused(plants: Network) -> None:
    with pytest.raises(NetworkError, match="reserve product"):
        cleared(plants, product("spin", 20.0, [50.0]))
    with pytest.raises(NetworkError, match="reserve product"):
        cleared(plants, product("spin", 20.0, [50.0, -1.0]))
    with pytest.raises(NetworkError, match="reserve product"):
        cleared(plants, dataclasses.replace(product("spin", 20.0, [50.0, 1.0]), shortage=(PenaltyStep(5.0, 1.0),)))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 100_000), n_bus=st.integers(4, 25), share=st.floats(0.0, 0.3))
def test_reserves__two_solvers_agree_on_congested_grids(seed: int, n_bus: int, share: float) -> None:
    network = synthetic.network(n_bus=n_bus, seed=seed, congestion=0.9)
    draw = np.random.default_rng(seed)
    count, load = len(network.generators), network.demand_mw.sum()
    offer = draw.uniform(0.0, 0.3, count) * network.generators.max_mw
    products = (
        product("regulation", 0.2 * share * load, (0.5 * offer).tolist()),
        product("spin", share * load, offer.tolist()),
        product("down", 0.2 * share * load, offer.tolist(), direction=-1),
    )
    kept = Session(Sensitivities(network, model=BranchModel.DCP), reserves=products)
    found = kept.clear()
    assert found.found.kkt.worst <= 1e-8
    assert (np.diff(found.reserve_prices[:2]) <= 1e-6).all()
    room = network.generators.max_mw - found.generation_mw - found.reserve_mw[:2].sum(axis=0)
    assert (room >= -1e-6).all()
    other = kept._reduced.solve(CLARABEL).candidate
    assert other is not None
    assert kept._reduced.objective(other) == pytest.approx(found.objective_usd_per_h, rel=1e-7)
    assert kkt.residual(kept.programme, kept.rows, other).worst <= kkt.TOLERANCE


def test_ramps__hold_generators_to_what_they_can_do_from_one_interval_to_the_next(plants: Network) -> None:
    kept = Session(Sensitivities(plants, model=BranchModel.DCP))
    before = kept.clear(demand_mw=np.array([50.0, 0.0]))
    low, high = kept.programme.ramp_limits(before.generation_mw, np.array([20.0, 100.0]))
    after = kept.clear(demand_mw=np.array([90.0, 0.0]), min_mw=low, max_mw=high)
    assert after.generation_mw == pytest.approx([70.0, 20.0])
    assert after.lmp[0] == pytest.approx(30.0)
    low, high = kept.programme.ramp_limits(after.generation_mw, np.array([1.0, 1.0]))
    with pytest.raises(refusals.InfeasibleError):
        kept.clear(demand_mw=np.array([120.0, 0.0]), min_mw=low, max_mw=high)
