"""Hierarchical logistic regression: against a general optimiser, and what partial pooling must do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import optimize, special

from powerdesk.grid.forecast import logistic

if TYPE_CHECKING:
    from powerdesk.grid.types import FloatArray, IntArray


EXPECTED = np.array([0.0, 0.3, 0.0])


def made(*, n_group: int, each: int, seed: int) -> tuple[FloatArray, IntArray, FloatArray, FloatArray]:
    """Return columns, groups, events and the true departures of each group."""
    draw = np.random.default_rng(seed)
    group = np.repeat(np.arange(n_group), each)
    x = np.column_stack((np.ones(group.size), draw.normal(size=(group.size, 2))))
    own = draw.normal(size=(n_group, 1)) * 0.8
    odds = x @ np.array([-1.0, 0.7, -0.4]) + own[group, 0]
    return x, group, (draw.uniform(size=group.size) < special.expit(odds)).astype(np.float64), own


def test_fit__is_at_the_optimum_a_general_solver_finds_for_both_parts() -> None:
    x, group, event, _ = made(n_group=6, each=80, seed=1)
    weight = np.random.default_rng(2).uniform(0.2, 1.0, event.size)
    own = np.array([0, 1])
    found = logistic.fit(x=x, own=own, group=group, n_group=6, event=event, weight=weight, expected=EXPECTED)

    def loss(both: FloatArray) -> float:
        shared, departures = both[:3], both[3:].reshape(6, 2)
        odds = x @ shared + np.einsum("nq,nq->n", x[:, own], departures[group])
        likelihood = (weight * (event * odds - np.logaddexp(0.0, odds))).sum()
        prior = 0.5 * logistic.RIDGE * np.square(shared - EXPECTED).sum()
        return float(prior + 0.5 * (np.square(departures) / found.variance).sum() - likelihood)

    best = optimize.minimize(loss, np.zeros(15), method="BFGS", options={"gtol": 1e-6})
    mine = loss(np.concatenate((found.shared, found.own.ravel())))
    assert mine == pytest.approx(best.fun, abs=0.1)  # the variance moved once more after the departures were found


def test_fit__of_events_all_alike_stays_finite() -> None:
    x, group, _, _ = made(n_group=3, each=40, seed=3)
    event = (group == 0).astype(np.float64)
    found = logistic.fit(
        x=x, own=np.array([0]), group=group, n_group=4, event=event, weight=np.ones(event.size), expected=EXPECTED
    )
    assert np.isfinite(found.shared).all()
    assert found.own[0, 0] > 2.0 > -1.0 > found.own[1, 0]
    assert found.own[3, 0] == 0.0  # a group without observations stays with all others


def test_departures__with_few_observations_are_drawn_to_the_others() -> None:
    x, group, event, own = made(n_group=120, each=8, seed=5)
    few = logistic.fit(
        x=x, own=np.array([0]), group=group, n_group=120, event=event, weight=np.ones(event.size), expected=EXPECTED
    )
    x, group, event, own_many = made(n_group=120, each=400, seed=6)
    many = logistic.fit(
        x=x, own=np.array([0]), group=group, n_group=120, event=event, weight=np.ones(event.size), expected=EXPECTED
    )
    assert few.own.std() < 0.7 * own.std()
    assert many.own[:, 0] == pytest.approx(own_many[:, 0] - own_many.mean(), abs=0.6)
    assert many.variance[0] == pytest.approx(0.64, rel=0.35)
    assert many.shared == pytest.approx([-1.0 + own_many.mean(), 0.7, -0.4], abs=0.08)
