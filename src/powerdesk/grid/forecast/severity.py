"""The shadow price when a constraint binds: quantiles of what it was before, the more alike and the later the more.

Each past value of a constraint weighs 2^(-age / half-life) x exp(-hours of day between / 3) x likeness of the features
from outside, with `PRIOR` observations of its likely size mixed in: its own level, drawn to that of all, times the
spread of all around their levels. So one value is not taken for all that can happen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from powerdesk.grid.types import FloatArray, IntArray

N_VALUE = 21
LEVELS = (np.arange(N_VALUE) + 0.5) / N_VALUE
"""Levels of the quantiles that stand for the distribution, with equal weight."""

HALF_LIFE_DAYS = 7.0
HOURS_ALIKE = 3.0
UNALIKE = 0.05
"""Weight left to an hour of day far away."""

PRIOR = 2.0
PRIOR_VALUES = 9
LEAST_SIZE = 0.01


@dataclass(frozen=True, eq=False, slots=True)
class Seen:
    """Past values (n,) other than 0, sorted by constraint: its position, hour of day, and age in days.

    `features` (n, f) are those from outside as they had been forecast, in standard deviations.
    """

    value: FloatArray
    constraint: IntArray
    hour: FloatArray
    age_days: FloatArray
    features: FloatArray


def quantiles(seen: Seen, *, hour: FloatArray, features: FloatArray, n_constraint: int) -> FloatArray:
    """Return signed values (n_target, n_constraint, N_VALUE), rising, for targets' hours (n_target,) and features.

    Every constraint needs a past value. O(n log n + n_target n).
    """
    recency = np.exp2(-seen.age_days / HALF_LIFE_DAYS)
    prior, prior_of = _prior(seen, recency, n_constraint)
    value = np.concatenate((seen.value, prior))
    group = np.concatenate((seen.constraint, prior_of))
    order = np.lexsort((value, group))
    value, group = value[order], group[order]
    begin = np.searchsorted(group, np.arange(n_constraint))
    share = np.full(prior.size, PRIOR / PRIOR_VALUES)
    out = np.empty((hour.size, n_constraint, N_VALUE))
    wanted = np.arange(n_constraint)[:, None] + LEVELS
    for at in range(hour.size):
        apart = np.abs(seen.hour - hour[at])
        weight = recency * (UNALIKE + np.exp(-np.minimum(apart, 24.0 - apart) / HOURS_ALIKE))
        if features.shape[1]:
            weight = weight * np.exp(-0.5 * np.square(seen.features - features[at]).sum(axis=1)).clip(min=1e-3)
        cumulated = np.cumsum(np.concatenate((weight, share))[order])
        before = np.concatenate(([0.0], cumulated))[begin]
        total = np.concatenate((before[1:], cumulated[-1:])) - before
        level = group + (cumulated - before[group]) / total[group]
        out[at] = value[np.searchsorted(level, wanted - 1e-12).clip(max=value.size - 1)]
    return out


def _prior(seen: Seen, recency: FloatArray, n_constraint: int) -> tuple[FloatArray, IntArray]:
    """Return pseudo-observations and their constraints: own level drawn to that of all, times the spread of all."""
    size = np.log(np.maximum(np.abs(seen.value), LEAST_SIZE))
    weight = np.bincount(seen.constraint, recency, n_constraint)
    common = float(np.average(size, weights=recency + 1e-12))
    level = (np.bincount(seen.constraint, recency * size, n_constraint) + PRIOR * common) / (weight + PRIOR)
    sign = np.sign(np.bincount(seen.constraint, recency * np.sign(seen.value), n_constraint))
    levels = (np.arange(PRIOR_VALUES) + 0.5) / PRIOR_VALUES
    spread = np.quantile(size - level[seen.constraint], levels)
    made = np.where(sign == 0.0, 1.0, sign)[:, None] * np.exp(level[:, None] + spread)
    return made.ravel(), np.repeat(np.arange(n_constraint), PRIOR_VALUES)
