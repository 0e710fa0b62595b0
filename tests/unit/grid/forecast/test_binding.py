"""The forecast of binding: it cannot look ahead, is calibrated, beats what it must, and refuses what it cannot do."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import kept_truth
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kept_truth import AHEAD_US, BEGIN_US, ZONE
from scipy import special

from powerdesk.grid.forecast import baselines, binding, known, rolling, severity
from powerdesk.grid.forecast import panel as panels
from powerdesk.grid.forecast.panel import Panel
from powerdesk.grid.recovery.types import PanelError
from powerdesk.scoring import distributions, events

if TYPE_CHECKING:
    from powerdesk.grid.forecast.binding import Forecast
    from powerdesk.grid.forecast.known import Features
    from powerdesk.grid.forecast.rolling import Outcomes
    from powerdesk.grid.types import FloatArray

ORIGIN_US = BEGIN_US + 80 * panels.DAY_US + 10 * panels.HOUR_US


def forecast(panel: Panel, features: Features, *, known_us: int = ORIGIN_US) -> Forecast:
    model = binding.fit(panel=panel, zone=ZONE, known_us=known_us, ahead_us=AHEAD_US, features=features)
    return binding.predict(model, panel=panel, known_us=known_us, features=features)


def poisoned(panel: Panel, known_us: int, seed: int) -> Panel:
    """Return the panel with everything known after an instant replaced, constraints of then included."""
    draw = np.random.default_rng(seed)
    late = panel.known_us > known_us
    price = np.column_stack((panel.shadow_price, np.zeros(late.size)))
    price[late] = draw.choice([0.0, np.nan, 1e9, -7.0], size=(late.sum(), price.shape[1]))
    order = np.argsort([*panel.constraints, "a new one"])
    names = tuple([*panel.constraints, "a new one"][one] for one in order.tolist())
    known_at = np.where(late & (draw.uniform(size=late.size) < 0.3), panels.NEVER_US, panel.known_us)
    return Panel(panel.minutes, panel.start_us, known_at, names, price[:, order])


@settings(deadline=None, max_examples=4)
@given(hours=st.integers(0, 200), seed=st.integers(0, 1000))
def test_forecast__is_the_same_to_the_byte_when_the_future_is_poisoned(hours: int, seed: int) -> None:
    truth, known_us = kept_truth.cleared(), ORIGIN_US + hours * panels.HOUR_US
    features = replace(
        truth.features,
        values=np.where(truth.features.known_us[:, None] > known_us, np.float64(1e9), truth.features.values),
    )
    clean = forecast(truth.panel, truth.features, known_us=known_us)
    dirty = forecast(poisoned(truth.panel, known_us, seed), features, known_us=known_us)
    assert clean.constraints == dirty.constraints
    assert clean.probability.tobytes() == dirty.probability.tobytes()
    assert clean.values.tobytes() == dirty.values.tobytes()
    assert clean.dormant == dirty.dormant
    for make in rolling.BASELINES.values():
        one, other = (
            make(panel=panel, zone=ZONE, known_us=known_us, ahead_us=AHEAD_US)
            for panel in (truth.panel, poisoned(truth.panel, known_us, seed))
        )
        assert one.constraints == other.constraints
        assert one.probability.tobytes() == other.probability.tobytes()
        assert one.values.tobytes() == other.values.tobytes()


def test_forecast__does_change_when_the_past_is_poisoned() -> None:
    truth = kept_truth.cleared()
    clean = forecast(truth.panel, truth.features)
    dirty = forecast(poisoned(truth.panel, ORIGIN_US - 3 * panels.HOUR_US, 1), truth.features)
    shared = [clean.constraints.index(name) for name in dirty.constraints if name in clean.constraints]
    assert not np.allclose(clean.probability[:, shared[:3]], dirty.probability[:, :3])


@cache
def outcomes(*, outside: bool) -> Outcomes:
    truth = kept_truth.cleared()
    origins = BEGIN_US + 10 * panels.HOUR_US + panels.DAY_US * np.arange(75, 168)
    features = truth.features if outside else known.NONE
    return rolling.run(panel=truth.panel, zone=ZONE, origins_us=origins, ahead_us=AHEAD_US, features=features)


def test_forecast__beats_all_baselines_on_a_truth_of_our_own_clearing() -> None:
    found = rolling.skills(outcomes(outside=True), generator=np.random.default_rng(0))
    assert set(found) == {"persistence", "climatology", "recent climatology", "yesterday"}
    for skill in found.values():
        assert skill.brier.low > 0.1
        assert skill.average_precision_gained.low > 0.0
        assert skill.crps.low > 0.0


def test_forecast__is_better_for_a_load_forecast() -> None:
    with_load, without = (rolling.scores(outcomes(outside=one))[rolling.MODEL] for one in (True, False))
    assert with_load.brier < 0.95 * without.brier
    assert with_load.log_score < 0.95 * without.log_score


def drawn(days: int, seed: int) -> tuple[Panel, FloatArray]:
    """Return a panel whose binding is drawn hour by hour from known odds, and those probabilities (n, k)."""
    draw = np.random.default_rng(seed)
    hour = np.arange(24 * days)
    peak, level = draw.uniform(0, 24, 12), draw.normal(-2.0, 1.2, 12)
    odds = level + 1.5 * np.cos(2.0 * np.pi * (hour[:, None] - peak) / 24)
    chance = special.expit(odds)
    size = np.exp(draw.normal(3.0, 0.7, chance.shape) + 0.5 * draw.normal(size=12))
    price = np.where(draw.uniform(size=chance.shape) < chance, size, 0.0)
    start = BEGIN_US + panels.HOUR_US * hour
    names = tuple(f"constraint {at:02}" for at in range(12))
    return Panel(60, start, start + panels.HOUR_US, names, price), chance


def test_forecast__is_calibrated_on_binding_drawn_from_known_odds() -> None:
    panel, truth = drawn(120, 3)
    said, came, right, spread = [], [], [], []
    for day in range(85, 115, 2):
        known_us = BEGIN_US + day * panels.DAY_US + 10 * panels.HOUR_US
        found = forecast(panel, known.NONE, known_us=known_us)
        at = (found.start_us - BEGIN_US) // panels.HOUR_US
        price = panel.of(found.constraints)[at]
        said.append(found.probability.ravel())
        came.append(price.ravel())
        right.append(truth[at].ravel())
        bound = price != 0.0
        spread.append(
            distributions.pit(samples=found.values[bound], observed=price[bound], generator=np.random.default_rng(day))
        )
    chance, bound, true = np.concatenate(said), np.concatenate(came) != 0.0, np.concatenate(right)
    parts = events.brier_parts(probability=chance, occurred=bound, bins=10)
    assert parts.reliability < 0.002
    assert np.abs(chance - true).mean() < 0.05
    best = events.brier(probability=true, occurred=bound)
    assert events.brier(probability=chance, occurred=bound) < best + 0.006
    uniform = np.concatenate(spread)
    assert np.histogram(uniform, 10, (0.0, 1.0))[0] / uniform.size == pytest.approx(np.full(10, 0.1), abs=0.04)


def test_forecast__tells_what_dormant_constraints_do() -> None:
    panel, _ = drawn(130, 5)
    price = panel.shadow_price.copy()
    price[:, 0] = 0.0
    price[:24, 0] = 5.0
    asleep = replace(panel, shadow_price=price)
    found = forecast(asleep, known.NONE, known_us=BEGIN_US + 120 * panels.DAY_US)
    assert "constraint 00" not in found.constraints
    assert 0.0 < found.dormant < 1e-3
    chance, values = rolling.over(found, asleep.constraints)
    assert (chance[:, 0] == found.dormant).all()
    assert values.shape == (24, 12, severity.N_VALUE)


@pytest.mark.parametrize("days", [0, 1])
def test_fit__refuses_without_history(days: int) -> None:
    panel = drawn(3, 1)[0]
    with pytest.raises(PanelError, match="two days"):
        binding.fit(panel=panel, zone=ZONE, known_us=BEGIN_US + days * panels.DAY_US, ahead_us=AHEAD_US)


def test_fit__refuses_a_window_of_more_than_a_day() -> None:
    with pytest.raises(PanelError, match="up to a day"):
        binding.fit(panel=drawn(3, 1)[0], zone=ZONE, known_us=BEGIN_US, ahead_us=(0, 25 * panels.HOUR_US))


def test_fit__takes_a_panel_with_intervals_that_were_not_published() -> None:
    panel, _ = drawn(90, 7)
    missing = np.random.default_rng(1).uniform(size=panel.start_us.size) < 0.15
    gaps = Panel(
        60,
        panel.start_us,
        np.where(missing, panels.NEVER_US, panel.known_us),
        panel.constraints,
        np.where(missing[:, None], np.nan, panel.shadow_price),
    )
    whole, holed = (forecast(one, known.NONE) for one in (panel, gaps))
    assert np.isfinite(holed.probability).all()
    assert np.abs(whole.probability - holed.probability).mean() < 0.05


def test_baselines__are_what_they_say() -> None:
    panel, _ = drawn(20, 9)
    origin = BEGIN_US + 15 * panels.DAY_US + 10 * panels.HOUR_US  # the hour before is the last one known
    asked = {"panel": panel, "zone": ZONE, "known_us": origin, "ahead_us": AHEAD_US}
    last = panel.shadow_price[15 * 24 + 9]
    stays = baselines.persistence(**asked)
    assert (stays.values[:, :, 0] == last).all()
    assert (stays.probability == (last != 0.0)).all()
    again = baselines.yesterday(**asked)
    for at in range(24):  # tomorrow's hour: of today up to 9, of yesterday from 10
        day = 15 if at < 10 else 14
        assert (again.values[at, :, 0] == panel.shadow_price[day * 24 + at]).all()
    usual = baselines.climatology(**asked)
    for at in (3, 12):
        past = panel.shadow_price[at : 15 * 24 + 10 : 24]
        assert usual.probability[at] == pytest.approx((past != 0.0).mean(axis=0))
        for place in range(12):
            seen = past[:, place][past[:, place] != 0.0]
            assert set(usual.values[at, place].tolist()) <= set(seen.tolist() or [0.0])
            if seen.size:
                assert np.median(usual.values[at, place]) == pytest.approx(np.sort(seen)[seen.size // 2])


def bare(price: FloatArray) -> Panel:
    start = BEGIN_US + panels.HOUR_US * np.arange(len(price))
    return Panel(60, start, start + panels.HOUR_US, tuple(f"c{at}" for at in range(price.shape[1])), price)


@pytest.mark.parametrize("hour", [30, 40 * 24 + 9])
def test_forecast__of_a_constraint_seen_once_is_small_and_finite(hour: int) -> None:
    price = np.zeros((45 * 24, 3))
    price[hour, 1] = -5.0
    known_us = BEGIN_US + 40 * panels.DAY_US + 10 * panels.HOUR_US
    found = forecast(bare(price), known.NONE, known_us=known_us)
    assert found.constraints == ("c1",)
    assert 0.0 < found.probability.max() < 0.2
    assert (found.values < 0.0).all()
    for make in rolling.BASELINES.values():
        said = make(panel=bare(price), zone=ZONE, known_us=known_us, ahead_us=AHEAD_US)
        assert np.isfinite(said.values).all()
        assert said.probability.max() <= 1.0


def test_forecast__of_a_constraint_that_always_binds_is_nearly_certain() -> None:
    found = forecast(bare(np.full((45 * 24, 2), -12.5)), known.NONE, known_us=BEGIN_US + 40 * panels.DAY_US)
    assert found.probability.min() > 0.99
    assert np.median(found.values) == pytest.approx(-12.5)


@pytest.mark.parametrize("what", ["nothing bound", "nothing known", "no constraint"])
def test_forecast__and_baselines_of_nothing_refuse_or_say_never(what: str) -> None:
    price = np.zeros((45 * 24, 0 if what == "no constraint" else 2))
    known_us = BEGIN_US + (-5 if what == "nothing known" else 40) * panels.DAY_US
    with pytest.raises(PanelError, match="two days"):
        forecast(bare(price), known.NONE, known_us=known_us)
    for make in rolling.BASELINES.values():
        asked = {"panel": bare(price), "zone": ZONE, "known_us": known_us, "ahead_us": AHEAD_US}
        if what == "nothing known":
            with pytest.raises(PanelError, match="origin"):
                make(**asked)
        else:
            assert make(**asked).probability.size == 0


def test_rolling__refuses_origins_of_which_nothing_is_known() -> None:
    panel = drawn(10, 1)[0]
    for origins in (np.empty(0, dtype=np.int64), BEGIN_US + panels.DAY_US * np.array([30])):
        with pytest.raises(PanelError, match="intervals after them"):
            rolling.run(panel=panel, zone=ZONE, origins_us=origins, ahead_us=AHEAD_US)


@pytest.mark.parametrize("ahead_us", [(-panels.HOUR_US, 0), (0, panels.HOUR_US // 2), (5, 5)])
def test_fit__refuses_a_window_without_an_interval(ahead_us: tuple[int, int]) -> None:
    with pytest.raises(PanelError, match="one interval"):
        binding.fit(panel=drawn(5, 1)[0], zone=ZONE, known_us=BEGIN_US + 4 * panels.DAY_US, ahead_us=ahead_us)
