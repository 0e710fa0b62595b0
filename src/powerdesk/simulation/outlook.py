"""What is known of one instant: loads, what each unit could make, what is out; the truth, or a forecast of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from powerdesk.simulation import demand, noise, outages, renewables, weather

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from powerdesk.simulation.world import World

    FloatArray = NDArray[np.float64]
    BoolArray = NDArray[np.bool_]

HOUR_S = 3600
START_FAILURE_CHANCE = 0.05
"""Chance per hour that a quick unit is not there in real time."""


@dataclass(frozen=True, eq=False)
class Outlook:
    """Load per zone (n_zone,) and per bus (n_bus,), what each unit could make (n_unit,) in MW, and what is out."""

    zone_load_mw: FloatArray
    bus_load_mw: FloatArray
    available_mw: FloatArray
    units_out: BoolArray
    lines_out: tuple[int, ...]


def outlook(world: World, *, seed: int, at_s: int, issued_at_s: int | None) -> Outlook:
    """Return the state of the market at `at_s`: the truth, or the forecast issued at `issued_at_s` (s since 1970)."""
    units = world.units
    sky = weather.weather(seed=seed, at_s=at_s, issued_at_s=issued_at_s)
    zone_mw = demand.zone_load_mw(world, seed=seed, at_s=at_s, issued_at_s=issued_at_s, sky=sky)
    found = outages.outages(world, seed=seed, at_s=at_s, known_at_s=at_s if issued_at_s is None else issued_at_s)
    share = renewables.availability(world, seed=seed, at_s=at_s, issued_at_s=issued_at_s, sky=sky)
    there = ~found.units
    if issued_at_s is None:
        there &= ~_not_started(world, seed, at_s)
    return Outlook(
        zone_load_mw=zone_mw,
        bus_load_mw=demand.bus_load_mw(world, seed=seed, at_s=at_s, zone_mw=zone_mw),
        available_mw=np.where(there, units.capacity_mw * share, 0.0),
        units_out=found.units,
        lines_out=found.lines,
    )


def _not_started(world: World, seed: int, at_s: int) -> BoolArray:
    """Return which units (n_unit,) fail to start in the hour of `at_s`; only quick ones can."""
    keys = noise.stream_keys(seed=seed, names=tuple(f"start:{name}" for name in world.units.names))
    failed: BoolArray = world.units.quick & (noise.uniform(keys, index=at_s // HOUR_S) < START_FAILURE_CHANCE)
    return failed
