"""Tables: append-only bitemporal time series, Arrow in and Arrow out.

A table holds every revision ever accepted. Rows are never changed; a read chooses, for each key, the belief in force
at a `Cut`. System columns are the same in every table and are given by the caller on append.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from powerdesk.kernel.belief import Knowledge
from powerdesk.kernel.dtypes import Dtype

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class ColumnSpec:
    """One column of a table."""

    name: str
    dtype: Dtype
    nullable: bool


SYSTEM_COLUMNS: tuple[ColumnSpec, ...] = (
    ColumnSpec("published_at", Dtype.INSTANT, nullable=False),
    ColumnSpec("published_by", Dtype.TEXT, nullable=False),  # stamp | rule | receipt
    ColumnSpec("received_at", Dtype.INSTANT, nullable=False),
    ColumnSpec("source", Dtype.TEXT, nullable=False),
    ColumnSpec(
        "stage", Dtype.TEXT, nullable=False
    ),  # the market's word: prelim, final, verified, ...; '' when it has none
    ColumnSpec("revision", Dtype.INT64, nullable=False),  # n-th belief about this key by this source, from 0
    ColumnSpec("commit", Dtype.INT64, nullable=False),  # store position, strictly increasing by batch
    ColumnSpec("reason", Dtype.TEXT, nullable=True),  # set on a retraction, whose values are null
    ColumnSpec("lineage", Dtype.TEXT, nullable=True),  # set on derived rows
)


OBJECTS_PREFIX = "tables/"
"""Objects under this prefix are an engine's own files: sealed months, which a copy of a desk makes anew."""


@dataclass(frozen=True, slots=True)
class TableSpec:
    """Name, own columns (system columns are implied), key and the instant column that orders and partitions it.

    `key` is in sort order and contains `time_column`. A cell is (key, source).
    """

    name: str
    columns: tuple[ColumnSpec, ...]
    key: tuple[str, ...]
    time_column: str = "interval_start"


@dataclass(frozen=True, slots=True)
class Cut:
    """What may be seen: `as_of` on the chosen knowledge clock (inclusive), and commit <= `commit`."""

    as_of: datetime
    commit: int
    knowledge: Knowledge = Knowledge.PUBLISHED


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rows, which columns, in which order, how many.

    `within` maps a column to the values allowed (an empty tuple selects nothing). `start` inclusive and `end`
    exclusive bound the time column. `after` is a full key: only keys strictly greater (or smaller when
    `descending`) are returned, so pages never skip or repeat. `sources` ranks sources for one key, best first:
    the first source that has a belief within the cut wins; sources not named rank last, by name.

    Filters on key columns and `source` narrow what is chosen from; filters on other columns look at the belief chosen.
    In `history` and `changes` a limit never splits a key, or a commit: fewer rows come, or a whole first group.
    """

    within: Mapping[str, tuple[str | int | bool, ...]] = field(default_factory=dict)
    start: datetime | None = None
    end: datetime | None = None
    columns: tuple[str, ...] | None = None
    after: tuple[object, ...] | None = None
    limit: int | None = None
    descending: bool = False
    sources: tuple[str, ...] = ()
    revision_from: int = 0
    """In `history` and `changes`: only rows of this revision or later; 1 leaves out what was said first."""


class Tables(Protocol):
    """Store and read revisions. Safe to call from several threads; a write is visible to the next read."""

    @property
    def shared(self) -> bool:
        """Whether several processes may use these tables at once; each read then waits for a server."""
        ...

    def version(self) -> str:
        """Ask the engine for its name and version; raise faults.EngineUnavailableError when it does not answer."""
        ...

    def define(self, spec: TableSpec) -> None:
        """Create the table if absent; add new nullable columns; raise on any other difference."""
        ...

    def append(self, table: str, *, batch_id: str, rows: pa.Table) -> bool:
        """Append own and system columns durably and atomically; return False when this batch id is already there.

        After an EngineUnavailableError the batch is wholly there or not there: append it again to know. A table has one
        writer at a time.
        """
        ...

    def rows(self, table: str, *, selection: Selection, cut: Cut) -> pa.Table:
        """Return the belief in force for each key at the cut, in key order, retractions included (values null)."""
        ...

    def latest(self, table: str, *, selection: Selection, cut: Cut) -> pa.Table:
        """Return, per series (key without time column), the row of `rows` with the greatest time, in series order."""
        ...

    def history(self, table: str, *, selection: Selection, cut: Cut) -> pa.Table:
        """Return every revision within the cut, ordered by key, source, published_at, commit."""
        ...

    def changes(self, table: str, *, after: int, upto: int, selection: Selection) -> pa.Table:
        """Return rows with after < commit <= upto in commit order, then key order."""
        ...

    def count(self, table: str, *, selection: Selection, cut: Cut) -> int:
        """Return how many rows `rows` would return without a limit; may be an upper bound by at most the revisions."""
        ...

    def in_memory(self, table: str, *, since: datetime | None) -> bool:
        """Tell, without waiting, whether this process holds all rows with a time of `since` or later (None: any time).

        Reading them then waits for no disk and no server.
        """
        ...

    def position(self, table: str) -> int:
        """Return the highest commit applied, 0 when none."""
        ...

    def seal(self, table: str, *, before: datetime) -> int:
        """Put whole UTC months before `before` in lasting, sorted form; return rows moved. Reads do not change."""
        ...

    def forget(self, table: str, *, before: datetime) -> int:
        """Delete whole UTC months of the time column before `before`, sealed or not; return rows deleted.

        Every read is then as if they had never been appended; batch ids stay known, and later rows may come for them.
        """
        ...

    def close(self) -> None:
        """Release the engine; nothing acknowledged is lost."""
        ...
