"""Load by bus: adds up, follows the local clock, rests on holidays."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from powerdesk.simulation import (
    demand,
    weather,
    world,
)

SUMMER_NOON = int(datetime(2026, 7, 14, 18, 30, tzinfo=UTC).timestamp())


def test_demand__buses_add_up_to_zones_and_follow_the_local_day() -> None:
    grid = world.default()
    sky = weather.weather(seed=1, at_s=SUMMER_NOON, issued_at_s=None)
    zone_mw = demand.zone_load_mw(grid, seed=1, at_s=SUMMER_NOON, issued_at_s=None, sky=sky)
    bus_mw = demand.bus_load_mw(grid, seed=1, at_s=SUMMER_NOON, zone_mw=zone_mw)
    assert np.bincount(grid.bus_zone, weights=bus_mw) == pytest.approx(zone_mw)
    assert bus_mw.min() > 0.0
    # 18:30 local in January and in July lie at different UTC hours
    for evening in (datetime(2026, 1, 15, 0, 30, tzinfo=UTC), datetime(2026, 7, 14, 23, 30, tzinfo=UTC)):
        assert demand.shape_at(at_s=int(evening.timestamp())) == pytest.approx(1.16)


def test_demand__rest_days_are_weekends_and_six_holidays() -> None:
    days = [date(2026, 1, 1) + timedelta(days=number) for number in range(365)]
    holidays = [day for day in days if demand._is_rest_day(day) and day.weekday() < 5]
    assert holidays == [
        date(2026, 1, 1),
        date(2026, 5, 25),
        date(2026, 9, 7),
        date(2026, 11, 26),
        date(2026, 12, 25),
    ]  # 4 July 2026 is a Saturday
