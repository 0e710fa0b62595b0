"""How a table lies in DuckDB: text keys and provenance as integer codes, everything else as it is.

The text columns of the key of a row are one `_label` (an entry of the table's labels), its source, published_by, stage,
reason and lineage are one `_tag`. Grouping, sorting and joining then touch integers only.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec
import pyarrow as pa

from powerdesk.engines.arrow_types import ARROW
from powerdesk.engines.ports import faults
from powerdesk.engines.ports.tables import SYSTEM_COLUMNS, ColumnSpec, TableSpec
from powerdesk.kernel.dtypes import Dtype

if TYPE_CHECKING:
    from collections.abc import Sequence

LABEL, TAG = "_label", "_tag"
TAG_COLUMNS = ("source", "published_by", "stage", "reason", "lineage")
STAMP_COLUMNS = ("published_at", "received_at", "revision", "commit")
NEXT_COLUMNS = ("_next_published_at", "_next_received_at", "_next_commit")
SQL_TYPES = {
    Dtype.TEXT: "VARCHAR",
    Dtype.FLOAT64: "DOUBLE",
    Dtype.INT64: "BIGINT",
    Dtype.BOOL: "BOOLEAN",
    Dtype.INSTANT: "TIMESTAMPTZ",
}
EPOCH, MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
SYSTEM = {column.name: column for column in SYSTEM_COLUMNS}


@dataclass(frozen=True)
class Layout:
    """What follows from a table's declaration alone."""

    spec: TableSpec

    @cached_property
    def own(self) -> dict[str, ColumnSpec]:
        """Own columns by name, in declared order."""
        return {column.name: column for column in self.spec.columns}

    @cached_property
    def columns(self) -> dict[str, ColumnSpec]:
        """Own and system columns by name, in the order of answers."""
        return self.own | SYSTEM

    @cached_property
    def label_columns(self) -> tuple[str, ...]:
        """Text columns of the key."""
        return tuple(name for name in self.spec.key if self.own[name].dtype is Dtype.TEXT)

    @cached_property
    def plain_keys(self) -> tuple[str, ...]:
        """Columns of the key that are not text; the time column is one of them."""
        return tuple(name for name in self.spec.key if self.own[name].dtype is not Dtype.TEXT)

    @cached_property
    def key_runs(self) -> tuple[tuple[str, ...], ...]:
        """The key cut into runs: neighbouring text columns together, every other column alone."""
        runs: list[tuple[str, ...]] = []
        for name in self.spec.key:
            joins = runs and name in self.label_columns and runs[-1][-1] in self.label_columns
            runs[-1:] = [(*runs[-1], name)] if joins else [*runs[-1:], (name,)]
        return tuple(runs)

    @cached_property
    def label_runs(self) -> tuple[tuple[str, ...], ...]:
        """The runs of `key_runs` that are text; each has a rank per label."""
        return tuple(run for run in self.key_runs if run[0] in self.label_columns)

    @cached_property
    def stored(self) -> dict[str, str]:
        """Stored columns with their SQL types, in order."""
        plain = {n: SQL_TYPES[c.dtype] for n, c in self.own.items() if n not in self.label_columns}
        stamps = {n: SQL_TYPES[SYSTEM[n].dtype] for n in STAMP_COLUMNS}
        return {LABEL: "INTEGER"} | plain | {TAG: "INTEGER"} | stamps

    @cached_property
    def stored_types(self) -> dict[str, pa.DataType]:
        """Arrow types of the stored columns."""
        kinds = {SQL_TYPES[dtype]: kind for dtype, kind in ARROW.items()} | {"INTEGER": pa.int32()}
        return {name: kinds[sql] for name, sql in self.stored.items()}

    @cached_property
    def whole_schema(self) -> pa.Schema:
        """The schema of an answer with every column."""
        return pa.schema([pa.field(name, ARROW[column.dtype]) for name, column in self.columns.items()])

    def arrow_schema(self, names: Sequence[str]) -> pa.Schema:
        """Return the schema of an answer with these columns."""
        whole = self.whole_schema
        return whole if tuple(names) == tuple(self.columns) else pa.schema([whole.field(name) for name in names])

    def check_known(self, names: Sequence[str]) -> None:
        """Raise UnfitRequestError naming every column that the table does not have."""
        unknown = [name for name in names if name not in self.columns]
        if unknown:
            raise faults.UnfitRequestError(
                found=f"columns {', '.join(map(repr, unknown))} of table {self.spec.name}",
                allowed=", ".join(self.columns),
                remedy="name declared columns only",
            )


def quoted(name: str) -> str:
    """Return `name` as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def listed(names: Sequence[str], *, of: str = "") -> str:
    """Return names as a quoted list, each prefixed by `of` (an alias with its dot)."""
    return ", ".join(of + quoted(name) for name in names)


def instant(moment: datetime) -> str:
    """Return an aware instant as an SQL literal."""
    if moment.tzinfo is None:
        raise faults.UnfitRequestError(
            found=f"naive instant {moment!r}", allowed="instants with a time zone", remedy="attach the zone"
        )
    return f"TIMESTAMPTZ '{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}+00'"


def micros(moment: datetime | None) -> int | None:
    """Return an aware instant as microseconds since 1970; None as None."""
    if moment is None:
        return None
    if moment.tzinfo is None:
        instant(moment)  # raises
    return (moment - EPOCH) // MICROSECOND


def checked_spec(spec: TableSpec) -> TableSpec:
    """Return a usable declaration; raise UnfitRequestError listing every fault otherwise."""
    names = [column.name for column in spec.columns]
    wrong = [f"column {n!r} twice" for n in sorted({n for n in names if names.count(n) > 1})]
    wrong += [f"column {n!r} is given by the store" for n in names if n in SYSTEM]
    wrong += [f"column {n!r} begins with _" for n in names if n.startswith("_")]
    wrong += [f"key column {n!r} is not declared" for n in spec.key if n not in names]
    wrong += [] if spec.time_column in spec.key else [f"time column {spec.time_column!r} is not in the key"]
    times = [c for c in spec.columns if c.name == spec.time_column]
    wrong += [] if times and times[0].dtype is Dtype.INSTANT else [f"time column {spec.time_column!r} is no instant"]
    wrong += [f"key column {c.name!r} is nullable" for c in spec.columns if c.name in spec.key and c.nullable]
    if wrong or not spec.name:
        raise faults.UnfitRequestError(
            found=f"table {spec.name!r}: {'; '.join(wrong)}",
            allowed="distinct own columns, a declared key of columns that are never null, an instant to order by",
            remedy="correct the declaration",
        )
    return spec


def grown(old: TableSpec, new: TableSpec) -> tuple[ColumnSpec, ...]:
    """Return the nullable columns `new` adds to `old`; raise UnfitRequestError listing every other difference."""
    before = {column.name: column for column in old.columns}
    after = {column.name: column for column in new.columns}
    wrong = [f"column {n!r} is gone" for n in before if n not in after]
    wrong += [
        f"column {n!r} was {before[n].dtype}{' or null' if before[n].nullable else ''}, "
        f"now {c.dtype}{' or null' if c.nullable else ''}"
        for n, c in after.items()
        if n in before and c != before[n]
    ]
    wrong += [f"new column {n!r} is not nullable" for n, c in after.items() if n not in before and not c.nullable]
    wrong += [f"key was {old.key}, now {new.key}"] if old.key != new.key else []
    wrong += [f"time column was {old.time_column}, now {new.time_column}"] if old.time_column != new.time_column else []
    if wrong:
        raise faults.UnfitRequestError(
            found=f"table {new.name} declared differently: {'; '.join(wrong)}",
            allowed="the same declaration, or one with additional nullable columns",
            remedy="add columns as nullable; for any other change declare a new table and copy into it",
        )
    return tuple(column for name, column in after.items() if name not in before)


def spec_text(spec: TableSpec) -> str:
    """Return the declaration as JSON text."""
    return msgspec.json.encode(spec).decode()


def spec_of(text: str) -> TableSpec:
    """Return the declaration from its JSON text."""
    return msgspec.json.decode(text, type=TableSpec)
