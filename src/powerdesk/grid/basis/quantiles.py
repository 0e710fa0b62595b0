"""Quantiles of weighted observations, for many sets of weights at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from powerdesk.grid.types import FloatArray, IntArray


def of_sorted(values: FloatArray, weights: FloatArray, levels: FloatArray) -> FloatArray:
    """Return quantiles (k, n_level) of rising `values` (n,) under each of k sets of `weights` (k, n), none below 0.

    Observation i stands at the middle of its share of the weight, the first at level 0, the last at level 1, straight
    lines between: with equal weights type 7 of Hyndman & Fan (1996), the usual one. Observations without weight do not
    count; a set without any gives NaN. Turning the signs turns the levels: Q(p) of -x is -Q(1 - p) of x.
    """
    n_set = len(weights)
    counts = np.count_nonzero(weights > 0.0, axis=1)
    if not values.size or not counts.any():
        return np.full((n_set, levels.size), np.nan)
    order = np.argsort(weights <= 0.0, axis=1, kind="stable")
    weight, value = np.take_along_axis(weights, order, axis=1), values[order]
    row, last = np.arange(n_set), np.maximum(counts - 1, 0)
    middle = np.cumsum(weight, axis=1) - 0.5 * weight - 0.5 * weight[:, :1]
    span = middle[row, last]
    place = middle / np.where(span > 0.0, span, 1.0)[:, None]
    place[np.arange(values.size) > last[:, None]] = np.inf
    found = np.empty((n_set, levels.size))
    for at, level in enumerate(levels.tolist()):
        low = np.clip(np.count_nonzero(place <= level, axis=1) - 1, 0, np.maximum(last - 1, 0))
        high = np.minimum(low + 1, last)
        gap = place[row, high] - place[row, low]
        share = np.divide(level - place[row, low], gap, out=np.zeros(n_set), where=gap > 0.0)
        found[:, at] = value[row, low] + np.clip(share, 0.0, 1.0) * (value[row, high] - value[row, low])
    found[counts == 0] = np.nan
    return found


def means(values: FloatArray, weights: FloatArray) -> FloatArray:
    """Return the weighted means (k,) of `values` (n,) under k sets of weights (k, n); NaN for a set without weight."""
    total = weights.sum(axis=1)
    found: FloatArray = np.divide(weights @ values, total, out=np.full(len(weights), np.nan), where=total > 0.0)
    return found


def day_multiplicities(
    *, day: IntArray, month: IntArray, replicates: int, block_days: int, draw: np.random.Generator
) -> FloatArray:
    """Return how often each replicate draws each observation (replicates, n): whole days, in runs of `block_days`.

    Circular block bootstrap within each month: the days observed are joined end to start and runs of consecutive ones
    are drawn until there are as many again. Politis & Romano (1992), "A circular block-resampling procedure".
    """
    out = np.empty((replicates, day.size))
    for one in np.unique(month).tolist():
        rows = np.flatnonzero(month == one)
        days, where = np.unique(day[rows], return_inverse=True)
        runs = -(-days.size // block_days)
        begins = draw.integers(0, days.size, size=(replicates, runs))
        drawn = (begins[:, :, None] + np.arange(block_days)).reshape(replicates, runs * block_days)
        drawn = drawn[:, : days.size] % days.size
        flat = (np.arange(replicates)[:, None] * days.size + drawn).ravel()
        counts = np.bincount(flat, minlength=replicates * days.size).reshape(replicates, days.size)
        out[:, rows] = counts[:, where]
    return out
