"""What any forecast must beat: the state at the origin, the same hour yesterday, and how often it was so.

All raise PanelError when no interval is known at the origin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from powerdesk.grid.forecast import panel as panels
from powerdesk.grid.forecast import severity, terms
from powerdesk.grid.forecast.binding import Forecast
from powerdesk.grid.recovery.types import PanelError

if TYPE_CHECKING:
    from powerdesk.grid.forecast.panel import Panel
    from powerdesk.grid.types import FloatArray, IntArray

RECENT_DAYS = 30


def persistence(*, panel: Panel, zone: str, known_us: int, ahead_us: tuple[int, int]) -> Forecast:
    """Return the shadow prices of the last interval known at the origin, as certain."""
    del zone
    past, start = _past(panel, known_us, ahead_us)
    return _certain(past, known_us, start, np.broadcast_to(past.shadow_price[-1], (start.size, len(past.constraints))))


def yesterday(*, panel: Panel, zone: str, known_us: int, ahead_us: tuple[int, int]) -> Forecast:
    """Return the shadow prices at the same local time of the last day on which they were known, as certain."""
    past, start = _past(panel, known_us, ahead_us)
    slot = _slot(past, zone)
    newest = np.full(slot.max() + 1, -1)
    told = np.flatnonzero(past.published)
    newest[slot[told]] = told  # intervals are in order of time, so the last assignment stays
    wanted = panels.local_parts(start, zone=zone, minutes=panel.minutes)[1]
    at = newest[np.minimum(wanted, newest.size - 1)]
    return _certain(past, known_us, start, np.where((at >= 0)[:, None], past.shadow_price[at], 0.0))


def climatology(*, panel: Panel, zone: str, known_us: int, ahead_us: tuple[int, int]) -> Forecast:
    """Return the share of all days known on which a constraint bound at that local time, and its prices then."""
    past, start = _past(panel, known_us, ahead_us)
    return _usual(past, zone, known_us, start)


def _usual(past: Panel, zone: str, known_us: int, start: IntArray) -> Forecast:
    """Return climatology of all of a panel; of one without intervals, that nothing ever binds."""
    slot = _slot(past, zone)
    slots = panels.DAY_US // (past.minutes * panels.MINUTE_US)
    days = np.bincount(slot[past.published], minlength=slots)
    bound = np.stack([(np.abs(past.shadow_price[slot == one]) > 0.0).sum(axis=0) for one in range(slots)])
    wanted = panels.local_parts(start, zone=zone, minutes=past.minutes)[1]
    chance = np.divide(bound, days[:, None], out=np.zeros(bound.shape), where=days[:, None] > 0)
    return Forecast(
        known_us, past.minutes, start, past.constraints, chance[wanted], _values(past, slot, slots)[wanted], 0.0
    )


def recent(*, panel: Panel, zone: str, known_us: int, ahead_us: tuple[int, int]) -> Forecast:
    """Return the climatology of the last RECENT_DAYS: harder to beat where constraints come and go."""
    past, start = _past(panel, known_us, ahead_us)
    return _usual(past.since(known_us - RECENT_DAYS * panels.DAY_US), zone, known_us, start)


def _values(past: Panel, slot: IntArray, slots: int) -> FloatArray:
    """Return quantiles (n_slot, k, N_VALUE) of what each constraint had when it bound at that time; 0 where never."""
    interval, constraint = np.nonzero(np.nan_to_num(past.shadow_price))
    if not interval.size:
        return np.zeros((slots, len(past.constraints), severity.N_VALUE))
    value = past.shadow_price[interval, constraint]
    cell = slot[interval] * len(past.constraints) + constraint
    order = np.lexsort((value, cell))
    cell, value = cell[order], value[order]
    begin = np.searchsorted(cell, np.arange(slots * len(past.constraints) + 1))
    count = np.diff(begin)
    at = begin[:-1, None] + np.floor(severity.LEVELS * count[:, None]).astype(np.int64)
    out = np.where((count > 0)[:, None], value[np.minimum(at, value.size - 1)], 0.0)
    return np.asarray(out.reshape(slots, len(past.constraints), severity.N_VALUE))


def _past(panel: Panel, known_us: int, ahead_us: tuple[int, int]) -> tuple[Panel, IntArray]:
    origin, past = np.array([known_us], dtype=np.int64), panel.until(known_us)
    if not past.start_us.size:
        raise PanelError(
            found="no interval known at the origin", allowed="one at least", remedy="wait for history, or back-fill it"
        )
    return past, terms.targets(origins_us=origin, ahead_us=ahead_us, minutes=panel.minutes)[0]


def _slot(past: Panel, zone: str) -> IntArray:
    return panels.local_parts(past.start_us, zone=zone, minutes=past.minutes)[1]


def _certain(past: Panel, known_us: int, start: IntArray, price: FloatArray) -> Forecast:
    chance = (price != 0.0).astype(np.float64)
    return Forecast(known_us, past.minutes, start, past.constraints, chance, np.asarray(price)[:, :, None], 0.0)
