"""The congestion forecast on a market whose truth is known: days of SIM, made and scored as the benchmark does."""

from __future__ import annotations

import importlib
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from powerdesk.grid.forecast import known, rolling
from powerdesk.grid.forecast import panel as panels
from powerdesk.kernel.calendars import CALENDARS

if TYPE_CHECKING:
    from powerdesk.grid.forecast.known import Features
    from powerdesk.grid.forecast.rolling import Score

pytestmark = pytest.mark.slow
BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
FIRST, DAYS, LEARNED = date(2026, 6, 21), 14, 8
AHEAD_US = (14 * panels.HOUR_US, 38 * panels.HOUR_US)


@pytest.fixture(scope="module")
def simulated() -> Any:
    """Return two weeks of the day-ahead market, and the outlooks published for them."""
    sys.path.insert(0, str(BENCHMARKS))
    try:
        days = importlib.import_module("simulated_days")
        return days.simulated(first=FIRST, days=DAYS, runs=(days.DAY_AHEAD,), processes=1)
    finally:
        sys.path.remove(str(BENCHMARKS))


def scored(simulated: Any, features: Features) -> dict[str, Score]:
    calendar = CALENDARS["SIM"]
    days = [FIRST + timedelta(days=one) for one in range(LEARNED, DAYS - 1)]
    origins = [calendar.day_interval(day).start + timedelta(hours=10) for day in days]
    outcomes = rolling.run(
        panel=simulated.panels["DA"],
        zone=calendar.zone,
        origins_us=np.array([int(one.timestamp()) * 1_000_000 for one in origins], dtype=np.int64),
        ahead_us=AHEAD_US,
        features=features,
    )
    return rolling.scores(outcomes)


def test_forecast__of_the_simulated_market_beats_what_it_must_after_a_week_and_more_with_outlooks(
    simulated: Any,
) -> None:
    seeing, blind = scored(simulated, simulated.outlooks), scored(simulated, known.NONE)
    own = seeing[rolling.MODEL]
    for name in rolling.BASELINES:
        assert own.brier < seeing[name].brier, name
        assert own.crps_per_mwh < seeing[name].crps_per_mwh, name
        assert own.average_precision > seeing[name].average_precision, name
    assert own.brier < blind[rolling.MODEL].brier
    assert own.average_precision > blind[rolling.MODEL].average_precision


def test_outlooks__of_a_day_are_known_at_its_gate_and_not_before(simulated: Any) -> None:
    day = CALENDARS["SIM"].day_interval(FIRST + timedelta(days=3))
    start = np.array([int(day.start.timestamp()) * 1_000_000])
    gate = start - 14 * panels.HOUR_US
    assert np.isfinite(simulated.outlooks.as_of(start_us=start, origin_us=gate)).all()
    assert np.isnan(simulated.outlooks.as_of(start_us=start, origin_us=gate - 1)).all()
