"""What follows from a table's declaration, whatever the engine: its columns, and which declarations can follow it."""

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

EPOCH, MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
SYSTEM = {column.name: column for column in SYSTEM_COLUMNS}


@dataclass(frozen=True)
class Declared:
    """A declaration and what follows from it alone."""

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


def micros(moment: datetime) -> int:
    """Return an aware instant as microseconds since 1970; raise UnfitRequestError on a naive one."""
    if moment.tzinfo is None:
        raise faults.UnfitRequestError(
            found=f"naive instant {moment!r}", allowed="instants with a time zone", remedy="attach the zone"
        )
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
