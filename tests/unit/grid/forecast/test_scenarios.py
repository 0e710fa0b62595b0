"""Scenarios: each constraint as forecast, all together as in the past, and nodes that agree with one another."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import kept_truth
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kept_truth import AHEAD_US, BEGIN_US, ZONE

from powerdesk.grid.forecast import baselines, binding, scenarios
from powerdesk.grid.forecast import panel as panels
from powerdesk.grid.forecast.binding import Forecast
from powerdesk.grid.forecast.panel import Panel
from powerdesk.grid.recovery.types import PanelError
from powerdesk.scoring import comparing, distributions

if TYPE_CHECKING:
    from powerdesk.grid.forecast.binding import Model
    from powerdesk.grid.forecast.scenarios import Scenarios
    from powerdesk.grid.types import FloatArray

N_SCENARIO = 200


@cache
def week(number: int) -> Model:
    truth = kept_truth.cleared()
    known_us = BEGIN_US + 7 * number * panels.DAY_US + 10 * panels.HOUR_US
    return binding.fit(panel=truth.panel, zone=ZONE, known_us=known_us, ahead_us=AHEAD_US, features=truth.features)


@cache
def day(number: int) -> tuple[Forecast, Scenarios]:
    truth = kept_truth.cleared()
    known_us = BEGIN_US + number * panels.DAY_US + 10 * panels.HOUR_US
    said = binding.predict(week(number // 7), panel=truth.panel, known_us=known_us, features=truth.features)
    generator = np.random.default_rng(number)
    return said, scenarios.draw(forecast=said, panel=truth.panel, count=N_SCENARIO, generator=generator)


def test_scenarios__bind_as_often_and_at_the_prices_forecast() -> None:
    said, found = day(90)
    assert found.shadow_price.shape == (N_SCENARIO, 24, len(said.constraints))
    share = (found.shadow_price != 0.0).mean(axis=0)
    assert np.abs(share - said.probability).max() <= 1.0 / N_SCENARIO + 1e-9
    mean = said.probability * said.values.mean(axis=2)
    off = np.abs(found.shadow_price.mean(axis=0) - mean)
    assert (off <= np.abs(said.values).sum(axis=2) / N_SCENARIO + 1e-9).all()  # each value at most once too often


def test_congestion__is_the_sum_of_its_parts_at_every_node_of_every_scenario() -> None:
    said, found = day(90)
    truth = kept_truth.cleared()
    place = [truth.panel.constraints.index(name) for name in said.constraints]
    factors = truth.shift_factors[place]
    whole = found.congestion(factors)
    parts = found.shadow_price[:, :, :, None] * factors[None, None]
    assert whole == pytest.approx(parts.sum(axis=2), abs=1e-9)
    basis = found.congestion(factors[:, [5]] - factors[:, [11]])[:, :, 0]  # what a hedge between two nodes earns
    assert basis == pytest.approx(whole[:, :, 5] - whole[:, :, 11], abs=1e-9)
    low, high = np.quantile(whole, (0.1, 0.9), axis=0)
    assert (low <= high).all()
    with pytest.raises(Exception, match="allowed"):
        found.congestion(factors[:-1])


def test_scenarios__keep_together_what_went_together() -> None:
    draw = np.random.default_rng(2)
    hours = 24 * 100
    common = draw.uniform(size=(hours // 24, 1, 1)) < 0.4  # for a day at a time, two constraints bind together
    apart = draw.uniform(size=(hours // 24, 1, 1)) < 0.4
    bound = np.broadcast_to(np.concatenate((common, common, apart), axis=2), (hours // 24, 24, 3)).reshape(hours, 3)
    start = BEGIN_US + panels.HOUR_US * np.arange(hours)
    price = bound * draw.uniform(10.0, 20.0, bound.shape)
    panel = Panel(60, start, start + panels.HOUR_US, ("a", "b", "c"), price)
    known_us = int(start[-1]) + panels.HOUR_US
    said = baselines.climatology(panel=panel, zone=ZONE, known_us=known_us, ahead_us=AHEAD_US)
    found = scenarios.draw(forecast=said, panel=panel, count=500, generator=draw).shadow_price != 0.0
    correlation = np.corrcoef(found[:, 3].T.astype(np.float64))
    assert correlation[0, 1] > 0.8
    assert abs(correlation[0, 2]) < 0.35
    hour_to_hour = np.corrcoef(found[:, 3, 0], found[:, 8, 0])[0, 1]
    assert hour_to_hour > 0.8


def test_nodal_forecast__beats_all_baselines_at_the_nodes() -> None:
    truth = kept_truth.cleared()
    asked = {"panel": truth.panel, "zone": ZONE, "ahead_us": AHEAD_US}
    own: list[float] = []
    others: dict[str, list[float]] = {"persistence": [], "yesterday": [], "climatology": []}
    for number in range(77, 167):
        said, found = day(number)
        hour = (said.start_us - BEGIN_US) // panels.HOUR_US
        came = truth.congestion[hour]
        place = [truth.panel.constraints.index(name) for name in said.constraints]
        nodes = found.congestion(truth.shift_factors[place])
        own.append(scored(nodes, came))
        for name in ("persistence", "yesterday"):
            point = getattr(baselines, name)(**asked, known_us=said.known_us)
            order = [truth.panel.constraints.index(one) for one in point.constraints]
            others[name].append(np.abs(point.values[:, :, 0] @ truth.shift_factors[order] - came).mean())
        days = np.arange(2, number)[:, None]
        others["climatology"].append(scored(truth.congestion[hour - 24 * days], came))
    counts = comparing.block_counts(n_period=90, block=7, draws=500, generator=np.random.default_rng(0))
    for name, losses in others.items():
        skill = comparing.skill_interval(loss=own, reference=losses, counts=counts)
        assert skill.low > 0.0, (name, skill)


def scored(samples: FloatArray, came: FloatArray) -> float:
    """Return the mean CRPS of samples (n_scenario, m, n_node) of what came (m, n_node)."""
    flat = samples.reshape(len(samples), -1).T
    return float(distributions.crps_samples(samples=flat, observed=came.ravel()).mean())


@settings(deadline=None)
@given(seed=st.integers(0, 1000), chance=st.floats(0.0, 1.0))
def test_at_levels__is_the_inverse_of_the_distribution(seed: int, chance: float) -> None:
    draw = np.random.default_rng(seed)
    values = np.sort(draw.choice([-30.0, -5.0, 4.0, 50.0], size=(1, 1, 8)), axis=2)
    said = Forecast(0, 60, np.zeros(1, np.int64), ("a",), np.array([[chance]]), values, 0.0)
    level = np.linspace(0.0005, 0.9995, 1000).reshape(-1, 1, 1)
    found = scenarios.at_levels(said, level)[:, 0, 0]
    assert (np.diff(found) >= 0.0).all()
    for value in (-30.0, -5.0, 0.0, 4.0, 50.0):
        share = 1.0 - chance if value == 0.0 else chance * (values == value).mean()
        assert (found == value).mean() == pytest.approx(share, abs=0.003)


def test_draw__is_repeatable_and_refuses_without_a_past_day() -> None:
    truth = kept_truth.cleared()
    said, found = day(90)
    generator = np.random.default_rng(90)
    again = scenarios.draw(forecast=said, panel=truth.panel, count=N_SCENARIO, generator=generator)
    assert again.shadow_price.tobytes() == found.shadow_price.tobytes()
    short = truth.panel.since(said.known_us - 3 * panels.HOUR_US)
    with pytest.raises(PanelError, match="past day"):
        scenarios.draw(forecast=said, panel=short, count=10, generator=generator)
