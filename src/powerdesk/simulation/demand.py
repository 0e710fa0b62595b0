"""Load by bus from temperature, hour, weekday and holiday."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from powerdesk.kernel.calendars import CALENDARS
from powerdesk.simulation import noise, weather

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from powerdesk.simulation.weather import Weather
    from powerdesk.simulation.world import World

    FloatArray = NDArray[np.float64]

MARKET = "SIM"
HOUR_S = 3600
SATURDAY = 5

WEEKDAY_SHAPE = np.array(
    (
        (0.84, 0.81, 0.79, 0.78, 0.79, 0.84, 0.94, 1.04, 1.07, 1.06, 1.05, 1.05),
        (1.05, 1.04, 1.04, 1.05, 1.08, 1.13, 1.16, 1.15, 1.12, 1.07, 0.98, 0.90),
    )
).ravel()
"""Two peaks, by hour of the local clock at the middle of the hour."""

REST_DAY_SHAPE = np.array(
    (
        (0.82, 0.79, 0.77, 0.76, 0.76, 0.77, 0.80, 0.85, 0.90, 0.94, 0.96, 0.96),
        (0.96, 0.95, 0.94, 0.95, 0.98, 1.03, 1.06, 1.06, 1.04, 1.00, 0.93, 0.87),
    )
).ravel()

SLOW_LAYERS = ((2 * 86_400, 0.010), (8 * HOUR_S, 0.008))
FAST_LAYERS = ((1800, 0.0035), (600, 0.0025))
BUS_LAYERS = ((6 * HOUR_S, 0.05), (1800, 0.02))


def zone_load_mw(world: World, *, seed: int, at_s: int, issued_at_s: int | None, sky: Weather) -> FloatArray:
    """Return the load of each zone (n_zone,) in MW: actual when `issued_at_s` is None, else forecast under `sky`."""
    temperature = sky.temperature_c
    cooling = 0.0195 * np.maximum(temperature - 20.0, 0.0)
    heating = 0.0085 * np.maximum(9.0 - temperature, 0.0)
    names = tuple(f"load:{zone}" for zone in world.zones)
    keys = noise.stream_keys(seed=seed, names=names)
    wander = noise.smooth(keys, at_s=at_s, layers=SLOW_LAYERS)
    if issued_at_s is None:
        wander = wander + noise.smooth(keys, at_s=at_s, layers=FAST_LAYERS)
    else:
        error = weather.forecast_error(seed=seed, stream="error:load", at_s=at_s, issued_at_s=issued_at_s)
        wander = wander + 0.012 * error
    level = world.mean_load_mw * world.zone_share * shape_at(at_s=at_s)
    load: FloatArray = level * (0.93 + cooling + heating) * (1.0 + wander)
    return load


def bus_load_mw(world: World, *, seed: int, at_s: int, zone_mw: FloatArray) -> FloatArray:
    """Return the load of each bus (n_bus,): its wandering share of its zone's load, adding up to the zones."""
    keys = noise.stream_keys(seed=seed, names=tuple(f"bus-load:{bus}" for bus in world.buses))
    share = world.load_share * np.exp(noise.smooth(keys, at_s=at_s, layers=BUS_LAYERS))
    total = np.bincount(world.bus_zone, weights=share, minlength=len(world.zones))
    load: FloatArray = zone_mw[world.bus_zone] * share / np.where(total > 0.0, total, 1.0)[world.bus_zone]
    return load


def shape_at(*, at_s: int) -> float:
    """Return the multiple of mean load at this time of the local day, joined linearly between hours' middles."""
    local = CALENDARS[MARKET].local_time(datetime.fromtimestamp(at_s, UTC))
    shape = REST_DAY_SHAPE if _is_rest_day(local.date()) else WEEKDAY_SHAPE
    hour = local.hour + local.minute / 60.0 + local.second / 3600.0 - 0.5
    low = int(np.floor(hour))
    part = hour - low
    return float(shape[low % 24] * (1.0 - part) + shape[(low + 1) % 24] * part)


@lru_cache(maxsize=4096)
def _is_rest_day(day: date) -> bool:
    """Return whether people rest: weekends and the six holidays that the power industry of the plains observes."""
    if day.weekday() >= SATURDAY:
        return True
    fixed = {date(day.year, 1, 1), date(day.year, 7, 4), date(day.year, 12, 25)}
    memorial = date(day.year, 5, 31) - timedelta(days=date(day.year, 5, 31).weekday())
    labour = date(day.year, 9, 1) + timedelta(days=-date(day.year, 9, 1).weekday() % 7)
    thanksgiving = date(day.year, 11, 1) + timedelta(days=(3 - date(day.year, 11, 1).weekday()) % 7 + 21)
    return day in fixed | {memorial, labour, thanksgiving}
