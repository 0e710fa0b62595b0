"""The newest rows of a table in memory, so that what a desk asks most is answered without the database.

Rows lie in numpy arrays in the order of appending, beside an index sorted by label and time. A `Recent` never changes
for its readers: an append writes behind the rows they know of and gives a new one. It holds every row with a time of
`from_us` or later, every row with a commit past `after_commit`, and so every row that no sorted part holds yet.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from powerdesk.engines.embedded import tables_order
from powerdesk.engines.embedded.tables_layout import LABEL, Layout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy.typing as npt

    Rows = npt.NDArray[np.intp]

EVERYTHING = -(1 << 63)
TIME_BITS = 33
TIME_MASK = (1 << TIME_BITS) - 1
BASE_S = -(1 << 32)
"""The index counts whole seconds from 1833 and is clipped after 2105: coarse, so times are compared once more."""
CAPACITY_MIN = 1 << 10
FEW_LABELS = 8
"""So few are sooner looked up one by one."""
ANSWERS_MAX = 1 << 10
SCANNED_PER_LABEL = 64  # so many labels cost as much to look up as one row costs to scan


@dataclass(frozen=True, slots=True)
class Column:
    """One stored column: values, of which readers see the first so many; validity only once a null came."""

    values: npt.NDArray[Any]
    valid: npt.NDArray[np.bool_] | None = None
    words: dict[str, int] | None = None
    """Of a text column, whose values are codes, -1 for null: text to code, growing."""
    room: float = 2.0
    """How far an array grows at a time; it differs by column, so that not all are copied during one append."""

    def extended(self, count: int, rows: pa.ChunkedArray) -> Column:
        """Return the column with `rows` behind the first `count` values."""
        values, valid = self._plain(rows)
        known = self.valid
        if known is None and valid is not None:
            known = np.ones(count, np.bool_)
        if known is not None:
            present = np.ones(len(values), np.bool_) if valid is None else valid
            known = _written(known, count, present, self.room)
        return replace(self, values=_written(self.values, count, values, self.room), valid=known)

    def _plain(self, rows: pa.ChunkedArray) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_] | None]:
        if self.words is not None:
            encoded = pc.dictionary_encode(rows).combine_chunks()
            codes = [self.words.setdefault(word, len(self.words)) for word in encoded.dictionary.to_pylist()]
            at = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
            return np.array([*codes, -1], np.int32)[at], None  # -1 looks up the last
        valid = None
        if rows.null_count:
            valid = rows.is_valid().to_numpy()
            rows = rows.fill_null(False if pa.types.is_boolean(rows.type) else _zero(rows.type))
        if pa.types.is_timestamp(rows.type):
            rows = rows.cast(pa.int64())
        return rows.to_numpy(), valid

    def kept(self, rows: Rows) -> Column:
        """Return the column with the chosen rows only."""
        valid = None if self.valid is None else self.valid[rows]
        if self.words is None:
            values = _written(self.values[:0], 0, self.values[rows], self.room)
            return replace(self, values=values, valid=valid)
        texts = list(self.words)
        used, values = np.unique(self.values[rows], return_inverse=True)
        words = {texts[code]: n for n, code in enumerate(used[used >= 0])}
        return replace(self, values=(values - int((used < 0).any())).astype(np.int32), words=words)

    def arrow(self, rows: Rows, kind: pa.DataType) -> pa.Array:
        """Return the values of the chosen rows."""
        values = self.values.take(rows)
        if self.words is not None:
            texts = list(self.words)
            if len(texts) > len(values):
                return pa.array([None if code < 0 else texts[code] for code in values.tolist()], pa.string())
            return pa.array(texts, pa.string()).take(pa.array(values, mask=values < 0))
        valid = None if self.valid is None else self.valid.take(rows)
        if values.dtype != np.bool_ and (valid is None or valid.all()):
            return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(values)])
        array = pa.array(values, mask=None if valid is None else ~valid)
        return array if array.type == kind else array.cast(kind)


@dataclass(frozen=True, slots=True)
class Segment:
    """Rows sorted by label and time; `keys` holds both in one number."""

    keys: npt.NDArray[np.int64]
    rows: npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Recent:
    """What is held of one table; safe to read from any thread."""

    layout: Layout
    columns: dict[str, Column]
    count: int = 0
    segments: tuple[Segment, ...] = ()
    from_us: int = EVERYTHING
    after_commit: int = 0
    last_commit: int = 0
    answers: dict[tuple[int, tuple[str, ...]], pa.Table] = field(default_factory=dict)
    """Single rows as they were answered before, by row and columns; a row never changes."""

    def values(self, name: str, rows: Rows) -> npt.NDArray[Any]:
        """Return the plain values of a column that has no nulls; instants in microseconds."""
        found: npt.NDArray[Any] = self.columns[name].values.take(rows)
        return found

    def arrays(self, rows: Rows, names: Sequence[str]) -> dict[str, pa.Array]:
        """Return the chosen rows' stored columns `names`."""
        rows = rows.astype(np.intp, copy=False)
        kinds = self.layout.stored_types
        return {name: self.columns[name].arrow(rows, kinds[name]) for name in names}

    def extended(self, stored: pa.Table) -> Recent:
        """Return this and more rows (stored columns). Only one thread may write, and only to the newest."""
        if not stored.num_rows:
            return self
        columns = {name: self.columns[name].extended(self.count, stored.column(name)) for name in self.columns}
        count = self.count + stored.num_rows
        more = replace(self, columns=columns, count=count, last_commit=pc.max(stored.column("commit")).as_py())
        segments = [*self.segments, more.segment(np.arange(self.count, count))]
        while len(segments) > 1 and len(segments[-2].rows) <= 2 * len(segments[-1].rows):
            segments[-2:] = [_merged(segments[-2], segments[-1])]
        return replace(more, segments=tuple(segments))

    def segment(self, rows: Rows) -> Segment:
        """Return an index of the rows."""
        labels = self.columns[LABEL].values[rows]
        times = self.columns[self.layout.spec.time_column].values[rows]
        keys = (labels.astype(np.int64) << TIME_BITS) | _seconds(times)
        order = np.argsort(keys, kind="stable")
        return Segment(keys[order], rows[order].astype(np.int32))

    def shrunk(self, count: int, *, settled: int) -> Recent:
        """Return about `count` of the rows, the latest times; rows with commits past `settled` all stay."""
        times = self.columns[self.layout.spec.time_column].values[: self.count]
        commits = self.columns["commit"].values[: self.count]
        from_us = EVERYTHING
        if count < self.count:
            from_us = int(np.partition(times, self.count - count - 1)[self.count - count - 1]) + 1
        stays = (times >= from_us) | (commits > settled)
        gone = int(commits[~stays].max(initial=0))
        rows = self.segment(np.flatnonzero(stays)).rows.astype(
            np.intp
        )  # in their order, so that those of a series lie together
        less = replace(
            self,
            columns={name: column.kept(rows) for name, column in self.columns.items()},
            count=len(rows),
            segments=(),
            from_us=max(from_us, self.from_us),
            after_commit=max(gone, self.after_commit),
            answers={},
        )
        return replace(less, segments=(less.segment(np.arange(less.count)),))

    def answered(self, row: int, names: tuple[str, ...], make: Callable[[], pa.Table]) -> pa.Table:
        """Return what `make` returns for this row and these columns, made once."""
        known = self.answers.get((row, names))
        if known is None:
            if len(self.answers) >= ANSWERS_MAX:
                self.answers.clear()
            known = self.answers[row, names] = make()
        return known

    def rows_of(self, labels: Rows | None, *, label_count: int, start_us: int | None, end_us: int | None) -> Rows:
        """Return the rows of the labels (all when None) with start <= time < end."""
        times = self.columns[self.layout.spec.time_column].values
        if labels is None and start_us is None and end_us is None:
            return np.concatenate([np.zeros(0, np.int32), *(segment.rows for segment in self.segments)])
        codes = np.arange(label_count) if labels is None else labels
        if len(codes) * SCANNED_PER_LABEL > self.count:
            allowed = np.zeros(label_count, np.bool_)
            allowed[codes] = True
            rows = np.flatnonzero(allowed[self.columns[LABEL].values[: self.count]])
        else:
            low = (codes << TIME_BITS) | _second(start_us, 0)
            high = (codes << TIME_BITS) | _second(None if end_us is None else end_us - 1, TIME_MASK)
            found = [
                segment.rows[
                    tables_order.spans(segment.keys.searchsorted(low), segment.keys.searchsorted(high, "right"))
                ]
                for segment in self.segments
            ]
            rows = np.concatenate([np.zeros(0, np.int32), *found])
        if start_us is not None:
            rows = rows[times[rows] >= start_us]
        return rows if end_us is None else rows[times[rows] < end_us]

    def newest_of(self, labels: Rows | None, *, label_count: int, end_us: int | None) -> Rows:
        """Return, of each of the labels, the rows in its last second before `end`, if that is not before `from_us`."""
        codes = np.arange(label_count) if labels is None else labels
        high = (codes << TIME_BITS) | _second(None if end_us is None else end_us - 1, TIME_MASK)
        find = self._newest_of_each if len(codes) <= FEW_LABELS else self._newest_of_all
        rows = np.concatenate([np.zeros(0, np.int32), *find(codes, high)])
        times = self.columns[self.layout.spec.time_column].values[rows]
        reached: Rows = rows[times >= self.from_us]
        return reached if end_us is None else reached[times[times >= self.from_us] < end_us]

    def _newest_of_each(self, codes: Rows, high: npt.NDArray[np.int64]) -> Iterator[npt.NDArray[np.int32]]:
        """Yield the rows of each label with its greatest key up to `high`."""
        for code, highest in zip(codes.tolist(), high.tolist(), strict=True):
            newest = code << TIME_BITS
            ends: list[tuple[Segment, Any]] = []
            for segment in self.segments:
                end = segment.keys.searchsorted(highest, "right")
                key = int(segment.keys[end - 1]) if end else -1
                if key >= newest:
                    ends = [*ends, (segment, end)] if key == newest else [(segment, end)]
                    newest = key
            for segment, end in ends:
                yield segment.rows[segment.keys.searchsorted(newest) : end]

    def _newest_of_all(self, codes: Rows, high: npt.NDArray[np.int64]) -> Iterator[npt.NDArray[np.int32]]:
        """Yield the same rows, looking all labels up at once."""
        newest = np.full(len(codes), -1, np.int64)
        for segment in self.segments:
            at = segment.keys.searchsorted(high, "right") - 1
            key = segment.keys[np.maximum(at, 0)]
            newest = np.maximum(newest, np.where((at >= 0) & (key >> TIME_BITS == codes), key, -1))
        newest = newest[newest >= 0]
        for segment in self.segments:
            first, end = segment.keys.searchsorted(newest), segment.keys.searchsorted(newest, "right")
            yield segment.rows[tables_order.spans(first, end)]

    def rows_between(self, after: int, upto: int) -> Rows:
        """Return the rows with after < commit <= upto."""
        commits = self.columns["commit"].values[: self.count]
        return np.flatnonzero((commits > after) & (commits <= upto))


def least(column: pa.ChunkedArray) -> int:
    """Return the smallest value."""
    found: int = pc.min(column).as_py()
    return found


def empty(layout: Layout) -> Recent:
    """Return what is held of a table without rows."""
    columns = {}
    kinds = layout.stored_types
    for number, (name, kind) in enumerate(kinds.items()):
        text = pa.types.is_string(kind)
        of = np.int32 if text else np.int64 if pa.types.is_timestamp(kind) else kind.to_pandas_dtype()
        room = 1.5 + number / len(kinds)
        columns[name] = Column(np.empty(0, of), None, {} if text else None, room)
    return Recent(layout, columns)


def _zero(kind: pa.DataType) -> pa.Scalar:
    return pa.scalar(0, pa.int64()).cast(kind)


def _written(array: npt.NDArray[Any], count: int, values: npt.NDArray[Any], room: float) -> npt.NDArray[Any]:
    """Return an array that begins as `array` does and goes on with `values` after `count`; grown when full."""
    end = count + len(values)
    if end > len(array):
        grown = np.empty(max(int(end * room), CAPACITY_MIN), array.dtype)  # what is not written takes no memory
        grown[:count] = array[:count]
        array = grown
    array[count:end] = values
    return array


def _merged(one: Segment, other: Segment) -> Segment:
    keys = np.concatenate([one.keys, other.keys])
    order = np.argsort(keys, kind="stable")  # two runs in order: linear
    return Segment(keys[order], np.concatenate([one.rows, other.rows])[order])


def _seconds(times_us: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    return np.clip(times_us // tables_order.SECOND_US - BASE_S, 0, TIME_MASK)


def _second(time_us: int | None, otherwise: int) -> int:
    if time_us is None:
        return otherwise
    return min(max(time_us // tables_order.SECOND_US - BASE_S, 0), TIME_MASK)
