"""Fit and forecast: the chance that each constraint binds, and its shadow price when it does.

    P(binding) by a regression of all constraints with own departures x quantiles of past shadow prices

`fit` learns from past origins, a day apart, that looked as far ahead; `predict` looks from a new one. Neither sees
anything that was known later than the `known_us` it is given.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from powerdesk.grid.forecast import known, logistic, severity, terms
from powerdesk.grid.forecast import panel as panels
from powerdesk.grid.recovery.types import PanelError

if TYPE_CHECKING:
    from powerdesk.grid.forecast.known import Features
    from powerdesk.grid.forecast.panel import Panel
    from powerdesk.grid.forecast.terms import Scale
    from powerdesk.grid.types import FloatArray, IntArray

MEMORY_DAYS, TRAINING_DAYS = 90, 60
"""Constraints that have not bound for MEMORY_DAYS are dormant; past origins of TRAINING_DAYS are learned from."""

TRAINING_HALF_LIFE_DAYS = 30.0
OBSERVATIONS_PER_DAY = 2.0
"""What a day of intervals counts as: they go together. Of 24, 6 and 2, 2 was best on April and May of CAISO's 2025."""

OWN_TERMS = (0, 1)
"""Columns whose coefficient each constraint has of its own, besides those from outside."""


@dataclass(frozen=True, eq=False, slots=True)
class Model:
    """What was learned: shared coefficients (p,), departures (k, q) by constraint, and the scale of what is outside."""

    zone: str
    ahead_us: tuple[int, int]
    constraints: tuple[str, ...]
    fitted: logistic.Fitted
    own: IntArray
    scale: Scale
    dormant: float


@dataclass(frozen=True, eq=False, slots=True)
class Forecast:
    """For intervals start_us (m,) of `minutes` and constraints (k,): probability (m, k) and values (m, k, v) if bound.

    The values are signed as the panel's, rise, and have equal weight. `dormant` is the chance per interval of every
    other constraint that once bound.
    """

    known_us: int
    minutes: int
    start_us: IntArray
    constraints: tuple[str, ...]
    probability: FloatArray
    values: FloatArray
    dormant: float


def fit(*, panel: Panel, zone: str, known_us: int, ahead_us: tuple[int, int], features: Features = known.NONE) -> Model:
    """Return the model learned from what was known at an instant, to look from ahead_us[0] to ahead_us[1] ahead.

    `zone` says where hours of day are counted. Raises PanelError below two days or without any binding.
    """
    _check_ahead(ahead_us, panel.minutes)
    past = panel.until(known_us)
    cut = known_us - MEMORY_DAYS * panels.DAY_US
    recent = past.since(cut).until(known_us)
    step = np.arange(1, TRAINING_DAYS + 1) * panels.DAY_US
    origins = known_us - step[known_us - step > (recent.start_us[0] if recent.start_us.size else known_us)]
    if not origins.size or not recent.constraints:
        raise PanelError(
            found=f"{past.start_us.size} intervals known, {len(recent.constraints)} constraints that bound in them",
            allowed="at least two days with some constraint that bound",
            remedy="wait for history, or back-fill it",
        )
    start = terms.targets(origins_us=origins, ahead_us=ahead_us, minutes=panel.minutes)
    found = terms.at_origins(recent, origins_us=origins, start_us=start, zone=zone)
    raw = terms.outside(features, start_us=start, origins_us=origins)
    scale = terms.scale_of(raw)
    columns = _with_outside(found.x, terms.scaled(raw, scale))
    event = _outcomes(recent, start)
    usable = ~np.isnan(event) & (found.bound_before[:, None, :] > 0.0)
    group = np.broadcast_to(np.arange(len(recent.constraints)), event.shape)
    order = np.argsort(group[usable], kind="stable")
    age = np.broadcast_to(((known_us - origins) / panels.DAY_US)[:, None, None], event.shape)
    n_outside = columns.shape[3] - found.x.shape[3]
    per_day = panels.DAY_US // (panel.minutes * panels.MINUTE_US)
    own = np.array([*OWN_TERMS, *range(found.x.shape[3], found.x.shape[3] + n_outside)], dtype=np.int64)
    fitted = logistic.fit(
        x=columns[usable][order],
        own=own,
        group=group[usable][order],
        n_group=len(recent.constraints),
        event=event[usable][order],
        expected=np.concatenate((terms.EXPECTED, np.zeros(n_outside))),
        weight=np.exp2(-age[usable][order] / TRAINING_HALF_LIFE_DAYS) * (OBSERVATIONS_PER_DAY / per_day),
    )
    return Model(zone, ahead_us, recent.constraints, fitted, own, scale, _dormant(past, zone))


def predict(model: Model, *, panel: Panel, known_us: int, features: Features = known.NONE) -> Forecast:
    """Return the forecast from an instant for the constraints that bound in the last MEMORY_DAYS known by then.

    A constraint that the model has not met has no departures of its own. Raises PanelError when nothing is known.
    """
    recent = panel.until(known_us).since(known_us - MEMORY_DAYS * panels.DAY_US).until(known_us)
    if not recent.constraints:
        raise PanelError(
            found="no constraint that bound", allowed="history with some binding", remedy="wait for it or back-fill"
        )
    origin = np.array([known_us], dtype=np.int64)
    start = terms.targets(origins_us=origin, ahead_us=model.ahead_us, minutes=panel.minutes)
    found = terms.at_origins(recent, origins_us=origin, start_us=start, zone=model.zone)
    raw = terms.outside(features, start_us=start, origins_us=origin)
    unit = terms.scaled(raw, model.scale)
    columns = _with_outside(found.x, unit)[0]
    place = {name: at for at, name in enumerate(model.constraints)}
    at = np.array([place.get(name, -1) for name in recent.constraints])
    own = np.where((at >= 0)[:, None], model.fitted.own[at], 0.0)
    odds = columns @ model.fitted.shared + np.einsum("mkq,kq->mk", columns[:, :, model.own], own)
    seen = _seen(recent, model, features, known_us)
    slot = panels.local_parts(start[0], zone=model.zone, minutes=panel.minutes)[1]
    values = severity.quantiles(
        seen,
        hour=slot * panel.minutes / 60.0,
        features=unit[0][:, : raw.shape[2]],
        n_constraint=len(recent.constraints),
    )
    chance = np.asarray(special.expit(odds))
    return Forecast(known_us, panel.minutes, start[0], recent.constraints, chance, values, model.dormant)


def _check_ahead(ahead_us: tuple[int, int], minutes: int) -> None:
    first, last = ahead_us
    if not 0 <= first < first + minutes * panels.MINUTE_US <= last <= first + panels.DAY_US:
        raise PanelError(
            found=f"{minutes} minutes from {first / panels.HOUR_US} to {last / panels.HOUR_US} h ahead",
            allowed="a window of one interval up to a day that begins at or after the origin",
            remedy="make one forecast per day ahead",
        )


def _with_outside(x: FloatArray, unit: FloatArray) -> FloatArray:
    """Return columns with the features from outside appended, the same for every constraint."""
    if not unit.shape[2]:
        return x
    shape = (*x.shape[:3], unit.shape[2])
    return np.concatenate((x, np.broadcast_to(unit[:, :, None, :], shape)), axis=3)


def _outcomes(panel: Panel, start_us: IntArray) -> FloatArray:
    """Return whether the constraints bound (..., k) in intervals, NaN where that is not known."""
    at = ((start_us - panel.start_us[0]) // (panel.minutes * panels.MINUTE_US)).astype(np.int64)
    there = (at >= 0) & (at < panel.start_us.size)
    price = panel.shadow_price[at.clip(0, panel.start_us.size - 1)]
    return np.where(there[..., None] & ~np.isnan(price), (price != 0.0).astype(np.float64), np.nan)


def _seen(panel: Panel, model: Model, features: Features, known_us: int) -> severity.Seen:
    """Return the panel's values other than 0 by constraint, with the features forecast as far ahead."""
    constraint, interval = np.nonzero(np.nan_to_num(panel.shadow_price).T)
    slot = panels.local_parts(panel.start_us, zone=model.zone, minutes=panel.minutes)[1]
    raw = features.as_of(start_us=panel.start_us, origin_us=panel.start_us - model.ahead_us[0])
    unit = np.nan_to_num((raw - model.scale.mean) / model.scale.spread).clip(-terms.FARTHEST, terms.FARTHEST)
    return severity.Seen(
        value=panel.shadow_price[interval, constraint],
        constraint=constraint.astype(np.int64),
        hour=slot[interval] * panel.minutes / 60.0,
        age_days=(known_us - panel.start_us[interval]) / panels.DAY_US,
        features=unit[interval],
    )


def _dormant(past: Panel, zone: str) -> float:
    """Return the share of intervals in which constraints bound that had not for MEMORY_DAYS, over the days known."""
    day, _, _ = panels.local_parts(past.start_us, zone=zone, minutes=past.minutes)
    begin = np.flatnonzero(np.diff(day, prepend=day[0] - 1))
    count = np.add.reduceat((np.abs(past.shadow_price) > 0.0).astype(np.float64), begin, axis=0)
    days = np.arange(len(count))[:, None]
    last = np.maximum.accumulate(np.where(count > 0.0, days, -1), axis=0)
    before = np.concatenate((np.full((2, count.shape[1]), -1), last))[: len(count)]  # as known a day ahead
    asleep = (before >= 0) & (days - before > MEMORY_DAYS)
    room = asleep.sum() * (panels.DAY_US // (past.minutes * panels.MINUTE_US))
    return float(((count * asleep).sum() + 0.5) / (room + 1e4))
