"""Scores of probabilities of an event.

Brier (1950); its parts: Murphy (1973), with what binning leaves over told: Stephenson, Coelho and Jolliffe (2008).
Average precision is the area under precision against recall as a step function; ROC area is that of Mann and Whitney.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from powerdesk.scoring import checking
from powerdesk.scoring.checking import ScoreError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from powerdesk.scoring.checking import FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class BrierParts:
    """Brier score = reliability - resolution + uncertainty + within_bins, exactly.

    Reliability (0 is best) is what calibration costs, resolution (more is better) what telling cases apart earns,
    uncertainty the score of always saying the base rate. `within_bins` is 0 when every probability is its own bin.
    """

    reliability: float
    resolution: float
    uncertainty: float
    within_bins: float


@dataclass(frozen=True, eq=False, slots=True)
class ReliabilityCurve:
    """Per bin that has forecasts (n_bin,): mean probability, frequency of the event, sum of weights."""

    probability: FloatArray
    frequency: FloatArray
    weight: FloatArray


def brier(*, probability: ArrayLike, occurred: ArrayLike, weight: ArrayLike | None = None) -> float:
    """Return the mean squared error of probabilities (n,) of an event that occurred (1) or not (0); 0 is best."""
    chance = checking.probabilities("probability", probability)
    error = np.square(chance - checking.events(occurred, size=chance.size))
    return float(np.average(error, weights=checking.weights(weight, size=chance.size)))


def brier_parts(*, probability: ArrayLike, occurred: ArrayLike, bins: int | None = None) -> BrierParts:
    """Return the parts of the Brier score, over distinct probabilities or over `bins` of equal width."""
    chance = checking.probabilities("probability", probability)
    event = checking.events(occurred, size=chance.size)
    base = float(event.mean())
    curve = _curve(chance, event, np.ones(chance.size), bins)
    share = curve.weight / chance.size
    reliability = float(share @ np.square(curve.probability - curve.frequency))
    resolution = float(share @ np.square(curve.frequency - base))
    uncertainty = base * (1.0 - base)
    whole = brier(probability=chance, occurred=event)
    return BrierParts(reliability, resolution, uncertainty, whole - (reliability - resolution + uncertainty))


def reliability_curve(
    *, probability: ArrayLike, occurred: ArrayLike, weight: ArrayLike | None = None, bins: int = 10
) -> ReliabilityCurve:
    """Return how often the event occurred where a probability was given, over bins of equal width, empty ones out."""
    chance = checking.probabilities("probability", probability)
    event = checking.events(occurred, size=chance.size)
    return _curve(chance, event, checking.weights(weight, size=chance.size), bins)


def _curve(chance: FloatArray, event: FloatArray, weight: FloatArray, bins: int | None) -> ReliabilityCurve:
    if bins is None:
        place = np.unique(chance, return_inverse=True)[1].ravel()
    elif bins < 1:
        raise ScoreError(found=f"{bins} bins", allowed="1 or more", remedy="ten is the usual number")
    else:
        place = np.minimum((chance * bins).astype(np.int64), bins - 1)
    total = np.bincount(place, weight)
    kept = total > 0.0
    total = total[kept]
    return ReliabilityCurve(
        probability=np.bincount(place, weight * chance)[kept] / total,
        frequency=np.bincount(place, weight * event)[kept] / total,
        weight=total.astype(np.float64),
    )


def log_score(
    *, probability: ArrayLike, occurred: ArrayLike, weight: ArrayLike | None = None, floor: float = 0.0
) -> float:
    """Return the mean of -log of the probability given to what happened, in nats; 0 is best.

    Infinite for a certainty that failed, unless probabilities are first drawn into [floor, 1 - floor].
    """
    if not 0.0 <= floor < 0.5:  # noqa: PLR2004 - at a half everything is alike
        raise ScoreError(found=f"floor {floor}", allowed="from 0 to below 0.5", remedy="1e-4 is a usual floor")
    chance = checking.probabilities("probability", probability).clip(floor, 1.0 - floor)
    event = checking.events(occurred, size=chance.size)
    with np.errstate(divide="ignore"):
        loss = -np.log(np.where(event > 0.0, chance, 1.0 - chance))
    each = checking.weights(weight, size=chance.size)
    return float((each * np.where(each > 0.0, loss, 0.0)).sum() / each.sum())


def roc_auc(*, score: ArrayLike, occurred: ArrayLike, weight: ArrayLike | None = None) -> float:
    """Return the chance that an event scores above a non-event, ties counted half; O(n log n), 0.5 knows nothing.

    Raises ScoreError unless there are events and non-events.
    """
    hit, miss = _by_threshold(score, occurred, weight)
    if hit.sum() <= 0.0 or miss.sum() <= 0.0:
        raise _one_kind()
    above = np.cumsum(hit) - hit
    return float((miss * (above + 0.5 * hit)).sum() / (hit.sum() * miss.sum()))


def average_precision(*, score: ArrayLike, occurred: ArrayLike, weight: ArrayLike | None = None) -> float:
    """Return sum over thresholds of (recall gained) x precision there: equal scores are one threshold; O(n log n).

    A score that knows nothing has the base rate; 1 is best. Raises ScoreError when there is no event.
    """
    hit, miss = _by_threshold(score, occurred, weight)
    return _precision_area(hit, miss)


def average_precision_resampled(
    *, score: ArrayLike, occurred: ArrayLike, period: IntArray, counts: IntArray
) -> FloatArray:
    """Return average precision (n_draw,) with each period's forecasts counted counts (n_draw, n_period) times.

    `period` (n,) gives each forecast's column of `counts`; sorted once, O(n log n + n_draw x n).
    """
    value = checking.numbers("score", score)
    event = checking.events(occurred, size=value.size)
    if period.shape != value.shape or period.min() < 0 or period.max() >= counts.shape[1]:
        raise ScoreError(
            found=f"periods from {period.min()} to {period.max()} of shape {period.shape}",
            allowed=f"one per forecast, from 0 to {counts.shape[1] - 1}",
            remedy="count each period that has forecasts",
        )
    order = np.argsort(-value, kind="stable")
    begins = np.flatnonzero(np.diff(value[order], prepend=np.inf))
    event, when = event[order], period[order]
    found = np.empty(len(counts))
    for draw, count in enumerate(counts):
        weight = count[when].astype(np.float64)
        hit = np.add.reduceat(weight * event, begins)
        found[draw] = _precision_area(hit, np.add.reduceat(weight, begins) - hit)
    return found


def _precision_area(hit: FloatArray, miss: FloatArray) -> float:
    if hit.sum() <= 0.0:
        raise _one_kind()
    above = np.cumsum(hit)
    named = above + np.cumsum(miss)
    precision = np.divide(above, named, out=np.zeros_like(named), where=named > 0.0)
    return float((hit * precision).sum() / above[-1])


def _by_threshold(score: ArrayLike, occurred: ArrayLike, weight: ArrayLike | None) -> tuple[FloatArray, FloatArray]:
    """Return the weights of events and of non-events at each distinct score, highest first."""
    value = checking.numbers("score", score)
    event = checking.events(occurred, size=value.size)
    each = checking.weights(weight, size=value.size)
    place = np.unique(-value, return_inverse=True)[1].ravel()
    hit, miss = np.bincount(place, each * event), np.bincount(place, each * (1.0 - event))
    return hit.astype(np.float64), miss.astype(np.float64)


def _one_kind() -> ScoreError:
    return ScoreError(
        found="outcomes all of one kind",
        allowed="at least one event, and for the ROC area one non-event",
        remedy="score a longer period or more constraints together",
    )
