"""What is known at an origin about each constraint, as columns of a regression: how often, how lately, at which hours.

Every column for an origin is made of intervals known by then, so that a fit on past origins and a forecast from the
present one look at the same things. Shares are weighted by age (half-lives in days) and drawn to the constraint's own
share over the whole day; the recent ones are smoothed over neighbouring intervals of the day.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import signal, special

from powerdesk.grid.forecast import panel as panels

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from powerdesk.grid.forecast.known import Features
    from powerdesk.grid.forecast.panel import Panel
    from powerdesk.grid.types import FloatArray, IntArray

NAMES = (
    "constant",
    "lately at this hour",
    "usually at this hour",
    "usually on such a day",
    "in the last days",
    "in the last hours",
    "at the origin, fading",
    "at this hour yesterday",
    "at this hour the day before",
    "at this hour a week ago",
    "time since it bound",
)
EXPECTED = np.array([0.0, 0.5, 0.5, *[0.0] * (len(NAMES) - 3)])
"""Coefficients without data: the odds are those of the two shares at this hour, half and half."""

LATELY_DAYS, USUALLY_DAYS, SUCH_A_DAY_DAYS = 4.0, 20.0, 28.0
LAST_DAYS_HOURS, LAST_HOURS_HOURS, FADING_HOURS = 48.0, 6.0, 6.0
SMOOTHED, EXACT = (0.25, 0.5, 0.25), (0.0, 1.0, 0.0)
"""Weights of the interval of the day before, the one asked for, and the one after."""

PRIOR_DAYS = 1.0
"""Days' worth of the constraint's share over the whole day that are mixed into its share at an hour."""

LEAST_SHARE = 1e-4
NOTHING = 1e-9
"""Spread over the mean that is rounding."""
FARTHEST = 3.0
"""Features from outside count as far as three standard deviations from their mean."""


@dataclass(frozen=True, eq=False, slots=True)
class Terms:
    """Columns x (n_origin, n_target, n_constraint, n_column) for intervals start_us (n_origin, n_target).

    `bound_before` (n_origin, n_constraint) tells which had bound by the origin.
    """

    start_us: IntArray
    x: FloatArray
    bound_before: FloatArray


@dataclass(frozen=True, eq=False, slots=True)
class Scale:
    """Mean and standard deviation (f,) of features from outside, over the origins fitted on."""

    mean: FloatArray
    spread: FloatArray


@dataclass(frozen=True, eq=False, slots=True)
class _Days:
    """Bound (n_day, n_slot, k), NaN where not published, when known (n_day, n_slot), and which days are weekend."""

    first: int
    bound: NDArray[np.float32]
    known_us: IntArray
    weekend: FloatArray


@dataclass(frozen=True, eq=False, slots=True)
class _Wanted:
    """Per origin: last day known of each slot (n_origin, n_slot), targets' slots, share over the day, (.., 1, k)."""

    last: IntArray
    slot: IntArray
    base: FloatArray


def targets(*, origins_us: IntArray, ahead_us: tuple[int, int], minutes: int) -> IntArray:
    """Return the intervals (n_origin, n_target) that begin from ahead_us[0] up to before ahead_us[1] after origins."""
    length = minutes * panels.MINUTE_US
    first = -(-(origins_us + ahead_us[0]) // length) * length
    count = (ahead_us[1] - ahead_us[0]) // length
    return np.asarray(first[:, None] + length * np.arange(count), dtype=np.int64)


def at_origins(panel: Panel, *, origins_us: IntArray, start_us: IntArray, zone: str) -> Terms:
    """Return the columns `NAMES` for targets start_us (n_origin, n_target) of a panel's constraints.

    O(n_interval k + n_origin n_target k).
    """
    bound = np.where(panel.published[:, None], panel.shadow_price != 0.0, np.nan).astype(np.float32)
    day, slot, weekend = panels.local_parts(start_us, zone=zone, minutes=panel.minutes)
    days = _days(panel, bound, zone)
    last = _last_day(days, origins_us)
    overall = _recent(bound, panel, origins_us)
    base = overall[0].clip(LEAST_SHARE, 1.0)[:, None, :]
    wanted = _Wanted(last, slot, base)
    shares = [_share(days.bound, LATELY_DAYS, wanted, SMOOTHED), _share(days.bound, USUALLY_DAYS, wanted, EXACT)]
    alike = [_share(_only(days, kind), SUCH_A_DAY_DAYS, wanted, SMOOTHED) for kind in (0.0, 1.0)]
    alike_share = np.where(weekend[:, :, None], alike[1], alike[0])
    fading = np.exp(-(start_us - origins_us[:, None]) / panels.HOUR_US / FADING_HOURS)[:, :, None]
    at = np.take_along_axis(last, slot, axis=1)
    lags = [_at(days, at - back, slot) for back in (0, 1)] + [_at(days, (day - days.first) - 7, slot, at)]
    long = np.broadcast_to(_log_odds(base), shares[0].shape)
    short, since, now = (np.broadcast_to(one[:, None, :], shares[0].shape) for one in overall[1:4])
    columns = (
        np.ones(shares[0].shape),
        _log_odds(shares[0]),
        _log_odds(shares[1]),
        _log_odds(alike_share) - _log_odds(shares[1]),
        long,
        _log_odds(short),
        now * fading,
        *(np.where(np.isnan(lag), shares[0], lag) for lag in lags),  # unpublished: as usual of late
        since,
    )
    return Terms(start_us, np.stack(columns, axis=3), np.isfinite(overall[4]).astype(np.float64))


def outside(features: Features, *, start_us: IntArray, origins_us: IntArray) -> FloatArray:
    """Return the features (n_origin, n_target, f) as known at the origins, NaN where unknown."""
    origin = np.broadcast_to(origins_us[:, None], start_us.shape)
    found = features.as_of(start_us=start_us.ravel(), origin_us=origin.ravel())
    return found.reshape(*start_us.shape, len(features.names))


def scale_of(values: FloatArray) -> Scale:
    """Return mean and spread of features (..., f); without end where one is never known or never changes."""
    flat = values.reshape(int(np.prod(values.shape[:-1])), values.shape[-1])
    known = ~np.isnan(flat)
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, flat, 0.0).sum(axis=0) / count
    spread = np.sqrt(np.square(np.where(known, flat - mean, 0.0)).sum(axis=0) / count)
    return Scale(mean, np.where(spread > NOTHING * np.abs(mean), spread, np.inf))  # nothing was learned: counts as mean


def scaled(values: FloatArray, scale: Scale) -> FloatArray:
    """Return features in standard deviations and their squares less 1 (..., 2 f); unknown counts as usual."""
    unit = ((values - scale.mean) / scale.spread).clip(-FARTHEST, FARTHEST)
    square = np.where(np.isinf(scale.spread), 0.0, np.square(unit) - 1.0)
    return np.asarray(np.nan_to_num(np.concatenate((unit, square), axis=-1)))


def _log_odds(share: FloatArray) -> FloatArray:
    return np.asarray(special.logit(share.clip(LEAST_SHARE, 1.0 - LEAST_SHARE)))


def _days(panel: Panel, bound: NDArray[np.float32], zone: str) -> _Days:
    """Return the panel by local day and interval of the day; of an hour that the clock repeats, the second counts."""
    day, slot, weekend = panels.local_parts(panel.start_us, zone=zone, minutes=panel.minutes)
    first, count = int(day[0]), int(day[-1] - day[0]) + 1
    slots = panels.DAY_US // (panel.minutes * panels.MINUTE_US)
    out = np.full((count, slots, bound.shape[1]), np.nan, dtype=np.float32)
    known = np.full((count, slots), panels.NEVER_US, dtype=np.int64)
    out[day - first, slot] = bound
    known[day - first, slot] = panel.known_us
    kind = np.zeros(count)
    kind[day - first] = weekend
    return _Days(first, out, known, kind)


def _only(days: _Days, kind: float) -> NDArray[np.float32]:
    return np.where((days.weekend == kind)[:, None, None], days.bound, np.float32(np.nan))


def _last_day(days: _Days, origins_us: IntArray) -> IntArray:
    """Return the last day (n_origin, n_slot) whose interval was known at each origin, -1 where none was."""
    known = days.known_us[None] <= origins_us[:, None, None]
    back = np.argmax(known[:, ::-1], axis=1)
    return np.where(known.any(axis=1), known.shape[1] - 1 - back, -1)


def _faded(values: NDArray[np.float32], half_life: float) -> tuple[FloatArray, FloatArray]:
    """Return sums along the first axis of what is there and of its weights, both fading by the half-life in steps."""
    keep = 0.5 ** (1.0 / half_life)
    there = ~np.isnan(values)
    top = signal.lfilter([1.0], [1.0, -keep], np.where(there, values, np.float32(0.0)), axis=0)
    return top, signal.lfilter([1.0], [1.0, -keep], there.astype(np.float32), axis=0)


def _share(
    bound: NDArray[np.float32], half_life: float, wanted: _Wanted, smoothing: tuple[float, float, float]
) -> FloatArray:
    """Return the weighted share of days on which each constraint bound at the targets' interval of the day."""
    top, weight = (_smoothed(one, wanted, smoothing) for one in _faded(bound, half_life))
    return np.asarray((top + PRIOR_DAYS * wanted.base) / (weight + PRIOR_DAYS))


def _smoothed(values: FloatArray, wanted: _Wanted, smoothing: tuple[float, float, float]) -> FloatArray:
    """Return what each slot had on its last day known, and its neighbours on theirs, at the targets' slots."""
    have = (wanted.last >= 0)[:, :, None]
    held = np.where(have, values[wanted.last, np.arange(values.shape[1])], 0.0)
    before, here, after = smoothing
    mixed = before * np.roll(held, 1, axis=1) + here * held + after * np.roll(held, -1, axis=1)
    return np.asarray(mixed[np.arange(len(wanted.slot))[:, None], wanted.slot])


def _at(days: _Days, day: IntArray, slot: IntArray, newest: IntArray | None = None) -> FloatArray:
    """Return whether the constraints bound on a day (n_origin, n_target) at a slot, NaN before the panel or unknown."""
    there = day >= 0 if newest is None else (day >= 0) & (day <= newest)
    return np.where(there[:, :, None], days.bound[day.clip(min=0, max=len(days.bound) - 1), slot], np.nan)


def _recent(bound: NDArray[np.float32], panel: Panel, origins_us: IntArray) -> tuple[FloatArray, ...]:
    """Return per origin and constraint: share in the last days, in the last hours, log of days since it bound, state.

    The last of them is the interval in which it last bound, NaN where it never had.
    """
    per_hour = 60.0 / panel.minutes
    known = panel.known_us[None, :] <= origins_us[:, None]
    last = np.where(known.any(axis=1), known.shape[1] - 1 - np.argmax(known[:, ::-1], axis=1), 0)
    shares = []
    for hours in (LAST_DAYS_HOURS, LAST_HOURS_HOURS):
        top, weight = _faded(bound, hours * per_hour)
        shares.append(top[last] / np.maximum(weight[last], 1e-9))
    place = np.arange(len(bound), dtype=np.float64)[:, None]
    met = np.maximum.accumulate(np.where(bound == 1.0, place, -1.0), axis=0)[last]
    since = np.log1p((last[:, None] - met) / (24.0 * per_hour))
    state = np.nan_to_num(bound[last])
    return shares[0], shares[1], since, state.astype(np.float64), np.where(met >= 0.0, met, np.nan)
