"""Quantiles of shadow prices: weighted as said, by brute force, and never out of what was seen and its likeness."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from powerdesk.grid.forecast import severity
from powerdesk.grid.forecast.severity import Seen

if TYPE_CHECKING:
    from powerdesk.grid.types import FloatArray


def seen(draw: np.random.Generator, *, n: int, n_constraint: int) -> Seen:
    constraint = np.sort(np.concatenate((np.arange(n_constraint), draw.integers(0, n_constraint, n - n_constraint))))
    sign = np.where(constraint % 2 == 0, -1.0, 1.0)
    return Seen(
        value=sign * draw.gamma(2.0, 20.0, n),
        constraint=constraint.astype(np.int64),
        hour=draw.integers(0, 24, n).astype(np.float64),
        age_days=draw.uniform(0.0, 60.0, n),
        features=draw.normal(size=(n, 1)),
    )


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10_000))
def test_quantiles__are_those_of_the_weighted_values_with_the_prior(seed: int) -> None:
    draw = np.random.default_rng(seed)
    past = seen(draw, n=60, n_constraint=4)
    hour, features = np.array([3.0, 23.0]), draw.normal(size=(2, 1))
    found = severity.quantiles(past, hour=hour, features=features, n_constraint=4)
    assert found.shape == (2, 4, severity.N_VALUE)
    assert (np.diff(found, axis=2) >= 0.0).all()
    recency = 2.0 ** (-past.age_days / severity.HALF_LIFE_DAYS)
    prior, prior_of = severity._prior(past, recency, 4)
    for at in range(2):
        apart = np.abs(past.hour - hour[at])
        alike = severity.UNALIKE + np.exp(-np.minimum(apart, 24 - apart) / severity.HOURS_ALIKE)
        likeness = np.maximum(np.exp(-0.5 * (past.features[:, 0] - features[at, 0]) ** 2), 1e-3)
        for constraint in range(4):
            mine = past.constraint == constraint
            value = np.concatenate((past.value[mine], prior[prior_of == constraint]))
            part = np.full(severity.PRIOR_VALUES, severity.PRIOR / severity.PRIOR_VALUES)
            weight = np.concatenate(((recency * alike * likeness)[mine], part))
            order = np.argsort(value)
            below = np.cumsum(weight[order]) / weight.sum()
            wanted = [value[order][np.argmax(below >= level - 1e-9)] for level in severity.LEVELS]
            assert found[at, constraint] == pytest.approx(wanted)


def test_quantiles__keep_the_sign_of_the_constraint_and_follow_its_latest_prices() -> None:
    value = np.concatenate((np.full(50, -100.0), np.full(10, -10.0)))
    age = np.concatenate((np.full(50, 40.0), np.full(10, 0.5)))
    past = Seen(value, np.zeros(60, np.int64), np.full(60, 12.0), age, np.empty((60, 0)))
    found = severity.quantiles(past, hour=np.array([12.0]), features=np.empty((1, 0)), n_constraint=1)
    assert (found < 0.0).all()
    assert np.median(found) == pytest.approx(-10.0)


def test_quantiles__of_one_past_value_are_spread_as_others_are() -> None:
    draw = np.random.default_rng(8)
    value = np.concatenate(([50.0], draw.lognormal(3.0, 0.8, 400)))
    constraint = np.concatenate(([0], np.repeat(np.arange(1, 5), 100))).astype(np.int64)
    past = Seen(value, constraint, np.full(401, 9.0), np.full(401, 1.0), np.empty((401, 0)))
    found: FloatArray = severity.quantiles(past, hour=np.array([9.0]), features=np.empty((1, 0)), n_constraint=5)[0]
    assert found[0].min() < 45.0
    assert found[0].max() > 55.0
    assert np.log(found[0]).std() > 0.4
