"""Which expected intervals are missing, and what becomes of gaps that were open before. Pure.

A cell counts as there when present rows of its series cover at least half of it: dispatch runs out of turn start
between the whole five minutes.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from powerdesk.kernel import calendars
from powerdesk.markets.types import Coverage, Gap

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from powerdesk.store.dataset import Dataset

ABSENT = "absent"
"""The source answered without these intervals though they were due."""
REJECTED = "rejected"
"""The payload had rows that could not be used; its findings say why."""
NOBODY = "*"
"""Series of a gap where no series is known."""
_RUN_COLUMNS = ("market_run", "forecast_run")
_HOUR_US = 3_600_000_000
_SLIVER = timedelta(seconds=90)
"""A remainder shorter than this is the edge of a dispatch out of turn, not a missing interval."""


@dataclass(frozen=True, slots=True)
class Spans:
    """Intervals present per (dataset, market, run, series): microseconds since 1970, start and end, sorted by start."""

    by_series: Mapping[tuple[str, str, str, str], tuple[NDArray[np.int64], NDArray[np.int64]]]

    def of(self, dataset: str, market: str, run: str, series: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return (start, end) of one series, empty when it has none."""
        nothing = np.empty(0, dtype=np.int64)
        return self.by_series.get((dataset, market, run, series), (nothing, nothing))

    def series(self, dataset: str, market: str, run: str) -> tuple[str, ...]:
        """Return the series of a dataset, market and run."""
        return tuple(sorted(key[3] for key in self.by_series if key[:3] == (dataset, market, run)))


def spans(tables: Mapping[str, pa.Table]) -> Spans:
    """Return what the tables of a payload (or of the store) hold. O(n log n)."""
    found: dict[tuple[str, str, str, str], tuple[NDArray[np.int64], NDArray[np.int64]]] = {}
    for dataset, table in tables.items():
        if not table.num_rows or not {"location", "interval_end"} <= set(table.column_names):
            continue  # nothing of it is owed by interval and location
        start = table.column("interval_start").cast(pa.int64()).to_numpy()
        end = table.column("interval_end").cast(pa.int64()).to_numpy()
        names = [name for name in ("market", *_RUN_COLUMNS, "location", "fuel") if name in table.column_names]
        codes, keys = _coded(table, names)
        order = np.lexsort((start, codes))
        bounds = np.flatnonzero(np.r_[True, np.diff(codes[order]) != 0, True])
        for first, last in itertools.pairwise(bounds):
            rows = order[first:last]
            key = keys[int(codes[rows[0]])]
            run = next((key[name] for name in _RUN_COLUMNS if name in key), "")
            series = f"{key['location']}/{key['fuel']}" if "fuel" in key else key["location"]
            found[(dataset, key["market"], run, series)] = (start[rows], end[rows])
    return Spans(found)


def _coded(table: pa.Table, names: Sequence[str]) -> tuple[NDArray[np.int64], list[dict[str, str]]]:
    key = np.zeros(table.num_rows, dtype=np.int64)
    for name in names:
        column = pc.dictionary_encode(table.column(name).combine_chunks())
        column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        key = key * max(len(column.dictionary), 1) + column.indices.to_numpy(zero_copy_only=False)
    _, first, codes = np.unique(key, return_index=True, return_inverse=True)
    return codes.astype(np.int64), table.select(list(names)).take(pa.array(first)).to_pylist()


def due(coverage: Coverage, *, dataset: Dataset, now: datetime) -> Coverage:
    """Return the part of a coverage that the source should have published by `now`; it may be empty (start = end).

    Forecasts are due as soon as they are asked for. For the rest the dataset's publication rule decides, or the end
    of the interval where the rule is silent, plus the time after which the dataset counts as late.
    """
    if "forecast_run" in dataset.key:
        return coverage
    starts = _grid(coverage)
    if not starts.size:
        return coverage
    rows = pa.table(
        {
            **{name: pa.repeat("", starts.size) for name in dataset.key},
            "market": pa.repeat(coverage.market, starts.size),
            **({"market_run": pa.repeat(coverage.market_run, starts.size)} if "market_run" in dataset.key else {}),
            "interval_start": _instants(starts),
            "interval_end": _instants(starts + _micros(coverage.step)),
        }
    )
    ruled = dataset.publication.instants(rows).cast(pa.int64())
    at = pc.fill_null(ruled, -1).to_numpy(zero_copy_only=False)
    at = np.where(at < 0, starts + _micros(coverage.step), at) + _micros(dataset.freshness.late_after)
    ready = starts[at <= _stamp(now)]
    end = coverage.start if not ready.size else _instant(int(ready.max()) + _micros(coverage.step))
    return replace(coverage, end=min(end, coverage.end))


def owed(present: Spans, *, now: datetime, forecasts: Container[str]) -> tuple[Coverage, ...]:
    """Return what a file that nobody asked for owes: per run and each series it names, the operating days it is about.

    Markets publish files of whole days, some of one hour, so one that begins late or ends early lacks something. It is
    about a day when it holds more of it than one interval at its edge. A day of `forecasts` that is not over is owed as
    far as the file goes, since what was foretold by then is not known; of other datasets `due` cuts off what is not
    published yet.
    The step is the most frequent length, the longest of equals.
    """
    found = []
    for dataset, market, run in sorted({key[:3] for key in present.by_series}):
        series = present.series(dataset, market, run)
        bounds = [present.of(dataset, market, run, one) for one in series]
        start, end = (np.concatenate(part) for part in zip(*bounds, strict=True))
        lengths, counts = np.unique(end - start, return_counts=True)
        step = int(lengths[::-1][counts[::-1].argmax()])
        first, last = -(-int(start.min()) // step) * step, int(end.max()) // step * step
        begin, finish = _days(market, int(start.min()), int(end.max()), step)
        if dataset in forecasts and finish > now:
            finish = _instant(last)
        span = (min(begin, _instant(first)), max(finish, _instant(last)))
        found.append(Coverage(dataset, market, run, series, *span, timedelta(microseconds=step)))
    return tuple(found)


def _days(market: str, first: int, last: int, step: int) -> tuple[datetime, datetime]:
    """Return the bounds of the operating days that [first, last) is about: one interval over the edge is of none.

    What lies within one clock hour, in shorter steps, is about that hour: some reports come hour by hour.
    """
    hour = first // _HOUR_US * _HOUR_US
    if step < _HOUR_US and last <= hour + _HOUR_US:
        return _instant(hour), _instant(hour + _HOUR_US)
    edge = step if last - first > 2 * step else 0
    calendar = calendars.calendar_of(market)
    begin = calendar.day_interval(calendar.operating_day(_instant(first + edge)))
    finish = calendar.day_interval(calendar.operating_day(_instant(last - edge - 1)))
    return begin.start, finish.end


def holds(stored: Spans, present: Spans, *, coverage: Coverage) -> bool:
    """Tell whether every interval that is present of a coverage's series is stored."""
    scope = (coverage.dataset, coverage.market, coverage.market_run)
    return all(bool(np.isin(present.of(*scope, name)[0], stored.of(*scope, name)[0]).all()) for name in coverage.series)


def missing(coverage: Coverage, *, present: Spans, reason: str, detail: str) -> tuple[Gap, ...]:
    """Return the cells of a coverage that `present` does not hold, neighbours joined. O(series x cells)."""
    starts = _grid(coverage)
    if not starts.size:
        return ()
    scope = (coverage.dataset, coverage.market, coverage.market_run)
    series = coverage.series or present.series(*scope) or (NOBODY,)
    step = _micros(coverage.step)
    return tuple(
        Gap(*scope, name, _instant(first), _instant(last + step), reason, detail)
        for name in series
        for first, last in _runs(starts[_uncovered(starts, step, *present.of(*scope, name))], step)
    )


def _uncovered(
    starts: NDArray[np.int64], step: int, first: NDArray[np.int64], last: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Tell which cells [start, start + step) are covered by less than half."""
    if not first.size:
        return np.ones(starts.shape, dtype=bool)
    absent = ~np.isin(starts, first)
    if absent.any():
        edge = np.maximum.accumulate(np.r_[first[0], last])
        low, high = np.maximum(first, edge[:-1]), edge[1:]
        covered = np.r_[0, np.cumsum(high - low)]
        knots = np.r_[low[0], np.column_stack([low, high]).ravel()].astype(np.float64)
        totals = np.r_[0, np.column_stack([covered[:-1], covered[1:]]).ravel()].astype(np.float64)
        cells = starts[absent].astype(np.float64)
        share = np.interp(cells + step, knots, totals) - np.interp(cells, knots, totals)
        absent[absent] = share < step / 2
    return absent


@dataclass(frozen=True, slots=True)
class OpenGap:
    """A gap as kept: its number and since when it is known."""

    number: int
    since: datetime
    gap: Gap


@dataclass(frozen=True, slots=True)
class Settled:
    """What to write: gaps to close by number, gaps to open with their `since` (None: now)."""

    close: tuple[int, ...]
    open: tuple[tuple[Gap, datetime | None], ...]


def settle(known: Iterable[OpenGap], *, present: Spans, coverage: Sequence[Coverage], fresh: Sequence[Gap]) -> Settled:
    """Return how open gaps change when rows arrive: filled parts close, asked-again parts take the newest reason."""
    closed: list[OpenGap] = []
    opened: list[tuple[Gap, datetime | None]] = []
    held: set[Gap] = set()
    for one in known:
        rest = list(_remainder(one.gap, present, coverage))
        if rest == [one.gap] or (not rest and one.gap in fresh):
            held.add(one.gap)
            continue
        closed.append(one)
        opened.extend((gap, one.since) for gap in rest)
    opened.extend((gap, _since(gap, closed)) for gap in fresh if gap not in held)
    return Settled(tuple(one.number for one in closed), tuple(opened))


def _since(gap: Gap, closed: Iterable[OpenGap]) -> datetime | None:
    """Return since when the hole is known: a gap asked again in vain keeps its age."""
    ages = [
        one.since
        for one in closed
        if (one.gap.dataset, one.gap.market, one.gap.market_run) == (gap.dataset, gap.market, gap.market_run)
        and one.gap.series in (gap.series, NOBODY)
        and one.gap.start < gap.end
        and gap.start < one.gap.end
    ]
    return min(ages, default=None)


def joined(one: Spans, other: Spans) -> Spans:
    """Return what either holds, each series sorted by start."""
    merged = dict(one.by_series)
    for key, span in other.by_series.items():
        merged[key] = _sorted_union(merged[key], span) if key in merged else span
    return Spans(merged)


def _sorted_union(
    one: tuple[NDArray[np.int64], NDArray[np.int64]], other: tuple[NDArray[np.int64], NDArray[np.int64]]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    start, end = np.r_[one[0], other[0]], np.r_[one[1], other[1]]
    order = np.argsort(start, kind="stable")
    return start[order], end[order]


def _remainder(gap: Gap, present: Spans, coverage: Sequence[Coverage]) -> Iterator[Gap]:
    """Yield what stays open: the gap without present intervals and without what was just asked again."""
    first, last = present.of(gap.dataset, gap.market, gap.market_run, gap.series)
    holes = list(zip(first.tolist(), last.tolist(), strict=True))
    scope = (gap.dataset, gap.market, gap.market_run)
    holes.extend(
        (_stamp(asked.start), _stamp(asked.end))
        for asked in coverage
        if (asked.dataset, asked.market, asked.market_run) == scope
        and (gap.series == NOBODY or not asked.series or gap.series in asked.series)
    )
    low, end = _stamp(gap.start), _stamp(gap.end)
    sliver = _micros(_SLIVER)
    touched = False
    for start, stop in sorted(holes):
        if stop <= low or start >= end:
            continue
        touched = True
        if start - low > sliver:
            yield replace(gap, start=_instant(low), end=_instant(start))
        low = max(low, stop)
    if not touched:
        yield gap
    elif end - low > sliver:
        yield replace(gap, start=_instant(low))


def _runs(starts: NDArray[np.int64], step: int) -> Iterator[tuple[int, int]]:
    """Yield (first, last) start of each run of neighbouring cells."""
    if not starts.size:
        return
    cuts = np.flatnonzero(np.diff(starts) != step) + 1
    for part in np.split(starts, cuts):
        yield int(part[0]), int(part[-1])


def _grid(coverage: Coverage) -> NDArray[np.int64]:
    return np.arange(_stamp(coverage.start), _stamp(coverage.end), _micros(coverage.step), dtype=np.int64)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def _stamp(instant: datetime) -> int:
    return (instant - _EPOCH) // _MICROSECOND


def _instant(stamp: int) -> datetime:
    return _EPOCH + stamp * _MICROSECOND


def _micros(length: timedelta) -> int:
    return length // _MICROSECOND


def _instants(stamps: NDArray[np.int64]) -> pa.Array:
    return pa.array(stamps).cast(pa.timestamp("us", tz="UTC"))
