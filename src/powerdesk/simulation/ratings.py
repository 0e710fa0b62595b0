"""What lines may carry in an hour: their ratings by the weather at both ends, as operators adjust them hourly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from powerdesk.simulation import weather

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from powerdesk.simulation.world import World

    FloatArray = NDArray[np.float64]

RATED_C = 22.0
RATED_MPS = 5.0
PER_DEGREE = 0.005
PER_MPS = 0.012
LEAST, MOST = 0.85, 1.2


def rating_mw(world: World, *, seed: int, at_s: int, issued_at_s: int | None) -> FloatArray:
    """Return the rating of each line (n_line,) in MW at `at_s`, by the weather or by its forecast.

    Cool air and wind carry heat away: the given rating is that of RATED_C and RATED_MPS.
    """
    sky = weather.weather(seed=seed, at_s=at_s, issued_at_s=issued_at_s)
    zone = 1.0 - PER_DEGREE * (sky.temperature_c - RATED_C) + PER_MPS * (sky.wind_mps - RATED_MPS)
    branches = world.network.branches
    ends = world.bus_zone[branches.from_bus], world.bus_zone[branches.to_bus]
    factor = np.clip(0.5 * (zone[ends[0]] + zone[ends[1]]), LEAST, MOST)
    rating: FloatArray = np.round(branches.rating_mw * factor, 1)
    return rating
