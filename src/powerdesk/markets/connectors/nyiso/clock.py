"""NYISO's clock: stamps to UTC row by row, and labels to half-open intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from powerdesk.markets import repeats, stamps, wall_clock

if TYPE_CHECKING:
    from datetime import datetime

    from numpy.typing import NDArray

    from powerdesk.kernel.problem import Finding
    from powerdesk.markets import sheets

STAMP, ZONE_COLUMN = "Time Stamp", "Time Zone"
ZONE = "America/New_York"
_STANDARD, _DAYLIGHT = "EST", "EDT"
_LATE = np.timedelta64(60, "s")
"""A regular dispatch may run late by some seconds: 301 to 304 s were seen, then 600 s where one is missing."""
_HOUR_US = 3_600_000_000


@dataclass(frozen=True, slots=True)
class Placed:
    """Usable rows: `at` (m,) into the sheet, their UTC label (m,), their series code (m,), and what was refused."""

    at: NDArray[np.int64]
    utc: NDArray[np.datetime64]
    series: NDArray[np.int64]
    findings: tuple[Finding, ...] = ()
    rejected: int = 0

    def only(self, keep: NDArray[np.int64]) -> Placed:
        """Return the chosen rows (k,)."""
        return Placed(self.at[keep], self.utc[keep], self.series[keep], self.findings, self.rejected)


def place(
    sheet: sheets.Sheet,
    *,
    stamp: str,
    series: str | None,
    zone: str | None,
    valid: NDArray[np.bool_] | None,
    not_after: datetime | None,
) -> Placed:
    """Return rows with a decided instant, a name and a valid value; every other row is in a finding."""
    codes, texts = sheet.codes(stamp)
    local = np.r_[stamps.local(texts), np.array(["NaT"], dtype="datetime64[us]")][codes]
    names = np.zeros(local.shape, dtype=np.int64) if series is None else sheet.codes(series)[0]
    if zone is None:
        utc, decided = wall_clock.by_sequence(local, zone=ZONE, series=names, not_after=not_after)
    else:
        utc, decided = _by_abbreviation(sheet, local, zone)
    readable = ~np.isnat(local)
    valued = np.ones(local.shape, dtype=bool) if valid is None else valid
    checks = (
        (~readable, f"no readable {stamp}", "local stamps such as 02/19/2025 00:05:00"),
        (readable & ~decided, "a local time that its zone does not decide", "times that occur, told apart where twice"),
        (readable & decided & (names < 0), "an empty name", "a name"),
        (readable & decided & (names >= 0) & ~valued, "no value", "a finite number"),
    )
    findings = tuple(
        finding for bad, found, allowed in checks for finding in sheet.faults(np.flatnonzero(bad), found, allowed)
    )
    at = np.flatnonzero(readable & decided & (names >= 0) & valued)
    return Placed(at, utc[at], names[at], findings, int(local.size - at.size))


@dataclass(frozen=True, slots=True)
class Kept:
    """Rows left after repetitions and contradictions within the file."""

    placed: Placed
    duplicates: int
    rejected: int
    findings: tuple[Finding, ...]


def distinct(sheet: sheets.Sheet, placed: Placed, numbers: NDArray[np.float64]) -> Kept:
    """Return the placed rows with one row per series and instant; those that differ in `numbers` (n, k) are out."""
    _, instants = np.unique(placed.utc, return_inverse=True)
    resolved = repeats.resolve(repeats.key_of(instants, placed.series), numbers[placed.at])
    findings = sheet.faults(
        placed.at[resolved.conflicts], "rows that contradict another row about the same key", "one value per key"
    )
    return Kept(placed.only(resolved.keep), resolved.duplicates, int(resolved.conflicts.size), findings)


def _by_abbreviation(
    sheet: sheets.Sheet, local: NDArray[np.datetime64], zone: str
) -> tuple[NDArray[np.datetime64], NDArray[np.bool_]]:
    """Return UTC instants and which rows name the zone that was in force."""
    codes, names = sheet.codes(zone)
    texts = [(name or "").strip() for name in names]
    standard = np.array([text == _STANDARD for text in texts] + [False])[codes]
    daylight = np.array([text == _DAYLIGHT for text in texts] + [False])[codes]
    utc, decided = wall_clock.by_flag(local, zone=ZONE, repeated=standard)
    offset_h = np.where(standard, 5, 4) * np.timedelta64(_HOUR_US, "us")
    return utc, decided & (standard | daylight) & (utc - local == offset_h)


def has_seconds(sheet: sheets.Sheet, stamp: str) -> bool:
    """Tell whether the stamps carry seconds."""
    return stamps.with_seconds(sheet.codes(stamp)[1])


def whole_hours(utc: NDArray[np.datetime64]) -> bool:
    """Tell whether every instant is a whole hour."""
    return bool((utc.astype("datetime64[us]").astype(np.int64) % _HOUR_US == 0).all())


def ending_at(
    label: NDArray[np.datetime64], series: NDArray[np.int64], *, step: np.timedelta64
) -> tuple[NDArray[np.datetime64], NDArray[np.datetime64]]:
    """Return (start, end) of intervals that end at their label: each begins where the one before it ended.

    Where the one before is missing, or ended more than `step` and a minute ago, the interval is `step` long, but not
    longer than its operating day: a file holds one day and does not show how the day before ended.
    """
    order, follows = _in_order(label, series)
    gap = np.r_[np.timedelta64(0, "us"), np.diff(label[order])]
    known = follows & (gap <= step + _LATE)
    alone, at = np.unique(label[order][~known], return_inverse=True)
    midnights = np.array([wall_clock.midnight_before(one, zone=ZONE) for one in alone], dtype="datetime64[us]")
    gap[~known] = np.minimum(step.astype("timedelta64[us]"), (alone - midnights)[at])
    start = np.empty_like(label)
    start[order] = label[order] - gap
    return start, label


def starting_at(
    label: NDArray[np.datetime64], series: NDArray[np.int64], *, step: np.timedelta64
) -> tuple[NDArray[np.datetime64], NDArray[np.datetime64]]:
    """Return (start, end) of intervals that begin at their label and last until the next one, at most `step`."""
    order, follows = _in_order(label, series)
    gap = np.r_[np.diff(label[order]), np.timedelta64(0, "us")]
    followed = np.r_[follows[1:], False] if follows.size else follows
    length = np.where(followed & (gap <= step + _LATE), gap, step.astype("timedelta64[us]"))
    end = np.empty_like(label)
    end[order] = label[order] + length
    return label, end


def _in_order(label: NDArray[np.datetime64], series: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the order by series and time, and which rows in it follow a row of their own series."""
    order = np.lexsort((label, series))
    sorted_series = series[order]
    return order, np.r_[False, sorted_series[1:] == sorted_series[:-1]][: label.size]


def end_of_first_day(utc: NDArray[np.datetime64]) -> np.datetime64:
    """Return the midnight, New York time, that ends the operating day of the earliest instant."""
    if not utc.size:
        return np.datetime64("NaT", "us")
    return wall_clock.midnight_after(utc.min(), zone=ZONE)
