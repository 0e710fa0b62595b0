"""Completeness and freshness: what was expected, what is there, and every gap between them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from powerdesk.store import schema

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime, timedelta

    from powerdesk.store.dataset import Dataset, Freshness

MICROSECONDS_PER_MINUTE = 60_000_000
ALL_SERIES = "*"


class FreshnessState(StrEnum):
    """How the newest row stands against the dataset's own rule."""

    OK = "ok"
    LATE = "late"
    STALE = "stale"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Gap:
    """Intervals that were due and are not there: one series, or all of a group (`series` is '*')."""

    group: tuple[str, ...]
    series: tuple[str, ...]
    start: datetime
    end: datetime
    intervals: int


@dataclass(frozen=True, slots=True)
class GroupQuality:
    """One group of series with a common cadence (a market's run): cells due, cells there, gaps."""

    group: tuple[str, ...]
    minutes: int
    series: int
    expected: int
    present: int
    newest_end: datetime | None
    """End of the newest interval begun by the cut that any series has; None when none in the span has."""
    gaps: tuple[Gap, ...]

    @property
    def completeness(self) -> float | None:
        """Present / expected; None when nothing was due."""
        return self.present / self.expected if self.expected else None


def freshness_state(rule: Freshness, *, age: timedelta | None) -> FreshnessState:
    """Return the state for the age of the newest row; None means there is none."""
    if age is None:
        return FreshnessState.NEVER
    if age > rule.stale_after:
        return FreshnessState.STALE
    return FreshnessState.LATE if age > rule.late_after else FreshnessState.OK


def quality(
    dataset: Dataset, *, keys: pa.Table, series: pa.Table, start: datetime, end: datetime, as_of: datetime
) -> tuple[GroupQuality, ...]:
    """Compare the cells present in [start, end) with those due by `as_of`, group by group.

    `keys` holds the key columns of the rows present (any order, no repetition), `series` the series known at the cut
    (distinct series keys): a series seen before is expected again. An interval is due when the publication rule's
    instant for it plus the dataset's `late_after` has passed. O(series x intervals) bits of memory.
    """
    cadence = dataset.cadence
    if cadence is None:
        return ()
    places = _places(keys.select(dataset.series_key), series.select(dataset.series_key))
    times = keys.column(dataset.time_column).cast(pa.int64()).to_numpy()
    result = []
    for group, minutes in cadence.minutes.items():
        members = _members(series, cadence.by, group)
        if len(members):
            number = np.full(series.num_rows + 1, -1)  # the last is for keys of no series
            number[members] = np.arange(len(members))
            codes = number[places]
            inside = np.flatnonzero(codes >= 0)
            cells = (codes[inside], times[inside])
            wanted = series.take(pa.array(members))
            result.append(_group_quality(dataset, group, minutes, cells, wanted, (start, end, as_of)))
    return tuple(result)


def _members(series: pa.Table, by: tuple[str, ...], group: tuple[str, ...]) -> np.ndarray:
    """Return which series belong to a group."""
    chosen = np.ones(series.num_rows, dtype=bool)
    for name, value in zip(by, group, strict=True):
        chosen &= pc.equal(series.column(name), value).to_numpy()
    return np.flatnonzero(chosen)


def _group_quality(
    dataset: Dataset,
    group: tuple[str, ...],
    minutes: int,
    cells: tuple[np.ndarray, np.ndarray],
    series: pa.Table,
    span: tuple[datetime, datetime, datetime],
) -> GroupQuality:
    """Judge one group by its `cells`: number of the series and start in microseconds of each row present."""
    starts = _due(dataset, series.slice(0, 1), minutes, span)
    codes = tuple(zip(*(series.column(n).to_pylist() for n in dataset.series_key), strict=True))
    present = np.zeros((len(codes), len(starts)), dtype=bool)
    row_codes, times = cells
    step = minutes * MICROSECONDS_PER_MINUTE
    slots = np.searchsorted(starts, times, side="right") - 1
    inside = slots >= 0
    inside[inside] &= times[inside] < starts[slots[inside]] + step  # an irregular run within the slot fills it
    present[row_codes[inside], slots[inside]] = True
    gaps = tuple(_gaps(group, codes, present, starts, step))
    begun = times[times <= pa.scalar(span[2], type=schema.INSTANT).value]
    return GroupQuality(
        group=group,
        minutes=minutes,
        series=len(codes),
        expected=present.size,
        present=int(present.sum()),
        newest_end=_instant(int(begun.max()) + step) if len(begun) else None,
        gaps=gaps,
    )


def _places(rows: pa.Table, among: pa.Table) -> np.ndarray:
    """Return for each row where the same values stand in `among`, whose rows are distinct; -1 when nowhere."""
    known, wanted = np.zeros(among.num_rows, np.int64), np.zeros(rows.num_rows, np.int64)
    for name in among.column_names:
        words = pc.unique(among.column(name))
        here = pc.index_in(among.column(name), value_set=words).to_numpy().astype(np.int64)
        there = pc.fill_null(pc.index_in(rows.column(name), value_set=words), -1).to_numpy()
        packed, known = np.unique(known * len(words) + here, return_inverse=True)
        wanted = np.where((wanted < 0) | (there < 0), -1, wanted * len(words) + there)
        at = np.minimum(np.searchsorted(packed, wanted), len(packed) - 1)
        wanted = np.where(packed[at] == wanted, at, -1)
    place = np.empty(among.num_rows, np.int64)
    place[known] = np.arange(among.num_rows)
    return np.where(wanted < 0, -1, place[wanted])


def _due(dataset: Dataset, sample: pa.Table, minutes: int, span: tuple[datetime, datetime, datetime]) -> np.ndarray:
    """Return the starts, in microseconds, of the intervals in the span that were due at its as_of."""
    start, end, as_of = (pa.scalar(instant, type=schema.INSTANT).value for instant in span)
    step = minutes * MICROSECONDS_PER_MINUTE
    starts = np.arange(-(-start // step) * step, end, step, dtype=np.int64)
    if len(starts) == 0:
        return starts
    columns = {name: pa.repeat(sample.column(name)[0], len(starts)) for name in dataset.series_key}
    columns[dataset.time_column] = pa.array(starts).cast(schema.INSTANT)
    columns[dataset.end_column] = pa.array(starts + step).cast(schema.INSTANT)
    ruled = dataset.publication.instants(pa.table(columns))
    known = np.asarray(pc.is_valid(ruled).to_numpy(zero_copy_only=False), dtype=bool)
    stamps = pc.fill_null(ruled.cast(pa.int64()), 0).to_numpy(zero_copy_only=False)
    due_at = np.where(known, stamps, starts + step)
    allowance = int(dataset.freshness.late_after.total_seconds() * 1_000_000)
    return np.asarray(starts[due_at + allowance <= as_of])


def _gaps(
    group: tuple[str, ...], series: tuple[tuple[str, ...], ...], present: np.ndarray, starts: np.ndarray, step: int
) -> Iterator[Gap]:
    """Yield gaps of the whole group first, then those of single series outside them."""
    nobody = np.asarray(~present.any(axis=0))
    for first, last in _runs(nobody):
        yield _gap(group, (ALL_SERIES,), starts, first, last, step)
    for code in np.flatnonzero((~present & ~nobody).any(axis=1)):
        for first, last in _runs(np.asarray(~present[code] & ~nobody)):
            yield _gap(group, series[code], starts, first, last, step)


def _runs(missing: np.ndarray) -> Iterator[tuple[int, int]]:
    """Yield (first, last) of each run of True."""
    edges = np.diff(np.r_[0, missing.astype(np.int8), 0])
    yield from zip(np.flatnonzero(edges == 1).tolist(), (np.flatnonzero(edges == -1) - 1).tolist(), strict=True)


def _gap(group: tuple[str, ...], series: tuple[str, ...], starts: np.ndarray, first: int, last: int, step: int) -> Gap:
    return Gap(
        group=group,
        series=series,
        start=_instant(int(starts[first])),
        end=_instant(int(starts[last]) + step),
        intervals=last - first + 1,
    )


def _instant(micros: int) -> datetime:
    instant: datetime = pa.scalar(micros, type=schema.INSTANT).as_py()
    return instant
