"""Local stamps of a file to UTC row by row: what the zone does not decide becomes a rejected row, never a guess."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

import numpy as np

from powerdesk.kernel import local_times
from powerdesk.kernel.local_times import LocalTimeError

if TYPE_CHECKING:
    from numpy.typing import NDArray


def by_flag(
    local: NDArray[np.datetime64], *, zone: str, repeated: NDArray[np.bool_]
) -> tuple[NDArray[np.datetime64], NDArray[np.bool_]]:
    """Return UTC instants (n,) and which are decided, where `repeated` says daylight time is over (EST, PST)."""
    usable = ~np.isnat(local)
    usable[usable] = ~skipped(local[usable], zone=zone)
    utc = np.full(local.shape, np.datetime64("NaT", "us"))
    if usable.any():
        utc[usable] = local_times.local_to_utc(local[usable], zone=zone, ambiguity=repeated[usable])
    return utc, usable


def by_sequence(
    local: NDArray[np.datetime64], *, zone: str, series: NDArray[np.int64], not_after: datetime | None
) -> tuple[NDArray[np.datetime64], NDArray[np.bool_]]:
    """Return UTC instants (n,) and which are decided, where only the order of the rows of a series can tell.

    Newest first is an order too; rows of the day in no order decide nothing.
    """
    usable = ~np.isnat(local)
    usable[usable] = ~skipped(local[usable], zone=zone)
    utc = np.full(local.shape, np.datetime64("NaT", "us"))
    twice = np.zeros(local.shape, dtype=bool)
    twice[usable] = occurs_twice(local[usable], zone=zone)
    once = usable & ~twice
    if once.any():
        utc[once] = local_times.local_to_utc(local[once], zone=zone, ambiguity="refuse")
    if not twice.any():
        return utc, usable
    days = local.astype("datetime64[D]")
    near = usable & np.isin(days, np.unique(days[twice]))
    for code in np.unique(series[twice]):
        rows = np.flatnonzero(near & (series == code))
        steps = np.diff(local[rows]).astype(np.int64)
        if (steps < 0).sum() > (steps > 0).sum():
            rows = rows[::-1]
        try:
            found = local_times.local_to_utc(local[rows], zone=zone, ambiguity="sequence", not_after=not_after)
            decided = bool((np.diff(found).astype(np.int64) >= 0).all())
        except LocalTimeError:
            decided = False
        if decided:
            utc[rows] = found
        else:
            usable[rows[twice[rows]]] = False
    return utc, usable


def latest_reading(local: datetime, *, zone: str) -> np.datetime64:
    """Return the later UTC instant that a naive wall-clock time can mean: an upper bound never looks ahead."""
    aware = local.replace(tzinfo=local_times.zone_of(zone), fold=1)
    return np.datetime64(aware.astimezone(UTC).replace(tzinfo=None), "us")


def midnight_before(instant: np.datetime64, *, zone: str) -> np.datetime64:
    """Return the last local midnight that lies before `instant`, in UTC."""
    info = local_times.zone_of(zone)
    earlier = instant.astype("datetime64[us]").item().replace(tzinfo=UTC) - timedelta(microseconds=1)
    midnight = datetime.combine(earlier.astimezone(info).date(), time(), info)
    return np.datetime64(midnight.astimezone(UTC).replace(tzinfo=None), "us")


def midnight_after(instant: np.datetime64, *, zone: str) -> np.datetime64:
    """Return the UTC instant at which the local day of `instant` ends."""
    info = local_times.zone_of(zone)
    local = instant.astype("datetime64[us]").item().replace(tzinfo=UTC).astimezone(info)
    after = datetime.combine(local.date() + timedelta(days=1), time(), info)
    return np.datetime64(after.astimezone(UTC).replace(tzinfo=None), "us")


def skipped(local: NDArray[np.datetime64], *, zone: str) -> NDArray[np.bool_]:
    """Tell which wall-clock times (n,), none NaT, the clock skips."""
    result = np.zeros(local.shape, dtype=bool)
    for low, high in _windows(local, zone=zone, repeated=False):
        result |= (local >= low) & (local < high)
    return result


def occurs_twice(local: NDArray[np.datetime64], *, zone: str) -> NDArray[np.bool_]:
    """Tell which wall-clock times (n,), none NaT, the clock shows twice."""
    result = np.zeros(local.shape, dtype=bool)
    for low, high in _windows(local, zone=zone, repeated=True):
        result |= (local >= low) & (local < high)
    return result


def _windows(local: NDArray[np.datetime64], *, zone: str, repeated: bool) -> list[tuple[np.datetime64, np.datetime64]]:
    """Return the half-open wall-clock spans that are repeated (or skipped) in the years of `local`."""
    if not local.size:
        return []
    first, last = (
        int(year) + 1970 for year in np.array([local.min(), local.max()]).astype("datetime64[Y]").astype(int)
    )
    spans: list[tuple[np.datetime64, np.datetime64]] = []
    for year in range(first, last + 1):
        for change in local_times.transitions(zone, year):
            walls = sorted((change.at_us + change.before_us, change.at_us + change.after_us))
            if (change.after_us < change.before_us) == repeated:
                spans.append((np.datetime64(walls[0], "us"), np.datetime64(walls[1], "us")))
    return spans
