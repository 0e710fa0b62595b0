"""Which quick units are called to run in a quarter-hour of real time: the look-ahead of a market that starts them.

They need notice, so they are called on what is forecast before the quarter, with a margin for what it does not know.
An error beyond the margin is met by what runs already, within its ramps, and by reserve at the price of its curve.
Each quarter is a function of its seed and time alone.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from powerdesk.simulation import outlook, times
from powerdesk.simulation.technology import Technology

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from powerdesk.simulation.dispatch import Dispatchers, Standing
    from powerdesk.simulation.outlook import Outlook
    from powerdesk.simulation.world import World

    FloatArray = NDArray[np.float64]
    BoolArray = NDArray[np.bool_]

QUARTERS = 4
QUARTER_S = times.HOUR_S // QUARTERS
NOTICE_S = 1200
"""From the look-ahead to the quarter in which the units it calls run."""

LOAD_MARGIN, WIND_MARGIN, SUN_MARGIN = 0.008, 0.045, 0.04
"""What the look-ahead provides for beyond its forecast, per MW of load, wind and sun in it."""

CALLED_MW = 1e-3


def called(world: World, dispatchers: Dispatchers, *, seed: int, start_s: int, standing: Standing) -> BoolArray:
    """Return which quick units (4, n_unit) are called in the quarters of the hour that begins at `start_s`.

    `standing` tells what runs, at which ratings and offers; outages are those known to the look-ahead.
    """
    found = np.zeros((QUARTERS, len(world.units)), dtype=bool)
    for number in range(QUARTERS):
        begin_s = start_s + number * QUARTER_S
        seen = outlook.outlook(world, seed=seed, at_s=begin_s + QUARTER_S // 2, issued_at_s=begin_s - NOTICE_S)
        known = dataclasses.replace(standing, lines_out=seen.lines_out, units_out=seen.units_out)
        cleared = dispatchers.of(known).clear(
            times.five_minutes(begin_s),
            load_mw=seen.bus_load_mw * (1.0 + margin_mw(world, seen) / seen.bus_load_mw.sum()),
            available_mw=seen.available_mw,
            previous_mw=None,
        )
        found[number] = world.units.quick & (cleared.dispatch_mw > CALLED_MW)
    return found


def margin_mw(world: World, seen: Outlook) -> float:
    """Return the MW beyond its forecast that a look-ahead provides for."""
    wind, sun = (float(seen.available_mw[world.units.of(one)].sum()) for one in (Technology.WIND, Technology.SOLAR))
    return LOAD_MARGIN * float(seen.bus_load_mw.sum()) + WIND_MARGIN * wind + SUN_MARGIN * sun


def available_mw(world: World, *, seen: Outlook, called: BoolArray, previous_mw: FloatArray | None) -> FloatArray:
    """Return what units could make (n_unit,): quick ones that are not called only what they come down through."""
    ramp = world.units.ramp_mw
    left = np.zeros(len(world.units)) if previous_mw is None else np.maximum(previous_mw - ramp, 0.0)
    waiting = world.units.quick & ~called
    most: FloatArray = np.where(waiting, np.minimum(left, seen.available_mw), seen.available_mw)
    return most
