"""Hierarchical logistic regression: coefficients shared by all groups, and each group's own departure from them.

    logit p = x'b + z'u_g,   u_g ~ N(0, diag(variance));   b by Newton, u by its mode, variance by EM at that mode

A group with few observations stays with all others, one with many goes its own way: partial pooling. Gelman and Hill
(2007), chapter 14; the EM step with Laplace's approximation: Breslow and Clayton (1993).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

if TYPE_CHECKING:
    from powerdesk.grid.types import FloatArray, IntArray

ROUNDS = 4
MOST_STEPS = 25
MOST_HALVINGS = 30
GAIN_TOLERANCE = 1e-3
"""Log likelihood gained in a step, below which the mode is reached."""

RIDGE = 4.0
"""Precision of the shared coefficients' prior: without data they are as expected, give or take a half."""

FIRST_VARIANCE = 0.5


@dataclass(frozen=True, eq=False, slots=True)
class Fitted:
    """Shared coefficients (p,), each group's departures (g, q), and their variance (q,) between groups."""

    shared: FloatArray
    own: FloatArray
    variance: FloatArray


def fit(
    *,
    x: FloatArray,
    own: IntArray,
    group: IntArray,
    n_group: int,
    event: FloatArray,
    weight: FloatArray,
    expected: FloatArray,
) -> Fitted:
    """Return the fit to events (n,) of 0 and 1 with weights (n,) on columns x (n, p); column 0 is the constant.

    `own` (q,) names the columns whose coefficients also vary by `group` (n,), which is sorted; `expected` (p,) is what
    the shared coefficients are without data. O(rounds n (p^2 + q^2)).
    """
    if not event.size:
        return Fitted(expected, np.zeros((n_group, own.size)), np.full(own.size, FIRST_VARIANCE))
    z = np.ascontiguousarray(x[:, own])
    given = x @ expected
    beside = np.zeros(x.shape[1])
    departures, variance = np.zeros((n_group, own.size)), np.full(own.size, FIRST_VARIANCE)
    seen = np.unique(group)
    for _ in range(ROUNDS):
        beside = _shared(x, event, weight, given + np.einsum("nq,nq->n", z, departures[group]), beside)
        departures, spread = _departures(z, group, event, weight, given + x @ beside, departures, 1.0 / variance)
        held = departures[seen].sum(axis=0) / variance - RIDGE * beside[own]
        common = held / (seen.size / variance + RIDGE)  # what groups share is better borne in common: saves rounds
        departures[seen] -= common
        beside[own] += common
        variance = (np.square(departures) + spread).mean(axis=0).clip(min=1e-6)
    return Fitted(expected + beside, departures, variance)


def _shared(x: FloatArray, event: FloatArray, weight: FloatArray, offset: FloatArray, start: FloatArray) -> FloatArray:
    """Return the mode of the shared coefficients given offsets: Newton steps, halved where they are too long."""
    precision = np.full(x.shape[1], RIDGE)
    value, odds = start, x @ start + offset
    best = _likelihood(odds, event, weight).sum() - 0.5 * precision @ np.square(value)
    for _ in range(MOST_STEPS):
        chance = special.expit(odds)
        gradient = (weight * (event - chance)) @ x - precision * value
        curved = x.T @ (x * (weight * chance * (1.0 - chance))[:, None]) + np.diag(precision)
        step = np.linalg.solve(curved, gradient)
        for _ in range(MOST_HALVINGS):
            tried = value + step
            odds = x @ tried + offset
            reached = _likelihood(odds, event, weight).sum() - 0.5 * precision @ np.square(tried)
            if reached >= best:
                break
            step = 0.5 * step
        value, gained, best = tried, reached - best, reached
        if gained < GAIN_TOLERANCE:
            break
    return np.asarray(value)


def _likelihood(odds: FloatArray, event: FloatArray, weight: FloatArray) -> FloatArray:
    """Return the weighted log likelihood (n,) of events at log odds."""
    return np.asarray(weight * (event * odds - np.logaddexp(0.0, odds)))


def _departures(
    z: FloatArray,
    group: IntArray,
    event: FloatArray,
    weight: FloatArray,
    offset: FloatArray,
    start: FloatArray,
    precision: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Return the mode of each group's departures (g, q) and the diagonal of its inverse curvature (g, q)."""
    seen, begin = np.unique(group, return_index=True)
    pairs = (z[:, :, None] * z[:, None, :]).reshape(len(z), -1)
    curved = np.empty((len(start), precision.size, precision.size))

    def judged(tried: FloatArray) -> tuple[FloatArray, FloatArray]:
        odds = offset + np.einsum("nq,nq->n", z, tried[group])
        reached = -0.5 * np.square(tried) @ precision
        reached[seen] += np.add.reduceat(_likelihood(odds, event, weight), begin)
        return odds, reached

    value = start
    odds, best = judged(value)
    for _ in range(MOST_STEPS):
        chance = special.expit(odds)
        gradient = -precision * value
        gradient[seen] += np.add.reduceat(z * (weight * (event - chance))[:, None], begin)
        curved[:] = np.diag(precision)
        added = np.add.reduceat(pairs * (weight * chance * (1.0 - chance))[:, None], begin)
        curved[seen] += added.reshape(-1, precision.size, precision.size)
        step = np.linalg.solve(curved, gradient[:, :, None])[:, :, 0]
        for _ in range(MOST_HALVINGS):
            odds, reached = judged(value + step)
            worse = reached < best
            if not worse.any():
                break
            step[worse] *= 0.5
        value, gained, best = value + step, (reached - best).sum(), reached
        if gained < GAIN_TOLERANCE:
            break
    return value, np.diagonal(np.linalg.inv(curved), axis1=1, axis2=2).copy()
