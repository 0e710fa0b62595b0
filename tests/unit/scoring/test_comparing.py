"""Skill with its confidence, and the test of Diebold and Mariano: size, power, and formulas by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from powerdesk.scoring import comparing
from powerdesk.scoring.checking import ScoreError


@given(n_period=st.integers(1, 30), block=st.integers(1, 30), seed=st.integers(0, 99))
def test_block_counts__draw_as_many_periods_as_there_are_in_whole_runs(n_period: int, block: int, seed: int) -> None:
    block = min(block, n_period)
    counts = comparing.block_counts(n_period=n_period, block=block, draws=5, generator=np.random.default_rng(seed))
    assert counts.shape == (5, n_period)
    assert (counts.sum(axis=1) == n_period).all()
    if n_period % block == 0:  # a circular run: as many runs begin as end, never more than there are blocks
        ends = (np.diff(counts, axis=1, append=counts[:, :1]) < 0).sum(axis=1)
        assert (ends <= n_period // block).all()


def test_skill_interval__of_a_forecast_with_itself_is_nothing() -> None:
    loss = np.random.default_rng(1).gamma(2.0, size=60)
    counts = comparing.block_counts(n_period=60, block=7, draws=200, generator=np.random.default_rng(0))
    found = comparing.skill_interval(loss=loss, reference=loss, counts=counts)
    assert (found.value, found.low, found.high) == (0.0, 0.0, 0.0)
    half = comparing.skill_interval(loss=0.5 * loss, reference=loss, counts=counts)
    assert (half.value, half.low, half.high) == pytest.approx((0.5, 0.5, 0.5))


def test_skill_interval__holds_the_truth_about_as_often_as_it_says() -> None:
    draw, held = np.random.default_rng(4), 0
    for _ in range(200):
        common = draw.gamma(4.0, size=120)
        own = 0.8 * common * draw.uniform(0.5, 1.5, 120)
        counts = comparing.block_counts(n_period=120, block=5, draws=200, generator=draw)
        found = comparing.skill_interval(loss=own, reference=common, counts=counts, confidence=0.9)
        held += found.low <= 0.2 <= found.high
    assert 160 <= held <= 196


def test_diebold_mariano__is_the_paired_t_test_one_step_ahead() -> None:
    draw = np.random.default_rng(2)
    own, other = draw.gamma(2.0, size=50), draw.gamma(2.2, size=50)
    found = comparing.diebold_mariano(loss=own, reference=other)
    student = stats.ttest_rel(other, own, alternative="greater")
    assert found.statistic == pytest.approx(student.statistic)
    assert found.p_value == pytest.approx(student.pvalue)
    back = comparing.diebold_mariano(loss=other, reference=own)
    assert back.p_value == pytest.approx(1.0 - found.p_value)


def test_diebold_mariano__ahead_counts_what_overlapping_errors_share() -> None:
    draw, rejected = np.random.default_rng(6), 0
    for _ in range(400):
        shock = draw.normal(size=203)
        gain = np.convolve(shock, np.ones(4), mode="valid")  # moves together over four periods, mean 0
        rejected += comparing.diebold_mariano(loss=10.0 - gain, reference=np.full(200, 10.0), ahead=4).p_value < 0.05
    assert 8 <= rejected <= 44


def test_comparisons__refuse_what_says_nothing() -> None:
    with pytest.raises(ScoreError, match="without loss"):
        comparing.skill(loss=[1.0, 1.0], reference=[0.0, 0.0])
    with pytest.raises(ScoreError, match="without variance"):
        comparing.diebold_mariano(loss=[1.0, 2.0], reference=[2.0, 3.0])
    with pytest.raises(ScoreError, match="more periods"):
        comparing.diebold_mariano(loss=[1.0, 2.0], reference=[2.0, 4.0], ahead=2)
    with pytest.raises(ScoreError, match="blocks of 9"):
        comparing.block_counts(n_period=5, block=9, draws=2, generator=np.random.default_rng(0))


def test_skill_interval__refuses_counts_of_other_periods() -> None:
    with pytest.raises(ScoreError, match="counts of shape"):
        comparing.skill_interval(loss=np.ones(3), reference=np.ones(3), counts=np.ones((2, 4), dtype=np.int64))
