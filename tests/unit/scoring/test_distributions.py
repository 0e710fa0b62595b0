"""Scores of distributions: against integrals done numerically, closed forms, and one another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import integrate, special, stats

from powerdesk.scoring import distributions
from powerdesk.scoring.checking import ScoreError

if TYPE_CHECKING:
    from powerdesk.scoring.checking import FloatArray

SAMPLES = arrays(np.float64, (3, 7), elements=st.floats(-50.0, 50.0).map(lambda value: round(value, 1)))
SEEN = arrays(np.float64, 3, elements=st.floats(-60.0, 60.0).map(lambda value: round(value, 1)))


@given(samples=SAMPLES, observed=SEEN)
def test_crps_samples__is_the_double_sum_over_all_pairs(samples: FloatArray, observed: FloatArray) -> None:
    away = np.abs(samples - observed[:, None]).mean(axis=1)
    pairs = np.abs(samples[:, :, None] - samples[:, None, :]).mean(axis=(1, 2))
    found = distributions.crps_samples(samples=samples, observed=observed)
    assert found == pytest.approx(away - 0.5 * pairs, abs=1e-9)
    levels = (np.arange(7) + 0.5) / 7
    by_levels = distributions.crps_quantiles(values=np.sort(samples, axis=1), levels=levels, observed=observed)
    assert by_levels == pytest.approx(found, abs=1e-9)


@given(samples=SAMPLES, observed=SEEN, seed=st.integers(0, 1000))
def test_crps_samples__weighs_a_value_as_if_it_were_there_that_often(
    samples: FloatArray, observed: FloatArray, seed: int
) -> None:
    count = np.random.default_rng(seed).integers(0, 4, 7)
    count[0] += 1
    weight = np.broadcast_to(count, samples.shape)
    found = distributions.crps_samples(samples=samples, observed=observed, weight=weight)
    repeated = distributions.crps_samples(samples=np.repeat(samples, count, axis=1), observed=observed)
    assert found == pytest.approx(repeated, abs=1e-9)


@given(chance=arrays(np.float64, 3, elements=st.sampled_from([0.0, 0.2, 0.7, 1.0])), samples=SAMPLES, observed=SEEN)
def test_crps_mixture__is_the_integral_of_the_squared_difference(
    chance: FloatArray, samples: FloatArray, observed: FloatArray
) -> None:
    found = distributions.crps_mixture(probability=chance, values=samples, observed=observed)
    for at in range(3):
        knots = np.unique(np.concatenate((samples[at], [0.0, observed[at]])))
        middle = 0.5 * (knots[1:] + knots[:-1])
        below = (samples[at][:, None] <= middle).mean(axis=0)
        cumulated = chance[at] * below + (1.0 - chance[at]) * (middle >= 0.0)
        assert found[at] == pytest.approx(float(np.square(cumulated - (middle >= observed[at])) @ np.diff(knots)))


def test_crps__of_many_normal_quantiles_approaches_its_closed_form() -> None:
    observed = np.array([-1.5, 0.0, 0.4, 3.0])
    levels = (np.arange(4_000) + 0.5) / 4_000
    values = np.broadcast_to(special.ndtri(levels), (4, 4_000))
    closed = observed * (2.0 * special.ndtr(observed) - 1.0) + 2.0 * stats.norm.pdf(observed) - 1.0 / np.sqrt(np.pi)
    found = distributions.crps_quantiles(values=values, levels=levels, observed=observed)
    assert found == pytest.approx(closed, abs=1e-3)
    whole, _ = integrate.quad(lambda x: (special.ndtr(x) - (x >= 0.4)) ** 2, -8.0, 8.0, points=[0.4])
    assert found[2] == pytest.approx(whole, abs=1e-3)


def test_crps__of_one_value_is_the_absolute_error() -> None:
    assert distributions.crps_samples(samples=[[3.0], [1.0]], observed=[5.0, 1.0]) == pytest.approx([2.0, 0.0])
    assert distributions.crps_mixture(probability=[0.0], values=[[7.0]], observed=[5.0]) == pytest.approx([5.0])


def test_pinball__is_least_at_the_quantile() -> None:
    draw = np.random.default_rng(1)
    observed = draw.gamma(2.0, 10.0, 20_000)
    levels = np.array([0.1, 0.5, 0.9])
    truth = stats.gamma.ppf(levels, 2.0, scale=10.0)

    def loss(values: FloatArray) -> FloatArray:
        spread = np.broadcast_to(values, (observed.size, 3))
        return distributions.pinball(values=spread, levels=levels, observed=observed).mean(axis=0)

    assert (loss(truth) < np.minimum(loss(0.9 * truth), loss(1.1 * truth))).all()
    assert distributions.pinball(values=[[2.0]], levels=[0.9], observed=[3.0])[0, 0] == pytest.approx(0.9)
    assert distributions.pinball(values=[[4.0]], levels=[0.9], observed=[3.0])[0, 0] == pytest.approx(0.1)


def test_pit__is_uniform_for_calibrated_samples_and_not_for_narrow_ones() -> None:
    draw = np.random.default_rng(0)
    middle = draw.normal(size=4_000)
    observed = np.round(middle + draw.normal(size=4_000), 1)
    samples = np.round(middle[:, None] + draw.normal(size=(4_000, 400)), 1)
    uniform = distributions.pit(samples=samples, observed=observed, generator=np.random.default_rng(0))
    assert stats.kstest(uniform, "uniform").pvalue > 0.01
    narrow = middle[:, None] + 0.5 * (samples - middle[:, None])
    skewed = distributions.pit(samples=narrow, observed=observed, generator=np.random.default_rng(0))
    assert stats.kstest(skewed, "uniform").pvalue < 1e-6


def test_coverage__counts_both_ends_in() -> None:
    inside = distributions.coverage(low=[0.0, 0.0, 0.0, 0.0], high=[1.0] * 4, observed=[0.0, 1.0, 1.1, -0.1])
    assert inside == pytest.approx(0.5)


@pytest.mark.parametrize("levels", [[0.0, 0.5], [0.5, 0.1], [0.5]])
def test_quantiles__refuse_levels_that_are_none(levels: list[float]) -> None:
    with pytest.raises(ScoreError, match="allowed"):
        distributions.crps_quantiles(values=[[1.0, 2.0]], levels=levels, observed=[1.0])


def test_crps__refuses_missing_values() -> None:
    with pytest.raises(ScoreError, match="missing"):
        distributions.crps_samples(samples=[[1.0, np.nan]], observed=[1.0])


@pytest.mark.parametrize("values", [np.zeros((2, 0)), np.zeros(2), np.zeros((3, 1)), np.full((2, 1), np.nan)])
def test_crps_mixture__refuses_values_that_are_none_per_forecast(values: np.ndarray) -> None:
    with pytest.raises(ScoreError):
        distributions.crps_mixture(probability=np.ones(2), values=values, observed=np.ones(2))


def test_coverage__refuses_intervals_that_end_below_their_start() -> None:
    with pytest.raises(ScoreError, match="below their start"):
        distributions.coverage(low=[2.0], high=[1.0], observed=[1.5])
