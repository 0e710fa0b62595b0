"""Weather and its forecasts: seasons, bounds, vintages that agree in most."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from powerdesk.simulation import (
    weather,
)

WINTER_NIGHT = int(datetime(2026, 1, 14, 9, tzinfo=UTC).timestamp())
SUMMER_NOON = int(datetime(2026, 7, 14, 18, 30, tzinfo=UTC).timestamp())
MOMENTS = [WINTER_NIGHT + number * 31 * 3600 for number in range(260)]


def test_weather__has_seasons_and_stays_on_earth() -> None:
    seen = [weather.weather(seed=2, at_s=at_s, issued_at_s=None) for at_s in MOMENTS]
    temperature = np.array([one.temperature_c.mean() for one in seen])
    assert temperature.min() > -40.0
    assert temperature.max() < 48.0
    summer = weather.weather(seed=2, at_s=SUMMER_NOON, issued_at_s=None).temperature_c
    winter = weather.weather(seed=2, at_s=WINTER_NIGHT, issued_at_s=None).temperature_c
    assert (summer > winter + 10.0).all()
    cloud = np.array([one.cloud for one in seen])
    assert (cloud > 0.0).all()
    assert (cloud < 1.0).all()
    wind = np.array([one.wind_mps for one in seen])
    assert wind.min() > 0.5
    assert wind.max() < 30.0
    assert wind[:, 3].mean() > wind[:, 1].mean()


def test_weather__a_forecast_issued_now_is_the_truth() -> None:
    truth = weather.weather(seed=2, at_s=SUMMER_NOON, issued_at_s=None)
    forecast = weather.weather(seed=2, at_s=SUMMER_NOON, issued_at_s=SUMMER_NOON)
    assert forecast.temperature_c.tolist() == truth.temperature_c.tolist()
    assert forecast.wind_mps.tolist() == truth.wind_mps.tolist()


def test_forecast_error__vintages_differ_but_agree_in_most() -> None:
    kept = [
        [
            float(weather.forecast_error(seed=1, stream="s", at_s=at_s, issued_at_s=at_s - lead_h * 3600)[0])
            for lead_h in (24, 30)
        ]
        for at_s in MOMENTS
    ]
    correlation = float(np.corrcoef(np.array(kept).T)[0, 1])
    assert 0.4 < correlation < 0.95
