"""Missing congestion filled in from a low rank, and panels in which nothing may be filled in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from powerdesk.grid.recovery import imputing, types
from powerdesk.grid.recovery.types import Identifiability

if TYPE_CHECKING:
    from powerdesk.grid.types import FloatArray

N_INTERVAL, N_NODE = 80, 40


def low_rank(seed: int, rank: int) -> FloatArray:
    draw = np.random.default_rng(seed)
    return 20.0 * draw.normal(size=(N_INTERVAL, rank)) @ draw.uniform(-1.0, 1.0, (rank, N_NODE))


def gappy(truth: FloatArray, seed: int, share: float = 0.2) -> FloatArray:
    return np.where(np.random.default_rng((seed, 1)).uniform(size=truth.shape) < share, np.nan, truth)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000), rank=st.sampled_from((1, 2, 3)))
def test_impute__fills_in_what_few_constraints_made(seed: int, rank: int) -> None:
    truth = low_rank(seed, rank)
    panel = gappy(truth, seed)
    found = imputing.impute(congestion=panel, seed=seed)
    assert found.verdict is Identifiability.IDENTIFIED
    assert found.rank >= rank
    assert np.array_equal(found.filled, np.isnan(panel))
    assert np.sqrt(np.mean((found.congestion - truth)[found.filled] ** 2)) < 0.05 * truth.std()
    assert np.array_equal(found.congestion[~found.filled], truth[~found.filled])


def test_impute__chooses_the_rank_that_predicts_what_was_held_out() -> None:
    truth = low_rank(3, 5)
    noisy = truth + np.random.default_rng(3).normal(0.0, 3.0, truth.shape)
    found = imputing.impute(congestion=gappy(noisy, 3), seed=3)
    assert found.rank == 5
    assert found.rmse[found.ranks.index(5)] <= imputing.NEARLY * found.rmse.min()
    assert found.rmse[found.ranks.index(3)] > imputing.NEARLY * found.rmse.min()
    assert found.rmse.min() < 0.3 * found.rmse_of_mean


def test_impute__same_seed_same_answer() -> None:
    panel = gappy(low_rank(4, 3), 4)
    one, other = (imputing.impute(congestion=panel, seed=8) for _ in range(2))
    assert np.array_equal(one.congestion, other.congestion)


def test_impute__leaves_noise_alone() -> None:
    panel = gappy(np.random.default_rng(5).normal(0.0, 10.0, (N_INTERVAL, N_NODE)), 5)
    found = imputing.impute(congestion=panel, seed=5)
    assert found.verdict is Identifiability.UNIDENTIFIED
    assert found.rank == 0
    assert np.array_equal(found.congestion, panel, equal_nan=True)
    assert "held-out" in found.reason


def test_impute__leaves_open_what_has_too_few_prices_beside_it() -> None:
    panel = gappy(low_rank(6, 2), 6)
    panel[11] = np.nan
    panel[2:, 7] = np.nan
    found = imputing.impute(congestion=panel, seed=6)
    assert found.verdict is Identifiability.GROUPED
    assert np.isnan(found.congestion[11]).all()
    assert np.isnan(found.congestion[2:, 7]).all()
    assert not found.filled[11].any()
    others = np.delete(np.delete(found.congestion, 11, axis=0), 7, axis=1)
    assert np.isfinite(others).all()


@pytest.mark.parametrize("shape", [(2, 40), (80, 0), (80, 2)])
def test_impute__of_a_panel_too_small_says_unidentified(shape: tuple[int, int]) -> None:
    found = imputing.impute(congestion=np.ones(shape), seed=1)
    assert found.verdict is Identifiability.UNIDENTIFIED
    assert found.reason


@pytest.mark.parametrize("price", [np.inf, -1e200])
def test_impute__refuses_prices_that_no_market_has(price: float) -> None:
    with pytest.raises(types.PanelError):
        imputing.impute(congestion=np.full((10, 10), price), seed=1)
