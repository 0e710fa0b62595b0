"""The two markets of SIM: day-ahead on forecasts, real time on what happens; each interval a function of the seed.

The truth of an interval is that of its middle. Day-ahead clears on what was known at 10:00 market time of the day
before; real time adds gusts, passing clouds, forced outages, and turbines that do not start.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from powerdesk.kernel.calendars import CALENDARS
from powerdesk.kernel.problem import Problem
from powerdesk.simulation import clearing, demand, fleet, layout, network, noise, outages, renewables, weather

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from powerdesk.kernel.intervals import DeliveryInterval
    from powerdesk.simulation.clearing import Clearing, IntervalCase

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int64]

MARKET = "SIM"
CURRENCY = "USD"
REAL_TIME_MINUTES = 5
GATE_HOUR = 10
"""Day-ahead offers and forecasts close at this hour of the market's clock on the day before."""

PUBLISH_HOUR = 13
"""Day-ahead results are published at this hour of the market's clock on the day before."""

HOUR_S = 3600
START_FAILURE_CHANCE = 0.06
"""Chance per hour that a turbine is not there in real time."""

RAMP_LAYERS = ((2 * HOUR_S, 0.075), (1200, 0.06), (600, 0.04))
RAMP_LIMIT = 0.25
"""Slow units cannot use up to this share of their capacity in a five-minute interval."""

STRAIN_BLOCK_S = 1800
STRAIN_CHANCE = 0.035
STRAIN_SHARES = (0.2, 0.35)
"""With this chance a half-hour is one of strain, in which 20 to 55 % more of the slow units cannot follow: a spike."""

CORRECTION_SPREAD = 0.006
"""Deviation of a zone's metered load from the load first used, where an interval is cleared again."""


class MarketTimeError(Problem):
    """An instant is not the start of an interval of SIM."""

    status: ClassVar[int] = 422
    slug: ClassVar[str] = "simulated-interval"
    title: ClassVar[str] = "Not an interval of the simulated market"


@dataclass(frozen=True, eq=False)
class Outlook:
    """What is known of one instant: load per bus and per zone, and what each unit could make (n_unit,), in MW."""

    zone_load_mw: FloatArray
    bus_load_mw: FloatArray
    available_mw: FloatArray
    lines_out: tuple[int, ...]


def gate_closure(*, operating_day: date) -> datetime:
    """Return when the day-ahead market of the day closes, UTC."""
    return _local_instant(operating_day - timedelta(days=1), GATE_HOUR)


def day_ahead_publication(*, operating_day: date) -> datetime:
    """Return when the day-ahead prices of the day are published, UTC."""
    return _local_instant(operating_day - timedelta(days=1), PUBLISH_HOUR)


def outlook(*, seed: int, at_s: int, issued_at_s: int | None) -> Outlook:
    """Return the state of the market at `at_s`: the truth, or the forecast issued at `issued_at_s` (s since 1970)."""
    units = fleet.fleet()
    sky = weather.weather(seed=seed, at_s=at_s, issued_at_s=issued_at_s)
    zone_mw = demand.zone_load_mw(seed=seed, at_s=at_s, issued_at_s=issued_at_s, sky=sky)
    out = outages.outages(seed=seed, at_s=at_s, known_at_s=at_s if issued_at_s is None else issued_at_s)
    share = renewables.availability(seed=seed, at_s=at_s, issued_at_s=issued_at_s, sky=sky)
    share = np.where(out.units, 0.0, share)
    if issued_at_s is None:
        share = np.where(_not_started(seed, at_s), 0.0, share) * _ramp_room(seed, at_s)
    return Outlook(
        zone_load_mw=zone_mw,
        bus_load_mw=demand.bus_load_mw(seed=seed, at_s=at_s, zone_mw=zone_mw),
        available_mw=units.capacity_mw * share,
        lines_out=out.lines,
    )


def real_time_case(*, seed: int, interval: DeliveryInterval) -> IntervalCase:
    """Return the case of a five-minute interval; raises MarketTimeError when it is none."""
    at_s = _middle_s(_require_real_time(interval))
    return _case(seed, interval, at_s, outlook(seed=seed, at_s=at_s, issued_at_s=None))


def corrected_case(*, seed: int, interval: DeliveryInterval) -> IntervalCase:
    """Return the case of a five-minute interval with loads as metered afterwards, a little off those first used."""
    at_s = _middle_s(_require_real_time(interval))
    seen = outlook(seed=seed, at_s=at_s, issued_at_s=None)
    grid = network.network()
    keys = noise.stream_keys(seed=seed, names=tuple(f"metering:{zone}" for zone in grid.zones))
    factor = 1.0 + CORRECTION_SPREAD * noise.normal(keys, index=at_s)
    metered = Outlook(
        zone_load_mw=seen.zone_load_mw * factor,
        bus_load_mw=seen.bus_load_mw * factor[grid.bus_zone],
        available_mw=seen.available_mw,
        lines_out=seen.lines_out,
    )
    return _case(seed, interval, at_s, metered)


def day_ahead_cases(*, seed: int, operating_day: date) -> tuple[IntervalCase, ...]:
    """Return the cases of the 23, 24 or 25 hours of the operating day."""
    issued_at_s = int(gate_closure(operating_day=operating_day).timestamp())
    cases = []
    for hour in CALENDARS[MARKET].intervals(operating_day):
        at_s = _middle_s(hour)
        cases.append(_case(seed, hour, at_s, outlook(seed=seed, at_s=at_s, issued_at_s=issued_at_s)))
    return tuple(cases)


@lru_cache(maxsize=32)
def real_time(*, seed: int, interval: DeliveryInterval) -> Clearing:
    """Return the real-time clearing of a five-minute interval."""
    return clearing.clear(real_time_case(seed=seed, interval=interval))


def corrected_real_time(*, seed: int, interval: DeliveryInterval) -> Clearing:
    """Return the clearing of a five-minute interval as corrected afterwards."""
    return clearing.clear(corrected_case(seed=seed, interval=interval))


@lru_cache(maxsize=4)
def day_ahead(*, seed: int, operating_day: date) -> tuple[Clearing, ...]:
    """Return the day-ahead clearing of each hour of the operating day, in order."""
    return tuple(clearing.clear(case) for case in day_ahead_cases(seed=seed, operating_day=operating_day))


def _case(seed: int, interval: DeliveryInterval, at_s: int, seen: Outlook) -> IntervalCase:
    """Return the clearing case of what is seen at one instant."""
    grid, units = network.network(), fleet.fleet()
    total_mw = seen.bus_load_mw.sum()
    factors = network.referenced(network.shift_factors(out_lines=seen.lines_out), weights=seen.bus_load_mw / total_mw)
    step_mw = units.step_share * seen.available_mw[units.step_unit]
    step_bus = units.bus[units.step_unit]
    price = fleet.offer_prices(seed=seed, at_s=at_s)
    loss_factor, base_losses_mw = _loss_line(seen.bus_load_mw, factors, (step_bus, step_mw, price))
    return clearing.IntervalCase(
        interval=interval,
        line_names=grid.lines,
        n_units=len(units.names),
        load_mw=seen.bus_load_mw,
        shift_factor=factors,
        rating_mw=grid.rating_mw,
        loss_factor=loss_factor,
        loss_offset_mw=-base_losses_mw,
        step_unit=units.step_unit,
        step_bus=step_bus,
        step_mw=step_mw,
        step_price_usd_per_mwh=price,
    )


def _loss_line(
    load_mw: FloatArray, factors: FloatArray, steps: tuple[IntArray, FloatArray, FloatArray]
) -> tuple[FloatArray, float]:
    """Return the tangent of quadratic losses at a base point: factor per bus (n_bus,), and losses there in MW.

    losses(f) = sum r f^2 / base; base flows come from the cheapest steps that meet the load, held to the ratings.
    The tangent is `factor @ injection - losses there`, because flows are linear in injections.
    """
    grid = network.network()
    step_bus, step_mw, price = steps
    order = np.argsort(price, kind="stable")
    before = np.cumsum(step_mw[order]) - step_mw[order]
    taken = np.zeros(step_mw.size)
    taken[order] = np.clip(load_mw.sum() - before, 0.0, step_mw[order])
    injection = np.bincount(step_bus, weights=taken, minlength=load_mw.size) - load_mw
    flows = np.clip(factors @ injection, -grid.rating_mw, grid.rating_mw)
    weight = grid.resistance_pu / layout.BASE_MVA
    return 2.0 * (factors.T @ (weight * flows)), float((weight * flows * flows).sum())


def _not_started(seed: int, at_s: int) -> NDArray[np.bool_]:
    """Return which units (n_unit,) fail to start in the hour of `at_s`; only turbines and oil units can."""
    units = fleet.fleet()
    keys = noise.stream_keys(seed=seed, names=tuple(f"start:{name}" for name in units.names))
    failed = np.zeros(len(units.names), dtype=np.bool_)
    quick = units.of(fleet.Technology.GAS_TURBINE, fleet.Technology.OIL)
    failed[quick] = noise.uniform(keys, index=at_s // HOUR_S)[quick] < START_FAILURE_CHANCE
    return failed


def _ramp_room(seed: int, at_s: int) -> FloatArray:
    """Return the share of each unit's capacity (n_unit,) within its ramp in five minutes; 1 but for slow units."""
    units = fleet.fleet()
    keys = noise.stream_keys(seed=seed, names=("ramp", "strain", "strain-size"))
    lost = min(max(float(noise.smooth(keys, at_s=at_s, layers=RAMP_LAYERS)[0]), 0.0), RAMP_LIMIT)
    _, chance, size = noise.uniform(keys, index=at_s // STRAIN_BLOCK_S).tolist()
    if chance < STRAIN_CHANCE:
        lost += STRAIN_SHARES[0] + STRAIN_SHARES[1] * size
    room = np.ones(len(units.names))
    room[units.of(fleet.Technology.COAL, fleet.Technology.GAS_COMBINED_CYCLE)] = 1.0 - lost
    return room


def _middle_s(interval: DeliveryInterval) -> int:
    """Return the middle of the interval in whole seconds since 1970."""
    return int((interval.start + interval.length / 2).timestamp())


def _require_real_time(interval: DeliveryInterval) -> DeliveryInterval:
    """Return the interval if it is one of the five-minute grid."""
    step_s = REAL_TIME_MINUTES * 60
    if interval.length != timedelta(seconds=step_s) or interval.start.timestamp() % step_s:
        raise MarketTimeError(
            found=f"{interval}",
            allowed=f"{REAL_TIME_MINUTES} minutes that begin at a multiple of {REAL_TIME_MINUTES} minutes",
            remedy="round the start down to the grid",
        )
    return interval


def _local_instant(day: date, hour: int) -> datetime:
    """Return the UTC instant of a whole hour of the market's clock; the hours used here exist on every day."""
    return CALENDARS[MARKET].resolve_local(datetime.combine(day, time(hour))).astimezone(UTC)
