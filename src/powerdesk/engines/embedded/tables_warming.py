"""Filling memory with the newest rows when a table is opened."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from powerdesk.engines.embedded import tables_recent
from powerdesk.engines.embedded.tables_layout import micros, quoted
from powerdesk.engines.embedded.tables_parts import Part, PartKind

if TYPE_CHECKING:
    import duckdb

    from powerdesk.engines.embedded.tables_layout import Layout
    from powerdesk.engines.embedded.tables_recent import Recent

HOUR_US = 3_600_000_000


def warmed(
    cursor: duckdb.DuckDBPyConnection, layout: Layout, parts: tuple[Part, ...], *, position: int, rows_max: int
) -> tuple[Recent, int]:
    """Return what to hold in memory, and the commit up to which sorted parts hold every row.

    All hot rows are held, and as many whole hours of the newest times in blocks as `rows_max` allows.
    """
    recent = tables_recent.empty(layout)
    if any(part.is_sorted for part in parts):
        from_us, after_commit = _reach(cursor, layout, parts, position=position, rows_max=rows_max)
        recent = replace(recent, from_us=from_us, after_commit=after_commit)
    settled = position
    time = quoted(layout.spec.time_column)
    names = list(layout.stored)
    for part in parts:
        if part.kind is PartKind.FILE:
            continue
        columns = ", ".join(
            quoted(name) if name in part.columns else f"null::{layout.stored[name]} as {quoted(name)}" for name in names
        )
        where = f" where epoch_us({time}) >= {recent.from_us}" if part.kind is PartKind.BLOCK else ""
        rows = cursor.sql(f"select {columns} from {part.source}{where}").to_arrow_table()  # noqa: S608 - quoted names
        recent = recent.extended(rows)
        if part.kind is PartKind.HOT and rows.num_rows:
            settled = min(settled, int(tables_recent.least(rows.column("commit"))) - 1)
    return replace(recent, last_commit=max(recent.last_commit, position)), settled


def _reach(
    cursor: duckdb.DuckDBPyConnection, layout: Layout, parts: tuple[Part, ...], *, position: int, rows_max: int
) -> tuple[int, int]:
    """Return from which time on, and past which commit, every row can be held."""
    blocks = [part for part in parts if part.kind is PartKind.BLOCK]
    files = [part for part in parts if part.kind is PartKind.FILE]
    lowest = max((micros(part.last_time) or 0 for part in files), default=tables_recent.EVERYTHING - 1) + 1
    after = max((part.last_commit if part.last_commit is not None else position for part in files), default=0)
    time = f"epoch_us({quoted(layout.spec.time_column)})"
    union = " union all ".join(f'select {time} as t, "commit" as c from {part.source}' for part in blocks)  # noqa: S608 - quoted names
    hours: list[tuple[int, int, int]] = []
    if blocks:
        sql = f"select floor(t / {HOUR_US})::bigint as h, count(*), max(c) from ({union}) group by h order by h desc"  # noqa: S608 - quoted names
        hours = cursor.execute(sql).fetchall()
    from_us, count = (1 << 62), 0
    for place, (hour, rows, _) in enumerate(hours):
        count += rows
        if count > rows_max or hour * HOUR_US < lowest:
            return max(from_us, lowest), max([after, *(commit for _, _, commit in hours[place:])])
        from_us = hour * HOUR_US
    return lowest, after
