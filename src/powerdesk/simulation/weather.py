"""Weather of SIM by zone: temperature, wind, cloud, as smooth functions of time; and forecasts of it.

A forecast is the truth plus an error that is zero at the moment of issue and grows with lead time. Two issues share
most of the error for the same hour, as real vintages do.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from powerdesk.simulation import noise
from powerdesk.simulation.layout import ZONES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

HOUR_S = 3600
DAY_S = 86_400
YEAR_S = 31_556_952
MIDDLE_LONGITUDE = -97.0

TEMPERATURE_LAYERS = ((8 * DAY_S, 3.2), (3 * DAY_S, 3.0), (DAY_S, 1.6), (5 * HOUR_S, 0.7))
WIND_LAYERS = ((5 * DAY_S, 0.22), (2 * DAY_S, 0.26), (12 * HOUR_S, 0.2), (3 * HOUR_S, 0.08))
CLOUD_LAYERS = ((3 * DAY_S, 0.8), (DAY_S, 0.8), (6 * HOUR_S, 0.5), (HOUR_S, 0.2))
ERROR_LAYERS = ((18 * HOUR_S, 0.75), (5 * HOUR_S, 0.55))

ZONE_WARMTH_C = np.array([-2.5, 0.0, 2.5, -0.5])
ZONE_WIND_MPS = np.array([6.7, 6.2, 6.2, 7.7])
ERROR_HALF_LEAD_H = 10.0
"""Lead at which the variance of a forecast error has grown to half of its limit."""


@dataclass(frozen=True, slots=True)
class Weather:
    """Weather by zone (n_zone,): temperature in Celsius, hub-height wind in m/s, cloud cover in [0, 1]."""

    temperature_c: FloatArray
    wind_mps: FloatArray
    cloud: FloatArray


def weather(*, seed: int, at_s: int, issued_at_s: int | None) -> Weather:
    """Return the weather at `at_s` (s since 1970 UTC): the truth when `issued_at_s` is None, else that forecast."""
    truth = _driver(seed, "weather", at_s, (TEMPERATURE_LAYERS, WIND_LAYERS, CLOUD_LAYERS))
    temperature_noise, wind_noise, cloud_noise = truth
    if issued_at_s is not None:
        temperature_error, wind_error, cloud_error = (
            forecast_error(seed=seed, stream=f"error:{name}", at_s=at_s, issued_at_s=issued_at_s)
            for name in ("temperature", "wind", "cloud")
        )
        temperature_noise = temperature_noise + 1.7 * temperature_error
        wind_noise = wind_noise + 0.17 * wind_error
        cloud_noise = cloud_noise + 0.6 * cloud_error
    year = 2.0 * math.pi * (at_s / YEAR_S)
    solar_hour = (at_s / HOUR_S + MIDDLE_LONGITUDE / 15.0) % 24.0
    day = 2.0 * math.pi * solar_hour / 24.0
    season = -math.cos(year - 0.35)
    temperature = 11.0 + 14.0 * season + 5.2 * -math.cos(day - 0.65) + ZONE_WARMTH_C + temperature_noise
    breath = 1.0 + 0.13 * math.cos(day - 0.3) - 0.10 * season
    return Weather(
        temperature_c=temperature,
        wind_mps=ZONE_WIND_MPS * breath * np.exp(wind_noise - 0.07),
        cloud=1.0 / (1.0 + np.exp(0.5 - 1.6 * cloud_noise)),
    )


def forecast_error(*, seed: int, stream: str, at_s: int, issued_at_s: int) -> FloatArray:
    """Return a standardised forecast error by zone (n_zone,): deviation 0 at no lead, towards 1 far ahead."""
    lead_h = max(0.0, (at_s - issued_at_s) / HOUR_S)
    spread = math.sqrt(lead_h / (lead_h + ERROR_HALF_LEAD_H))
    keys = noise.stream_keys(seed=seed, names=tuple(f"{stream}:{zone}" for zone in ("ALL", *ZONES)))
    lasting = noise.smooth(keys, at_s=at_s, layers=ERROR_LAYERS)
    passing = noise.smooth(noise.rekeyed(keys, index=issued_at_s), at_s=at_s, layers=ERROR_LAYERS)
    mixed = 0.85 * lasting + 0.5 * passing
    error: FloatArray = spread * (0.6 * mixed[0] + 0.8 * mixed[1:])
    return error


def _driver(
    seed: int, stream: str, at_s: int, variables: tuple[tuple[tuple[int, float], ...], ...]
) -> tuple[FloatArray, ...]:
    """Return for each variable its noise by zone (n_zone,), four fifths of its deviation common to all zones."""
    found = []
    for number, layers in enumerate(variables):
        keys = noise.stream_keys(seed=seed, names=tuple(f"{stream}:{number}:{zone}" for zone in ("ALL", *ZONES)))
        both = noise.smooth(keys, at_s=at_s, layers=layers)
        found.append(0.8 * both[0] + 0.6 * both[1:])
    return tuple(found)
