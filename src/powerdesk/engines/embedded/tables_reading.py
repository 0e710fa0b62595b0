"""Reading beliefs: which rows are candidates, from memory or by SQL, and the choice of the one in force.

The choice is one rule. Candidates (rows within the cut) are ordered by key, then by rank of source from worst to best,
then by the clock of the cut, commit and revision; the last of each key is in force. Older parts are sorted, and say of
each row what superseded it, so that SQL has nothing to order: the rows that it finds lie in a few runs in order.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from powerdesk.engines.embedded import tables_codes, tables_order
from powerdesk.engines.embedded.tables_layout import LABEL, STAMP_COLUMNS, TAG, TAG_COLUMNS, micros

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from powerdesk.engines.embedded.tables_recent import Recent
    from powerdesk.engines.embedded.tables_scope import Scope

    Fetch = Callable[[Scope, str], pa.Table]
    Columns = dict[str, pa.Array | pa.ChunkedArray]


class Candidates(Protocol):
    """Rows that a choice is made from."""

    @property
    def count(self) -> int:
        """How many rows there are."""
        ...

    def values(self, name: str) -> npt.NDArray[Any]:
        """Return a stored column without nulls; instants as int64 microseconds."""
        ...

    def columns(self, chosen: npt.NDArray[Any] | None, names: Sequence[str]) -> Columns:
        """Return the chosen rows (all when None) of stored columns `names`."""
        ...


@dataclass(frozen=True)
class InMemory:
    """Candidates in memory: nothing is copied but what is looked at."""

    recent: Recent
    rows: npt.NDArray[Any]
    known: dict[str, npt.NDArray[Any]] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many rows there are."""
        return len(self.rows)

    def values(self, name: str) -> npt.NDArray[Any]:
        """Return a stored column without nulls; instants as int64 microseconds."""
        if name not in self.known:
            self.known[name] = self.recent.values(name, self.rows)
        return self.known[name]

    def columns(self, chosen: npt.NDArray[Any] | None, names: Sequence[str]) -> Columns:
        """Return the chosen rows (all when None) of stored columns `names`."""
        return self.recent.arrays(self.rows if chosen is None else self.rows[chosen], names)

    def kept(self, mask: npt.NDArray[np.bool_]) -> InMemory:
        """Return the rows that `mask` allows."""
        return self if mask.all() else InMemory(self.recent, self.rows[mask])


@dataclass(frozen=True)
class Fetched:
    """Candidates that came by SQL."""

    found: pa.Table

    @property
    def count(self) -> int:
        """How many rows there are."""
        return int(self.found.num_rows)

    def values(self, name: str) -> npt.NDArray[Any]:
        """Return a stored column without nulls; instants as int64 microseconds."""
        return plain(self.found.column(name))

    def columns(self, chosen: npt.NDArray[Any] | None, names: Sequence[str]) -> Columns:
        """Return the chosen rows (all when None) of stored columns `names`."""
        found = self.found.select(names)
        return columns_of(found if chosen is None else found.combine_chunks().take(pa.array(chosen)))


def candidates(scope: Scope, fetch: Fetch, names: Sequence[str], *, sql: str | None = None) -> Candidates:
    """Return the rows of the scope with stored columns `names` and those that order them; `sql` may fetch fewer."""
    if scope.in_memory:
        return in_memory(scope, _rows_in_memory(scope))
    stored = stored_names(scope, names)
    found = fetch(scope, scope.sql(stored) if sql is None else sql)
    late = unsettled(scope)
    if late.count:
        table = pa.table(late.columns(None, stored))
        found = pa.concat_tables([found.cast(table.schema), table]) if found.num_rows else table
    return Fetched(found)


def unsettled(scope: Scope) -> InMemory:
    """Return the candidates that no part holds yet."""
    recent = scope.recent
    if recent.last_commit <= scope.view.settled:
        return InMemory(recent, np.zeros(0, np.intp))
    rows = _rows_in_memory(scope)
    return in_memory(scope, rows[recent.values("commit", rows) > scope.view.settled])


def in_memory(scope: Scope, rows: npt.NDArray[Any]) -> InMemory:
    """Return those of the rows, which are of the allowed labels and span, that the scope's other conditions allow."""
    found = InMemory(scope.recent, rows)
    if scope.cut is not None:
        found = found.kept(found.values(scope.knowledge_column) <= micros(scope.cut.as_of))
        found = found.kept(found.values("commit") <= scope.cut.commit)
    if scope.commits is not None:
        found = found.kept((found.values("commit") > scope.commits[0]) & (found.values("commit") <= scope.commits[1]))
    if scope.tag_codes is not None:
        found = found.kept(np.isin(found.values(TAG), scope.tag_codes))
    if scope.revision_from:
        found = found.kept(found.values("revision") >= scope.revision_from)
    for name, allowed in scope.row_filters.items():
        values = found.columns(None, [name])[name]
        allowed_values = pa.array(list(allowed), values.type)
        found = found.kept(pc.is_in(values, value_set=allowed_values).to_numpy(zero_copy_only=False))
    return found


def key_columns(scope: Scope, of: Callable[[str], npt.NDArray[Any]], *, rising: bool = False) -> list[npt.NDArray[Any]]:
    """Return integers that order the rows, whose stored columns `of` gives, as their keys; falling when asked."""
    columns = []
    for run in scope.key_runs:
        text = run[0] in scope.layout.label_columns
        columns.append(scope.labels.ranks(run)[0][of(LABEL)] if text else of(run[0]))
    if scope.selection.descending and not rising:
        return [np.negative(_signed(column)) for column in columns]
    return columns


def belief_columns(scope: Scope, found: Candidates) -> list[npt.NDArray[Any]]:
    """Return integers that order rows of one key so that the belief in force comes last."""
    source = [scope.source_ranks[found.values(TAG)]] if scope.needs_tags else []
    return [*source, *(found.values(name) for name in (scope.knowledge_column, "commit", "revision"))]


def in_force(scope: Scope, found: Candidates) -> npt.NDArray[np.intp] | None:
    """Return which candidates are in force, in the order of the answer; None when it is all of them as they lie."""
    keys = key_columns(scope, found.values)
    chosen = None
    if found.count > 1 and not tables_order.rising(keys):
        newest = [found.values(scope.layout.spec.time_column)] if scope.by_series else []
        order, last = tables_order.ordered([*keys, *newest, *belief_columns(scope, found)], group=len(keys))
        if order is not None:
            chosen = order[last]
        elif not last.all():
            chosen = np.flatnonzero(last)
    if scope.selection.after is None:
        return chosen
    kept = np.arange(found.count) if chosen is None else chosen
    return kept[beyond(scope, lambda name: found.values(name)[kept])]


def beyond(scope: Scope, of: Callable[[str], npt.NDArray[Any]]) -> npt.NDArray[np.bool_]:
    """Tell which rows have a key past the selection's `after`."""
    given = dict(zip(scope.layout.spec.key, scope.selection.after or (), strict=True))
    keys = key_columns(scope, of, rising=True)
    past = np.zeros(len(of(LABEL)), np.bool_)
    same = ~past
    for run, column in zip(scope.key_runs, keys, strict=True):
        if run[0] in scope.layout.label_columns:
            rank, known = tables_codes.place(scope.labels.ranks(run)[1], tuple(str(given[name]) for name in run))
            value: Any = rank if known else rank - 0.5
        else:
            value = _comparable(given[run[0]])
        past |= same & (column < value if scope.selection.descending else column > value)
        same &= column == value
    return past


def plain(column: pa.ChunkedArray) -> npt.NDArray[Any]:
    """Return a column without nulls as numpy; instants as int64 microseconds."""
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())
    return np.asarray(column.to_numpy())


def answer_names(scope: Scope, names: Sequence[str]) -> tuple[str, ...]:
    """Return the stored columns that answer with `names`."""
    layout = scope.layout
    needed = {name for name in names if name in layout.stored}
    needed |= {LABEL} if any(name in layout.label_columns for name in names) else set()
    needed |= {TAG} if any(name in TAG_COLUMNS for name in names) else set()
    return tuple(name for name in layout.stored if name in needed)


def stored_names(scope: Scope, names: Sequence[str]) -> tuple[str, ...]:
    """Return the stored columns needed to answer with `names`, to tell keys apart and to order beliefs."""
    layout = scope.layout
    needed = {LABEL, *layout.plain_keys, *STAMP_COLUMNS} | {name for name in names if name in layout.stored}
    needed |= {TAG} if scope.needs_tags or any(name in TAG_COLUMNS for name in names) else set()
    return tuple(name for name in layout.stored if name in needed)


def decoded(scope: Scope, rows: Columns, names: Sequence[str]) -> pa.Table:
    """Return `rows` with codes turned to text, columns in the order of `names`."""
    columns = []
    for name in names:
        if name in scope.layout.label_columns:
            columns.append(scope.labels.decode(name, rows[LABEL]))
        elif name in TAG_COLUMNS:
            columns.append(scope.tags.decode(name, rows[TAG]))
        else:
            columns.append(rows[name])
    return pa.Table.from_arrays(columns, schema=scope.layout.arrow_schema(names))


def columns_of(rows: pa.Table) -> Columns:
    """Return the columns by name."""
    return dict(zip(rows.column_names, rows.columns, strict=True))


def matching(scope: Scope, rows: pa.Table) -> pa.Table:
    """Return the rows whose belief has the values that late filters allow."""
    for name, allowed in scope.late_filters.items():
        kind = scope.layout.arrow_schema([name]).field(name).type
        rows = rows.filter(pc.is_in(rows.column(name), value_set=pa.array(list(allowed), kind)))
    return rows


def _rows_in_memory(scope: Scope) -> npt.NDArray[Any]:
    """Return the rows in memory of the allowed labels, span and commits."""
    recent, selection = scope.recent, scope.selection
    start_us, end_us = micros(selection.start), micros(selection.end)
    if scope.commits is None:
        return recent.rows_of(scope.label_codes, label_count=len(scope.labels), start_us=start_us, end_us=end_us)
    rows = recent.rows_between(*scope.commits)
    if scope.label_codes is not None:
        rows = rows[np.isin(recent.values(LABEL, rows), scope.label_codes)]
    times = recent.values(scope.layout.spec.time_column, rows)
    allowed = np.ones(len(rows), np.bool_) if start_us is None else times >= start_us
    return rows[allowed if end_us is None else allowed & (times < end_us)]


def _signed(column: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return column if column.dtype.kind == "f" else column.astype(np.int64)


def _comparable(value: object) -> Any:
    return micros(value) if isinstance(value, datetime) else value
