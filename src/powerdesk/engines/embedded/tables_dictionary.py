"""The codes of a table in the DuckDB file: one table of labels, one of tags."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from powerdesk.engines.embedded.tables_codes import Codes
from powerdesk.engines.embedded.tables_layout import TAG_COLUMNS, Layout, quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb


def labels_of(name: str) -> str:
    """Return the quoted table of a table's labels."""
    return quoted(f"{name}/labels")


def tags_of(name: str) -> str:
    """Return the quoted table of a table's tags."""
    return quoted(f"{name}/tags")


def create(cursor: duckdb.DuckDBPyConnection, layout: Layout) -> None:
    """Create both tables, empty."""
    name = layout.spec.name
    for table, texts in ((labels_of(name), layout.label_columns), (tags_of(name), TAG_COLUMNS)):
        listing = "".join(f", {quoted(text)} varchar" for text in texts)
        cursor.execute(f"create table {table} (_id integer{listing})")


def read(cursor: duckdb.DuckDBPyConnection, table: str, columns: tuple[str, ...]) -> Codes:
    """Return the codes that a table holds."""
    found = cursor.execute(f"select * from {table} order by _id").fetchall()  # noqa: S608 - quoted names
    return Codes(columns, [row[1:] for row in found])


def insert(cursor: duckdb.DuckDBPyConnection, table: str, codes: Codes, new: Sequence[tuple[str | None, ...]]) -> None:
    """Write the entries that come after those of `codes`."""
    if not new:
        return
    columns: dict[str, Any] = {"_id": np.arange(len(codes), len(codes) + len(new), dtype=np.int32)}
    columns |= {name: pa.array([entry[n] for entry in new], pa.string()) for n, name in enumerate(codes.columns)}
    cursor.register("_entries", pa.table(columns))
    cursor.execute(f"insert into {table} select * from _entries")  # noqa: S608 - quoted names
