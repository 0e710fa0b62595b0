"""Prices taken apart: identities, references, and the constraints behind one bus."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from powerdesk.grid import prices, synthetic
from powerdesk.grid.clearing import engines
from powerdesk.grid.types import BranchModel

if TYPE_CHECKING:
    from powerdesk.grid.clearing.result import Clearing
    from powerdesk.grid.types import Network


def congested(seed: int, n_bus: int = 40) -> Clearing:
    return engines.clear(synthetic.network(n_bus=n_bus, seed=seed, congestion=0.95), model=BranchModel.DCP)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), n_bus=st.integers(3, 40), bus=st.integers(0, 2))
def test_parts__add_up_for_any_reference_and_move_by_a_constant(seed: int, n_bus: int, bus: int) -> None:
    cleared = congested(seed, n_bus)
    own = prices.parts(cleared)
    for reference in (bus, cleared.demand_mw, np.ones(n_bus)):
        found = prices.parts(cleared, reference=reference)
        assert found.energy + found.loss + found.congestion == pytest.approx(cleared.lmp, abs=1e-9)
        assert found.by_constraint.sum(axis=0) == pytest.approx(found.congestion, abs=1e-9)
        assert np.sum(found.weights * found.congestion) == pytest.approx(0.0, abs=1e-8)
        assert np.ptp(found.congestion - own.congestion) == pytest.approx(0.0, abs=1e-8)
        assert found.energy[0] == pytest.approx(float(found.weights @ cleared.lmp))


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), n_bus=st.integers(3, 40))
def test_rents__what_loads_pay_more_than_generators_get_is_the_congestion_rent(seed: int, n_bus: int) -> None:
    cleared = congested(seed, n_bus)
    found = prices.rents(cleared)
    assert found.congestion_rent >= -1e-6
    assert found.loss_rent == pytest.approx(0.0, abs=1e-6 * found.load_payment)


def test_rents__two_islands_and_their_direct_current_line(two_islands: Network) -> None:
    found = prices.rents(engines.clear(two_islands, model=BranchModel.DCP))
    assert found.loss_rent == pytest.approx(0.0, abs=1e-8)


def test_parts__an_isolated_bus_has_none(two_islands: Network) -> None:
    found = prices.parts(engines.clear(two_islands, model=BranchModel.DCP))
    assert np.isnan(found.energy[5])
    assert np.isnan(found.congestion[5])
    assert np.isfinite(found.energy[:5]).all()


def test_explain__names_the_constraints_largest_first_and_the_marginal_generators() -> None:
    cleared = congested(12)
    assert len(cleared.constraints) >= 2
    bus = int(np.argmax(cleared.lmp))
    told = prices.explain(cleared, bus=bus, reference=cleared.demand_mw)
    added = [abs(one.usd_per_mwh) for one in told.contributions]
    assert added == sorted(added, reverse=True)
    assert told.energy + sum(one.usd_per_mwh for one in told.contributions) == pytest.approx(told.lmp)
    assert told.bus == bus + 1
    assert len(told.marginal_generators) == len(cleared.constraints) + 1
    first = told.contributions[0]
    assert abs(first.usd_per_mwh) == pytest.approx(abs(first.shift_factor) * first.shadow_price_usd_per_mwh)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), n_bus=st.integers(3, 40))
def test_parts__without_losses_the_loss_is_zero_to_the_bit(seed: int, n_bus: int) -> None:
    network = synthetic.network(n_bus=n_bus, seed=seed, congestion=0.9)
    cleared = engines.clear(network, model=BranchModel.DCP)
    for reference in (None, n_bus - 1, network.demand_mw):
        loss = prices.parts(cleared, reference=reference).loss
        assert not loss.any()
        assert not np.signbit(loss).any()
