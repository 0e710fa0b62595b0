"""Scores of distributions of a number: pinball loss, CRPS, probability integral transform, coverage.

CRPS(F, y) = integral of (F(x) - [x >= y])^2 dx = E|X - y| - E|X - X'| / 2 = 2 integral over levels of the pinball loss,
in the unit of the number; for a forecast that is one value it is the absolute error. Gneiting and Raftery (2007).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from powerdesk.scoring import checking
from powerdesk.scoring.checking import ScoreError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from powerdesk.scoring.checking import FloatArray


def pinball(*, values: ArrayLike, levels: ArrayLike, observed: ArrayLike) -> FloatArray:
    """Return the loss (n, q) of quantile values (n, q) at levels (q,) in (0, 1) for observations (n,).

    (y - value) x level where y is above the value, (value - y) x (1 - level) below. Koenker and Bassett (1978).
    """
    seen, level, value = _quantiles(values, levels, observed)
    above = seen[:, None] - value
    return np.maximum(level * above, (level - 1.0) * above)


def crps_quantiles(*, values: ArrayLike, levels: ArrayLike, observed: ArrayLike) -> FloatArray:
    """Return the CRPS (n,) of quantile values (n, q) at rising levels (q,).

    The integral over levels is a sum in which each level stands for those nearer to it than to the next; with the q
    levels (i - 1/2) / q that is exactly the CRPS of the q values as a sample.
    """
    loss = pinball(values=values, levels=levels, observed=observed)
    level = np.asarray(levels, dtype=np.float64)
    if (np.diff(level) <= 0.0).any():
        raise ScoreError(found="levels that do not rise", allowed="rising levels", remedy="sort levels and values")
    edge = np.concatenate(([0.0], 0.5 * (level[1:] + level[:-1]), [1.0]))
    return np.asarray(2.0 * loss @ np.diff(edge))


def crps_samples(*, samples: ArrayLike, observed: ArrayLike, weight: ArrayLike | None = None) -> FloatArray:
    """Return the CRPS (n,) of the empirical distributions of samples (n, s), each weighted by weight (n, s) or alike.

    O(n s log s).
    """
    drawn = np.asarray(samples, dtype=np.float64)
    seen = checking.numbers("observed", observed, shape=drawn.shape[:1])
    drawn = checking.numbers("samples", drawn, shape=(seen.size, drawn.size // seen.size))
    share = np.full(drawn.shape, 1.0 / drawn.shape[1]) if weight is None else _shares(weight, drawn.shape)
    order = np.argsort(drawn, axis=1)
    drawn, share = np.take_along_axis(drawn, order, 1), np.take_along_axis(share, order, 1)
    away = (share * np.abs(drawn - seen[:, None])).sum(axis=1)
    return np.asarray(away - _half_spread(drawn, share))


def crps_mixture(
    *, probability: ArrayLike, values: ArrayLike, observed: ArrayLike, weight: ArrayLike | None = None
) -> FloatArray:
    """Return the CRPS (n,) of 0 with chance 1 - probability (n,), else one of values (n, s) by weight (n, s) or alike.

    The distribution of a shadow price: nothing, or one of the values it has when the constraint binds. O(n s log s).
    """
    chance = checking.probabilities("probability", probability)
    drawn = np.asarray(values, dtype=np.float64)
    drawn = checking.numbers("values", drawn, shape=(chance.size, drawn.size // chance.size))
    share = np.full(drawn.shape, 1.0 / drawn.shape[1]) if weight is None else _shares(weight, drawn.shape)
    whole = np.concatenate((np.zeros((chance.size, 1)), drawn), axis=1)
    return crps_samples(
        samples=whole,
        observed=observed,
        weight=np.concatenate(((1.0 - chance)[:, None], chance[:, None] * share), axis=1),
    )


def _half_spread(drawn: FloatArray, share: FloatArray) -> FloatArray:
    """Return E|X - X'| / 2 (n,) of sorted values: the sum over gaps of F (1 - F) times the gap."""
    below = np.cumsum(share, axis=1)[:, :-1]
    return np.asarray((below * (1.0 - below) * np.diff(drawn, axis=1)).sum(axis=1))


def _shares(weight: ArrayLike, shape: tuple[int, ...]) -> FloatArray:
    each = checking.numbers("weight", weight, shape=shape)
    total = each.sum(axis=1, keepdims=True)
    if each.min() < 0.0 or total.min() <= 0.0:
        raise ScoreError(
            found="weights below 0, or a row of nothing", allowed="weights from 0", remedy="weigh one value at least"
        )
    return np.asarray(each / total)


def pit(
    *, samples: ArrayLike, observed: ArrayLike, generator: np.random.Generator, weight: ArrayLike | None = None
) -> FloatArray:
    """Return the randomised probability integral transform (n,): uniform on (0, 1) when the forecasts are calibrated.

    F(y-) + u (F(y) - F(y-)) with u drawn, since samples (n, s) put weight on single values. Czado, Gneiting and Held
    (2009), section 2.
    """
    drawn = np.asarray(samples, dtype=np.float64)
    seen = checking.numbers("observed", observed, shape=drawn.shape[:1])[:, None]
    drawn = checking.numbers("samples", drawn, shape=(seen.size, drawn.size // seen.size))
    share = np.full(drawn.shape, 1.0 / drawn.shape[1]) if weight is None else _shares(weight, drawn.shape)
    below = (share * (drawn < seen)).sum(axis=1)
    at = (share * (drawn == seen)).sum(axis=1)
    return np.asarray((below + generator.uniform(size=below.size) * at).clip(0.0, 1.0))


def coverage(*, low: ArrayLike, high: ArrayLike, observed: ArrayLike) -> float:
    """Return the share of observations (n,) within [low, high] (n,), ends included."""
    seen = checking.numbers("observed", observed)
    bottom = checking.numbers("low", low, shape=seen.shape)
    top = checking.numbers("high", high, shape=seen.shape)
    if (bottom > top).any():
        raise ScoreError(found="intervals that end below their start", allowed="low <= high", remedy="swap the ends")
    return float(((bottom <= seen) & (seen <= top)).mean())


def _quantiles(values: ArrayLike, levels: ArrayLike, observed: ArrayLike) -> tuple[FloatArray, FloatArray, FloatArray]:
    seen = checking.numbers("observed", observed)
    level = checking.numbers("levels", levels)
    if level.min() <= 0.0 or level.max() >= 1.0:
        raise ScoreError(found="levels outside (0, 1)", allowed="levels within (0, 1)", remedy="write 0.9 for 90 %")
    return seen, level, checking.numbers("values", values, shape=(seen.size, level.size))
