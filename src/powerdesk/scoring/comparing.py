"""Whether one forecast beats another: skill with a paired block bootstrap, and the test of Diebold and Mariano.

Losses are given per period (a day), summed over everything forecast in it, so that what happens together is drawn
together; blocks of successive periods keep what lasts from one period to the next. Kuensch (1989).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from powerdesk.scoring import checking
from powerdesk.scoring.checking import ScoreError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from powerdesk.scoring.checking import FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with the ends of its interval of confidence."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """A test's statistic, above 0 where the forecast lost less than the reference, and its one-sided p-value."""

    statistic: float
    p_value: float


def block_counts(*, n_period: int, block: int, draws: int, generator: np.random.Generator) -> IntArray:
    """Return how often each period occurs in each resample (draws, n_period): circular blocks of `block` periods."""
    if not 1 <= block <= n_period or draws < 1:
        raise ScoreError(
            found=f"blocks of {block} of {n_period} periods, {draws} draws",
            allowed="blocks of 1 period up to all, 1 draw or more",
            remedy="seven days for daily losses, a thousand draws",
        )
    n_block = -(-n_period // block)
    begin = generator.integers(0, n_period, size=(draws, n_block))
    chosen = (begin[:, :, None] + np.arange(block)).reshape(draws, -1)[:, :n_period] % n_period
    flat = (chosen + n_period * np.arange(draws)[:, None]).ravel()
    return np.bincount(flat, minlength=draws * n_period).reshape(draws, n_period)


def skill(*, loss: ArrayLike, reference: ArrayLike) -> float:
    """Return 1 - loss / reference of summed losses per period (n,): 1 is perfect, 0 no better, below 0 worse."""
    own, other = _paired(loss, reference)
    return float(1.0 - own.sum() / other.sum())


def skill_interval(*, loss: ArrayLike, reference: ArrayLike, counts: IntArray, confidence: float = 0.95) -> Estimate:
    """Return the skill with its percentile interval over resamples counts (n_draw, n), the same for both forecasts."""
    own, other = _paired(loss, reference)
    if counts.ndim != 2 or counts.shape[1] != own.size or not 0.0 < confidence < 1.0:  # noqa: PLR2004 - draws, periods
        raise ScoreError(
            found=f"counts of shape {counts.shape}, confidence {confidence}",
            allowed=f"shape (draws, {own.size}), confidence in (0, 1)",
            remedy="draw the counts for the periods of the losses",
        )
    total = counts @ other
    drawn = 1.0 - np.divide(counts @ own, total, out=np.ones(len(counts)), where=total > 0.0)
    return interval(value=skill(loss=own, reference=other), drawn=drawn, confidence=confidence)


def interval(*, value: float, drawn: FloatArray, confidence: float = 0.95) -> Estimate:
    """Return a value with the percentiles of what resamples gave (n_draw,)."""
    low, high = np.quantile(drawn, (0.5 - 0.5 * confidence, 0.5 + 0.5 * confidence))
    return Estimate(value, float(low), float(high))


def diebold_mariano(*, loss: ArrayLike, reference: ArrayLike, ahead: int = 1) -> Comparison:
    """Test that losses (n,) of successive periods, forecast `ahead` periods ahead, are below those of the reference.

    Diebold and Mariano (1995) with the correction and Student's t of Harvey, Leybourne and Newbold (1997). Raises
    ScoreError when the difference does not vary or the series is not longer than `ahead`.
    """
    own, other = _paired(loss, reference)
    gain, n = other - own, own.size
    if not 1 <= ahead < n:
        raise ScoreError(found=f"{n} periods, {ahead} ahead", allowed="more periods", remedy="score a longer time")
    away = gain - gain.mean()
    covariance = [float(away[lag:] @ away[: n - lag]) / n for lag in range(ahead)]
    variance = (covariance[0] + 2.0 * sum(covariance[1:])) / n
    if variance <= 0.0:
        raise ScoreError(
            found="a difference of losses without variance",
            allowed="losses that differ from period to period",
            remedy="look whether both forecasts are the same; with few periods take ahead=1",
        )
    shrink = (n + 1 - 2 * ahead + ahead * (ahead - 1) / n) / n
    statistic = float(gain.mean() / np.sqrt(variance) * np.sqrt(shrink))
    return Comparison(statistic, float(special.stdtr(n - 1, -statistic)))


def _paired(loss: ArrayLike, reference: ArrayLike) -> tuple[FloatArray, FloatArray]:
    own = checking.numbers("loss", loss)
    other = checking.numbers("reference", reference, shape=own.shape)
    if other.sum() == 0.0:
        raise ScoreError(
            found="a reference without loss", allowed="a reference that errs", remedy="compare with another reference"
        )
    return own, other
