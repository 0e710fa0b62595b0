"""How a table lies in DuckDB: text keys and provenance as integer codes, everything else as it is.

The text columns of the key of a row are one `_label` (an entry of the table's labels), its source, published_by, stage,
reason and lineage are one `_tag`. Grouping, sorting and joining then touch integers only.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from functools import cached_property
from typing import TYPE_CHECKING

import pyarrow as pa

from powerdesk.engines import declared
from powerdesk.engines.arrow_types import ARROW
from powerdesk.engines.declared import SYSTEM, Declared
from powerdesk.kernel.dtypes import Dtype

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

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


@dataclass(frozen=True)
class Layout(Declared):
    """What follows for DuckDB from a table's declaration alone."""

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


def quoted(name: str) -> str:
    """Return `name` as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def listed(names: Sequence[str], *, of: str = "") -> str:
    """Return names as a quoted list, each prefixed by `of` (an alias with its dot)."""
    return ", ".join(of + quoted(name) for name in names)


def instant(moment: datetime) -> str:
    """Return an aware instant as an SQL literal."""
    declared.micros(moment)  # refuses a naive one
    return f"TIMESTAMPTZ '{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}+00'"


def micros(moment: datetime | None) -> int | None:
    """Return an aware instant as microseconds since 1970; None as None."""
    return None if moment is None else declared.micros(moment)
