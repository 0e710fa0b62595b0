"""Scores of probabilities: against brute force, closed forms, and the identities they must keep."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from powerdesk.scoring import events
from powerdesk.scoring.checking import ScoreError

if TYPE_CHECKING:
    from collections.abc import Callable

    from powerdesk.scoring.checking import FloatArray

CHANCES = arrays(np.float64, st.integers(2, 40), elements=st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.5, 0.9, 1.0]))


def drawn(chance: FloatArray, seed: int) -> FloatArray:
    return (np.random.default_rng(seed).uniform(size=chance.size) < 0.4).astype(np.float64)


@given(chance=CHANCES, seed=st.integers(0, 1000))
def test_brier__is_the_sum_of_its_parts_and_bins_leave_something_over(chance: FloatArray, seed: int) -> None:
    event = drawn(chance, seed)
    score = events.brier(probability=chance, occurred=event)
    assert score == pytest.approx(sum((p - e) ** 2 for p, e in zip(chance, event, strict=True)) / chance.size)
    exact = events.brier_parts(probability=chance, occurred=event)
    assert exact.within_bins == pytest.approx(0.0, abs=1e-12)
    assert score == pytest.approx(exact.reliability - exact.resolution + exact.uncertainty)
    coarse = events.brier_parts(probability=chance, occurred=event, bins=2)
    assert score == pytest.approx(coarse.reliability - coarse.resolution + coarse.uncertainty + coarse.within_bins)
    assert coarse.resolution <= exact.resolution + 1e-12
    assert min(exact.reliability, exact.resolution, exact.uncertainty) >= 0.0


@given(chance=CHANCES, seed=st.integers(0, 1000))
def test_areas__are_those_of_brute_force_with_ties(chance: FloatArray, seed: int) -> None:
    event = drawn(chance, seed)
    assume(0 < event.sum() < event.size)
    pairs = list(itertools.product(chance[event == 1.0], chance[event == 0.0]))
    wins = sum(1.0 if high > low else 0.5 if high == low else 0.0 for high, low in pairs)
    assert events.roc_auc(score=chance, occurred=event) == pytest.approx(wins / len(pairs))
    area, recall = 0.0, 0.0
    for threshold in sorted(set(chance.tolist()), reverse=True):
        named = chance >= threshold
        gained = event[named].sum() / event.sum()
        area += (gained - recall) * event[named].mean()
        recall = gained
    assert events.average_precision(score=chance, occurred=event) == pytest.approx(area)


@given(chance=CHANCES, seed=st.integers(0, 1000), order=st.randoms(use_true_random=False))
def test_areas__do_not_depend_on_order_or_on_a_rising_change_of_scale(
    chance: FloatArray, seed: int, order: np.random.Generator
) -> None:
    event = drawn(chance, seed)
    assume(0 < event.sum() < event.size)
    mixed = np.array(order.sample(range(chance.size), chance.size))  # type: ignore[attr-defined]  # hypothesis's Random
    for score in (events.roc_auc, events.average_precision):
        found = score(score=chance, occurred=event)
        assert score(score=np.exp(3.0 * chance)[mixed], occurred=event[mixed]) == pytest.approx(found)


def test_average_precision__of_a_score_that_knows_nothing_is_the_base_rate() -> None:
    event = np.array([1.0, 0.0, 0.0, 0.0])
    assert events.average_precision(score=np.ones(4), occurred=event) == pytest.approx(0.25)
    assert events.average_precision(score=event, occurred=event) == pytest.approx(1.0)
    # Hand-worked: thresholds .9 (miss), .8 (hit, precision 1/2), .1 (hit and miss, precision 2/4).
    four = events.average_precision(score=[0.9, 0.8, 0.1, 0.1], occurred=[0, 1, 1, 0])
    assert four == pytest.approx(0.5 * 0.5 + 0.5 * 0.5)


@settings(deadline=None)
@given(chance=CHANCES, seed=st.integers(0, 1000))
def test_weights__count_as_often_as_they_say(chance: FloatArray, seed: int) -> None:
    event = drawn(chance, seed)
    count = np.random.default_rng(seed + 1).integers(0, 4, chance.size)
    assume(0 < (count * event).sum() < count.sum())
    many, outcome = np.repeat(chance, count), np.repeat(event, count)
    for score in (events.brier, events.log_score):
        assert score(probability=chance, occurred=event, weight=count) == pytest.approx(
            score(probability=many, occurred=outcome)
        )
    for area in (events.roc_auc, events.average_precision):
        assert area(score=chance, occurred=event, weight=count) == pytest.approx(area(score=many, occurred=outcome))
    resampled = events.average_precision_resampled(
        score=chance, occurred=event, period=np.arange(chance.size), counts=count[None, :]
    )
    assert resampled[0] == pytest.approx(events.average_precision(score=many, occurred=outcome))


def test_log_score__is_infinite_for_a_certainty_that_failed_unless_floored() -> None:
    assert events.log_score(probability=[1.0, 0.5], occurred=[0, 1]) == np.inf
    assert events.log_score(probability=[1.0], occurred=[0], floor=0.01) == pytest.approx(-np.log(0.01))
    assert events.log_score(probability=[1.0, 0.0], occurred=[1, 0]) == 0.0


@pytest.mark.parametrize("score", [events.brier, events.log_score])
def test_scores__are_least_in_expectation_for_the_true_probability(score: Callable[..., float]) -> None:
    draw = np.random.default_rng(3)
    truth = draw.uniform(0.05, 0.95, 40_000)
    event = (draw.uniform(size=truth.size) < truth).astype(np.float64)
    own = score(probability=truth, occurred=event)
    for shifted in (0.8 * truth + 0.1, truth**1.4, np.full(truth.size, event.mean())):
        assert own < score(probability=shifted, occurred=event)


def test_reliability_curve__of_true_probabilities_lies_on_the_diagonal() -> None:
    draw = np.random.default_rng(5)
    chance = draw.uniform(size=50_000)
    event = (draw.uniform(size=chance.size) < chance).astype(np.float64)
    curve = events.reliability_curve(probability=chance, occurred=event, bins=10)
    assert len(curve.weight) == 10
    assert np.abs(curve.probability - curve.frequency).max() < 4.0 * np.sqrt(0.25 / 5_000)
    off = events.reliability_curve(probability=chance**2, occurred=event, bins=10)
    assert np.abs(off.probability - off.frequency).max() > 0.1


@pytest.mark.parametrize(
    ("chance", "event"),
    [([], []), ([0.5, np.nan], [0, 1]), ([1.2, 0.1], [0, 1]), ([0.5, 0.5], [0, 2]), ([0.5], [0, 1])],
)
def test_scores__refuse_what_cannot_be_scored(chance: list[float], event: list[float]) -> None:
    with pytest.raises(ScoreError, match="allowed"):
        events.brier(probability=chance, occurred=event)


def test_areas__refuse_outcomes_of_one_kind() -> None:
    with pytest.raises(ScoreError, match="one kind"):
        events.roc_auc(score=[0.1, 0.2], occurred=[1, 1])
    with pytest.raises(ScoreError, match="one kind"):
        events.average_precision(score=[0.1, 0.2], occurred=[0, 0])


def test_average_precision_resampled__refuses_periods_without_a_count() -> None:
    with pytest.raises(ScoreError, match="one per forecast"):
        events.average_precision_resampled(
            score=[1.0, 2.0], occurred=[0, 1], period=np.array([0, 5]), counts=np.ones((2, 2), dtype=np.int64)
        )


def test_log_score__refuses_a_floor_at_which_everything_is_alike() -> None:
    with pytest.raises(ScoreError, match="floor"):
        events.log_score(probability=[0.2], occurred=[1], floor=0.6)
