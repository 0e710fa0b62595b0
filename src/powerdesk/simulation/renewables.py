"""What wind and sun let each plant of SIM make."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from powerdesk.simulation import noise
from powerdesk.simulation.technology import Technology

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from powerdesk.simulation.weather import Weather
    from powerdesk.simulation.world import World

    FloatArray = NDArray[np.float64]

HOUR_S = 3600
DAY_S = 86_400
CUT_IN_MPS = 2.6
RATED_MPS = 12.4
SITE_LAYERS = ((8 * HOUR_S, 0.10), (2 * HOUR_S, 0.05))
GUST_LAYERS = ((1200, 0.035), (600, 0.02))


def availability(world: World, *, seed: int, at_s: int, issued_at_s: int | None, sky: Weather) -> FloatArray:
    """Return the share of capacity each unit (n_unit,) can make of wind or sun; 1 for every other technology.

    Forecasts (`issued_at_s` given) leave out the gusts and passing clouds of single sites.
    """
    units = world.units
    share = np.ones(len(units))
    for technology in (Technology.WIND, Technology.SOLAR):
        plants = units.of(technology)
        keys = noise.stream_keys(seed=seed, names=tuple(f"site:{units.names[i]}" for i in plants))
        site = noise.smooth(keys, at_s=at_s, layers=SITE_LAYERS)
        if issued_at_s is None:
            site = site + noise.smooth(keys, at_s=at_s, layers=GUST_LAYERS)
        bus = units.bus[plants]
        zone = world.bus_zone[bus]
        if technology is Technology.WIND:
            share[plants] = _wind_share(sky.wind_mps[zone] * np.exp(site))
        else:
            cloud = np.clip(sky.cloud[zone] * (1.0 + site), 0.0, 1.0)
            share[plants] = _sun_share(world, at_s)[plants] * (1.0 - 0.78 * cloud * cloud * cloud)
    return share


def _wind_share(wind_mps: FloatArray) -> FloatArray:
    """Return a plant's power curve: nothing below cut-in, 0.97 above rated speed (losses in the plant)."""
    reach = np.clip((wind_mps - CUT_IN_MPS) / (RATED_MPS - CUT_IN_MPS), 0.0, 1.0)
    share: FloatArray = 0.97 * reach * reach * (3.0 - 2.0 * reach)
    return share


@lru_cache(maxsize=512)
def _sun_share(world: World, at_s: int) -> FloatArray:
    """Return clear-sky output per unit (n_unit,) of a tracking plant at its bus: soft at dawn, flat at noon."""
    bus = world.units.bus
    latitude = np.radians(world.latitude[bus])
    day_of_year = (at_s % 31_556_952) / DAY_S
    declination = math.radians(23.44) * math.sin(2.0 * math.pi * (day_of_year - 80.0) / 365.25)
    hour_angle = np.radians(((at_s % DAY_S) / HOUR_S - 12.0) * 15.0 + world.longitude[bus])
    height = np.sin(latitude) * math.sin(declination) + np.cos(latitude) * math.cos(declination) * np.cos(hour_angle)
    reach = np.clip(height / 0.45, 0.0, 1.0)
    share: FloatArray = 0.95 * np.sqrt(reach) * reach**0.25
    share.setflags(write=False)
    return share
