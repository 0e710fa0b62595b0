"""What published shadow prices and shift factors leave of prices: made panels with a planted fault."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from powerdesk.grid.recovery import audit, types
from powerdesk.grid.recovery.audit import Cause

if TYPE_CHECKING:
    from powerdesk.grid.types import FloatArray

N_INTERVAL, N_CONSTRAINT, N_NODE = 24, 4, 30


def panel(seed: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return prices with a level that moves, shadow prices and factors, as published: to a cent."""
    draw = np.random.default_rng(seed)
    factors = draw.uniform(-1.0, 1.0, (N_CONSTRAINT, N_NODE))
    binds = draw.uniform(size=(N_INTERVAL, N_CONSTRAINT)) < 0.6
    shadow = np.where(binds, -draw.uniform(5.0, 200.0, binds.shape), 0.0)
    prices = draw.uniform(20.0, 60.0, (N_INTERVAL, 1)) + shadow @ factors
    return np.round(prices, 2), np.round(shadow, 2), factors


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), rolled=st.integers(0, N_NODE))
def test_audit__explains_clean_data_within_rounding_in_any_order_of_nodes(seed: int, rolled: int) -> None:
    prices, shadow, factors = panel(seed)
    found = audit.audit(
        prices=np.roll(prices, rolled, axis=1), shadow_prices=shadow, shift_factors=np.roll(factors, rolled, axis=1)
    )
    assert set(found.nodes) == set(found.intervals) == {Cause.EXPLAINED}
    assert np.all(np.abs(found.residual) <= found.tolerance[:, None])


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), node=st.integers(0, N_NODE - 1), at=st.integers(0, N_INTERVAL - 1))
def test_audit__names_the_node_and_the_interval_of_a_wrong_price(seed: int, node: int, at: int) -> None:
    prices, shadow, factors = panel(seed)
    prices[at, node] += 1.0
    found = audit.audit(prices=prices, shadow_prices=shadow, shift_factors=factors)
    assert [one for one, cause in enumerate(found.nodes) if cause is not Cause.EXPLAINED] == [node]
    assert [one for one, cause in enumerate(found.intervals) if cause is not Cause.EXPLAINED] == [at]
    assert found.nodes[node] is found.intervals[at] is Cause.DATA_ERROR
    assert found.residual[at, node] == pytest.approx(1.0, abs=found.tolerance[at])


def test_audit__tells_a_missing_constraint_from_bad_nodes() -> None:
    prices, shadow, factors = panel(7)
    found = audit.audit(prices=prices, shadow_prices=shadow[:, 1:], shift_factors=factors[1:])
    bound = shadow[:, 0] != 0.0
    assert [cause is Cause.MISSING_CONSTRAINT for cause in found.intervals] == bound.tolist()
    assert found.nodes.count(Cause.MISSING_CONSTRAINT) > 0.9 * N_NODE
    assert Cause.DATA_ERROR not in found.intervals


def test_audit__names_the_constraint_whose_shadow_price_is_wrong() -> None:
    prices, shadow, factors = panel(8)
    shadow[5, 2] -= 40.0
    found = audit.audit(prices=prices, shadow_prices=shadow, shift_factors=factors)
    assert found.suspects[5] == 2
    assert found.intervals[5] is Cause.DATA_ERROR
    assert np.all(np.delete(found.suspects, 5) == -1)
    assert set(found.nodes) == {Cause.EXPLAINED}


def test_audit__finds_a_level_that_is_not_the_one_given() -> None:
    prices, shadow, factors = panel(9)
    found = audit.audit(prices=prices, shadow_prices=shadow, shift_factors=factors)
    assert found.level == pytest.approx(np.median(prices - shadow @ factors, axis=1))
    given_zero = audit.audit(prices=prices, shadow_prices=shadow, shift_factors=factors, level=np.zeros(N_INTERVAL))
    assert Cause.EXPLAINED not in given_zero.intervals


def test_audit__says_unidentified_where_there_is_too_little() -> None:
    prices, shadow, factors = panel(10)
    prices[:, 4] = np.nan
    prices[3, 2:] = np.nan
    found = audit.audit(prices=prices, shadow_prices=shadow, shift_factors=factors)
    assert found.nodes[4] is Cause.UNIDENTIFIED
    assert found.intervals[3] is Cause.UNIDENTIFIED
    assert set(np.delete(np.array(found.nodes), 4)) == {Cause.EXPLAINED}


@pytest.mark.parametrize("fault", ["infinite", "shape", "missing shadow price"])
def test_audit__refuses_what_does_not_belong_together(fault: str) -> None:
    prices, shadow, factors = panel(11)
    if fault == "infinite":
        prices[0, 0] = np.inf
    elif fault == "shape":
        factors = factors[:, 1:]
    else:
        shadow[0, 0] = np.nan
    with pytest.raises(types.PanelError):
        audit.audit(prices=prices, shadow_prices=shadow, shift_factors=factors)


@pytest.mark.parametrize("factor_tick", [float("nan"), float("inf"), -0.01])
def test_audit__refuses_a_rounding_of_factors_that_would_explain_anything(factor_tick: float) -> None:
    prices, shadow, factors = panel(11)
    with pytest.raises(types.PanelError, match="rounded to"):
        audit.audit(prices=prices, shadow_prices=shadow, shift_factors=factors, factor_tick=factor_tick)
