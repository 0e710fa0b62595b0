"""Units as arrays by interval (n, n_unit): limits in MW, ramps per interval, lengths in intervals, cost by segments.

A start or stop limit below the minimum counts as the minimum. Lengths of up and down times are rounded up to intervals.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from powerdesk.grid.commitment_case import CommitmentCase, Cost, Unit
    from powerdesk.grid.types import BoolArray, FloatArray, IntArray

WHOLE_TOLERANCE = 1e-9
"""Hours that miss a whole number of intervals by less are whole: they come from divisions by 60."""

CHORD_TOLERANCE = 3e-5
"""Largest error of a chord of a quadratic cost, as a share of the cost at maximum."""

MOST_CHORDS = 64
SLOPE_TOLERANCE = 1e-9
"""A slope that falls by less, relatively, does not fall: published points are rounded."""


@dataclass(frozen=True, eq=False, slots=True)
class Fleet:
    """`was_on` is 1, 0 or NaN (unknown) before the first interval, `before_mw` the output then, NaN where unknown.

    Cost of a running unit in USD per interval: `least_usd` at its minimum, then `slope` for each MW of the segments
    `width_mw` (n, n_unit, k), padded by segments of no width. `chord_error_usd` (n, n_unit) is how far the segments may
    be above the cost they stand for. `hours_off` (n_unit,) before the first interval, infinite where unknown.
    """

    low: FloatArray
    high: FloatArray
    start_limit: FloatArray
    stop_limit: FloatArray
    ramp_up: FloatArray
    ramp_down: FloatArray
    up_steps: IntArray
    down_steps: IntArray
    was_on: FloatArray
    before_mw: FloatArray
    hours_off: FloatArray
    on_least: FloatArray
    on_most: FloatArray
    least_usd: FloatArray
    width_mw: FloatArray
    slope: FloatArray
    chord_error_usd: FloatArray

    @property
    def convex(self) -> BoolArray:
        """Which units' segments rise in price in every interval (n_unit,)."""
        used = self.width_mw[:, :, 1:] > 0.0
        scale = SLOPE_TOLERANCE * np.abs(self.slope).max(initial=1.0)
        return np.asarray(~((np.diff(self.slope, axis=2) < -scale) & used).any(axis=(0, 2)))


def of(case: CommitmentCase, *, chord_tolerance: float = CHORD_TOLERANCE) -> Fleet:
    """Return the units of a case as arrays; chords miss a quadratic cost by that share of it at maximum at most."""
    n, units, hours = case.load_mw.shape[0], case.units, case.hours

    def by_interval(name: str) -> FloatArray:
        return np.array([getattr(one, name) for one in units], np.float64).reshape(len(units), n).T

    def single(values: list[float]) -> FloatArray:
        return np.array(values, np.float64)

    low, high = by_interval("min_mw"), by_interval("max_mw")
    told = [one.initial_hours for one in units]
    was_on = single([np.nan if one is None else float(one > 0.0) for one in told])
    up = np.array([steps(one.min_up_hours, hours) for one in units], np.int64)
    down = np.array([steps(one.min_down_hours, hours) for one in units], np.int64)
    before = single([np.nan if one.initial_mw is None else one.initial_mw for one in units])
    stop_limit = single([one.stop_limit_mw for one in units])
    fall = single([one.ramp_down_mw_per_h for one in units]) * hours
    last = np.where(was_on == 1.0, before, 0.0)
    later_limit = np.maximum(stop_limit, low.max(axis=0, initial=0.0))
    down_after = np.maximum(_coming_down(last - later_limit, fall, n), last > stop_limit + WHOLE_TOLERANCE)
    least, most = _bounds(case, was_on, down_after)
    curves = [_curves(one, low[:, at], high[:, at], hours, chord_tolerance) for at, one in enumerate(units)]
    depth = max((one[1].shape[1] for one in curves), default=1)
    return Fleet(
        low=low,
        high=high,
        start_limit=np.clip(single([one.start_limit_mw for one in units])[None, :], low, high),
        stop_limit=np.clip(stop_limit[None, :], low, high),
        ramp_up=single([one.ramp_up_mw_per_h for one in units]) * hours,
        ramp_down=fall,
        up_steps=up,
        down_steps=down,
        was_on=was_on,
        before_mw=np.where(was_on == 1.0, before, np.nan),
        hours_off=single([np.inf if one is None else max(-one, 0.0) for one in told]),
        on_least=least,
        on_most=most,
        least_usd=_stacked([one[0] for one in curves], (n, len(units))),
        width_mw=_stacked([_padded(one[1], depth) for one in curves], (n, len(units), depth)),
        slope=_stacked([_padded(one[2], depth) for one in curves], (n, len(units), depth)),
        chord_error_usd=_stacked([one[3] for one in curves], (n, len(units))),
    )


def steps(length_hours: float, hours: float) -> int:
    """Return how many intervals of `hours` hold a length, at least one."""
    return max(1, int(np.ceil(length_hours / hours - WHOLE_TOLERANCE)))


def _stacked(parts: list[FloatArray], shape: tuple[int, ...]) -> FloatArray:
    return np.stack(parts, axis=1) if parts else np.zeros(shape)


def _padded(values: FloatArray, depth: int) -> FloatArray:
    return np.pad(values, ((0, 0), (0, depth - values.shape[1])))


def _coming_down(excess: FloatArray, fall: FloatArray, n: int) -> IntArray:
    """Return for how many intervals a unit must stay on to come down to its stop limit (n_unit,)."""
    above = np.nan_to_num(excess) > WHOLE_TOLERANCE
    slow = above & (fall * n <= excess)
    rounds = np.divide(excess, fall, out=np.ones(fall.size), where=above & ~slow)
    count = np.where(slow, n, np.ceil(rounds - WHOLE_TOLERANCE))
    return np.where(above, np.maximum(count, 1.0), 0.0).astype(np.int64)


def _bounds(case: CommitmentCase, was_on: FloatArray, coming_down: IntArray) -> tuple[FloatArray, FloatArray]:
    """Return the least and most of each unit's state (n, n_unit): orders, and what is left of up and down times."""
    n, hours = case.load_mw.shape[0], case.hours
    least, most = np.zeros((n, len(case.units))), np.ones((n, len(case.units)))
    for at, unit in enumerate(case.units):
        least[unit.must_run, at] = 1.0
        most[unit.must_not_run, at] = 0.0
        if unit.initial_hours is None:
            continue
        if was_on[at] == 1.0:
            least[: _left(unit.min_up_hours - unit.initial_hours, hours), at] = 1.0
            least[: coming_down[at], at] = 1.0
        else:
            most[: _left(unit.min_down_hours + unit.initial_hours, hours), at] = 0.0
    return least, most


def _left(length_hours: float, hours: float) -> int:
    return max(0, int(np.ceil(length_hours / hours - WHOLE_TOLERANCE)))


def _curves(
    unit: Unit, low: FloatArray, high: FloatArray, hours: float, tolerance: float
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return cost at minimum (n,), widths and slopes (n, k), and the chords' error (n,), in USD per interval."""
    n = low.size
    varying = len(unit.costs) > 1 or np.ptp(low) > 0.0 or np.ptp(high) > 0.0
    made = [
        _curve(unit.costs[at if len(unit.costs) > 1 else 0], float(low[at]), float(high[at]), tolerance)
        for at in (range(n) if varying else (0,))
    ]
    depth = max(one[1].size for one in made)
    rows = list(range(n)) if varying else [0] * n
    return (
        hours * np.array([one[0] for one in made])[rows],
        np.array([np.pad(one[1], (0, depth - one[1].size)) for one in made])[rows],
        hours * np.array([np.pad(one[2], (0, depth - one[2].size), mode="edge") for one in made])[rows],
        hours * np.array([one[3] for one in made])[rows],
    )


def _curve(cost: Cost, low: float, high: float, tolerance: float) -> tuple[float, FloatArray, FloatArray, float]:
    """Return cost at minimum, widths and slopes (k,) and the chords' error, in USD/h; equal slopes are one segment."""
    error = 0.0
    if cost.points:
        inner = [mw for mw, _ in cost.points if low < mw < high]
        power = np.array([low, *inner, high])
    else:
        count = 1
        bend = abs(cost.quadratic_usd_per_mw2h) * (high - low) ** 2 / 4.0
        if bend > 0.0:
            allowed = tolerance * abs(float(usd_per_h(cost, np.array([high]))[0]))
            count = int(np.clip(np.ceil(np.sqrt(bend / max(allowed, bend / MOST_CHORDS**2))), 1, MOST_CHORDS))
            error = max(cost.quadratic_usd_per_mw2h, 0.0) * (high - low) ** 2 / 4.0 / count**2
        power = np.linspace(low, high, count + 1)
    at = usd_per_h(cost, power)
    width = np.diff(power)
    kept = width > 0.0
    if not kept.any():
        return float(at[0]), np.zeros(1), np.zeros(1), 0.0
    width, slope = width[kept], (np.diff(at)[kept] / width[kept])
    group = np.concatenate(([0], np.cumsum(np.abs(np.diff(slope)) > SLOPE_TOLERANCE * np.abs(slope).max())))
    joined = np.bincount(group, width).astype(np.float64)
    return float(at[0]), joined, np.bincount(group, width * slope) / joined, error


def usd_per_h(cost: Cost, power_mw: FloatArray) -> FloatArray:
    """Return a running unit's cost (k,) in USD/h at powers (k,): outer segments go on beyond their points."""
    if not cost.points:
        rest = cost.linear_usd_per_mwh + cost.quadratic_usd_per_mw2h * power_mw
        polynomial: FloatArray = cost.constant_usd_per_h + rest * power_mw
        return polynomial
    power, usd = np.array(cost.points).T
    rising = np.append(True, np.diff(power) > 0.0)
    power, usd = power[rising], usd[rising]
    if power.size == 1:
        return np.full(power_mw.shape, usd[0])
    at = np.clip(np.searchsorted(power, power_mw, side="right") - 1, 0, power.size - 2)
    slope = np.diff(usd) / np.diff(power)
    line: FloatArray = usd[at] + slope[at] * (power_mw - power[at])
    return line


def start_usd(unit: Unit, hours_off: FloatArray) -> FloatArray:
    """Return what starts after so many hours off cost (k,); less than the first entry's hours cost as the first."""
    if not unit.start_costs:
        return np.zeros(hours_off.shape)
    after = np.array([one.after_hours_off for one in unit.start_costs])
    usd = np.array([one.cost_usd for one in unit.start_costs])
    at = np.searchsorted(after, hours_off + WHOLE_TOLERANCE, side="right") - 1
    found: FloatArray = usd[np.maximum(at, 0)]
    return found
