"""The two markets of SIM: day-ahead on forecasts, real time on what happens; each a function of seed and interval.

Real time clears an hour in order from its anchor: the five minutes before it, cleared without ramps by the hour's own
commitment and the quick units that its look-aheads call. So what is asked first does not matter, one interval asked
alone costs at most seventeen clearings, and ramps hold from each interval to the next of its hour.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from powerdesk.kernel.calendars import CALENDARS
from powerdesk.simulation import calling, fleet, noise, outlook, planning, ratings, times
from powerdesk.simulation.dispatch import Dispatcher, Dispatchers, Standing

if TYPE_CHECKING:
    from datetime import date

    import numpy as np
    from numpy.typing import NDArray

    from powerdesk.kernel.intervals import DeliveryInterval
    from powerdesk.simulation.dispatch import Cleared
    from powerdesk.simulation.outlook import Outlook
    from powerdesk.simulation.world import World

    FloatArray = NDArray[np.float64]
    BoolArray = NDArray[np.bool_]

STEPS = times.HOUR_S // times.STEP_S
CORRECTION_SPREAD = 0.006
"""Deviation of a zone's metered load from the load first used, where an interval is cleared again."""


@dataclass(frozen=True, eq=False)
class Hour:
    """An hour of real time: the anchor before it, and its twelve intervals, with what was seen of each.

    `available_mw` is what units could make (n_unit,) in each: what was seen, less of quick units that were not called.
    """

    anchor: Cleared
    cleared: tuple[Cleared, ...]
    seen: tuple[Outlook, ...]
    available_mw: tuple[FloatArray, ...]

    def before(self, number: int) -> Cleared:
        """Return what an interval's ramps begin from."""
        return self.cleared[number - 1] if number else self.anchor


def real_time(world: World, *, seed: int, interval: DeliveryInterval) -> Cleared:
    """Return the real-time clearing of a five-minute interval; raises times.MarketTimeError when it is none."""
    start_s, number = times.place_of(interval)
    return hour(world, seed=seed, start_s=start_s).cleared[number]


def corrected_real_time(world: World, *, seed: int, interval: DeliveryInterval) -> Cleared:
    """Return a five-minute interval cleared again with loads as metered afterwards, a little off those first used."""
    start_s, number = times.place_of(interval)
    found = hour(world, seed=seed, start_s=start_s)
    first, seen = found.cleared[number], found.seen[number]
    keys = noise.stream_keys(seed=seed, names=tuple(f"metering:{zone}" for zone in world.zones))
    factor = 1.0 + CORRECTION_SPREAD * noise.normal(keys, index=_middle_s(interval))
    return Dispatcher(world, first.standing).clear(
        interval,
        load_mw=seen.bus_load_mw * factor[world.bus_zone],
        available_mw=found.available_mw[number],
        previous_mw=found.before(number).dispatch_mw,
    )


@lru_cache(maxsize=48)
def hour(world: World, *, seed: int, start_s: int) -> Hour:
    """Return the real-time clearing of the hour that begins at `start_s` (s since 1970), interval by interval."""
    intervals = [times.five_minutes(start_s + number * times.STEP_S) for number in range(-1, STEPS)]
    seen = [outlook.outlook(world, seed=seed, at_s=_middle_s(one), issued_at_s=None) for one in intervals]
    plan = planning.plan(world, seed=seed, operating_day=CALENDARS[times.MARKET].operating_day(intervals[1].start))
    running = plan.running_at(start_s)
    rating = ratings.rating_mw(world, seed=seed, at_s=start_s, issued_at_s=None)
    prices = fleet.offer_prices(world.units, seed=seed, day=plan.operating_day.toordinal())
    first = seen[1]
    standing = Standing(rating, first.lines_out, running, first.units_out, prices, first.bus_load_mw.sum())
    dispatchers = Dispatchers(world)
    called = calling.called(world, dispatchers, seed=seed, start_s=start_s, standing=standing)
    cleared: list[Cleared] = []
    available: list[FloatArray] = []
    for number, (interval, state) in enumerate(zip(intervals, seen, strict=True), start=-1):
        if cleared:
            standing = dataclasses.replace(standing, lines_out=state.lines_out, units_out=state.units_out)
        previous = cleared[-1].dispatch_mw if cleared else None
        quarter = max(number, 0) * times.STEP_S // calling.QUARTER_S
        available.append(calling.available_mw(world, seen=state, called=called[quarter], previous_mw=previous))
        cleared.append(
            dispatchers.of(standing).clear(
                interval, load_mw=state.bus_load_mw, available_mw=available[-1], previous_mw=previous
            )
        )
    return Hour(cleared[0], tuple(cleared[1:]), tuple(seen[1:]), tuple(available[1:]))


@lru_cache(maxsize=4)
def day_ahead(world: World, *, seed: int, operating_day: date) -> tuple[Cleared, ...]:
    """Return the day-ahead clearing of each hour of the operating day, in order, on the day's commitment."""
    plan = planning.plan(world, seed=seed, operating_day=operating_day)
    issued_at_s = int(times.gate_closure(operating_day=operating_day).timestamp())
    prices = fleet.offer_prices(world.units, seed=seed, day=operating_day.toordinal())
    cleared: list[Cleared] = []
    for one, running in zip(times.hours(operating_day=operating_day), plan.running, strict=True):
        at_s = _middle_s(one)
        seen = outlook.outlook(world, seed=seed, at_s=at_s, issued_at_s=issued_at_s)
        rating = ratings.rating_mw(world, seed=seed, at_s=at_s, issued_at_s=issued_at_s)
        load = planning.bought_mw(seen)
        standing = Standing(rating, seen.lines_out, running, seen.units_out, prices, load.sum())
        previous = cleared[-1].dispatch_mw if cleared else None
        cleared.append(
            Dispatcher(world, standing).clear(
                one,
                load_mw=load,
                available_mw=seen.available_mw,
                previous_mw=previous,
                steps=times.HOUR_S / times.STEP_S,
            )
        )
    return tuple(cleared)


def _middle_s(interval: DeliveryInterval) -> int:
    """Return the middle of the interval in whole seconds since 1970."""
    return int((interval.start + interval.length / 2).timestamp())
