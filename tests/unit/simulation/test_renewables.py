"""Wind and sun: within capacity, dark at night."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from powerdesk.simulation import (
    renewables,
    weather,
    world,
)
from powerdesk.simulation.technology import Technology

WINTER_NIGHT = int(datetime(2026, 1, 14, 9, tzinfo=UTC).timestamp())
SUMMER_NOON = int(datetime(2026, 7, 14, 18, 30, tzinfo=UTC).timestamp())
MOMENTS = [WINTER_NIGHT + number * 31 * 3600 for number in range(260)]


def test_renewables__sun_sets_and_wind_stays_within_capacity() -> None:
    grid = world.default()
    units = grid.units
    solar, wind = units.of(Technology.SOLAR), units.of(Technology.WIND)
    for at_s in MOMENTS[::5]:
        sky = weather.weather(seed=1, at_s=at_s, issued_at_s=None)
        share = renewables.availability(grid, seed=1, at_s=at_s, issued_at_s=None, sky=sky)
        assert (share >= 0.0).all()
        assert (share <= 1.0).all()
    night = weather.weather(seed=1, at_s=WINTER_NIGHT, issued_at_s=None)
    dark = renewables.availability(grid, seed=1, at_s=WINTER_NIGHT, issued_at_s=None, sky=night)
    assert dark[solar].tolist() == [0.0] * solar.size
    noon = weather.weather(seed=1, at_s=SUMMER_NOON, issued_at_s=None)
    light = renewables.availability(grid, seed=1, at_s=SUMMER_NOON, issued_at_s=None, sky=noon)
    assert light[solar].mean() > 0.2
    others = np.setdiff1d(np.arange(len(units.names)), np.concatenate((solar, wind)))
    assert light[others].tolist() == [1.0] * others.size
