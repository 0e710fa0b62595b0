"""Upkeep: sorting hot rows into blocks, sealing whole months into Parquet. Nothing here changes an answer."""

from __future__ import annotations

import hashlib
import io
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from powerdesk.engines.embedded import tables_layout, tables_parts
from powerdesk.engines.embedded.tables_layout import LABEL, NEXT_COLUMNS, TAG, TAG_COLUMNS, listed, quoted
from powerdesk.engines.embedded.tables_parts import Part, PartKind
from powerdesk.engines.embedded.tables_scope import LABELS, TAGS, Scope

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    import duckdb

    from powerdesk.engines.ports.objects import Objects

ROW_GROUP_ROWS = 30_720  # a series or two; larger ones are read and unpacked in vain
FILE_ROWS_MAX = 4_000_000
FETCH_ROWS = 1 << 17


def sorted_rows(scope: Scope, *, where: str = "true") -> str:
    """Return SQL for every row of the scope's parts with its successor in the cell: rows without one first.

    Both halves are in key order, so that a read at the present looks at the first half only.

    A successor is noted only when it comes later by publication, by receipt and by commit alike: then a cut of either
    knowledge that sees the successor cannot choose the row. Other rows are left to the choice at reading.
    """
    later = 'lead(r.received_at) over w >= r.received_at and lead(r."commit") over w >= r."commit"'
    later += " and lead(r.revision) over w > r.revision"
    stored = list(scope.layout.stored)
    answer = listed(stored, of="r.")
    for name in NEXT_COLUMNS:
        of = name.removeprefix("_next_")
        answer += f", case when {later} then lead(r.{quoted(of)}) over w end as {name}"
    number = {run: f"l.rank{n}" for n, run in enumerate(scope.layout.label_runs)}
    key = [number.get(run, f"r.{quoted(run[0])}") for run in scope.layout.key_runs]
    cell = [f"r.{quoted(name)}" for name in (LABEL, *scope.layout.plain_keys)]
    beliefs = ["r.published_at", 'r."commit"', "r.revision"]
    return f"""
        select {answer} from ({scope.sql(stored)}) r join {LABELS} l on r.{LABEL} = l.id join {TAGS} t on r.{TAG} = t.id
        where {where} window w as (partition by {", ".join(cell)}, t.rank order by {", ".join(beliefs)})
        order by _next_commit is not null, {", ".join([*key, "t.rank", *beliefs])}
    """  # noqa: S608 - quoted names


def register(cursor: duckdb.DuckDBPyConnection, scope: Scope) -> None:
    """Make the codes' ranks known to the queries of a scope."""
    ranks = {f"rank{n}": scope.labels.ranks(run)[0] for n, run in enumerate(scope.layout.label_runs)}
    cursor.register(LABELS, pa.table({"id": np.arange(len(scope.labels), dtype=np.int32)} | ranks))
    sources = {"id": np.arange(len(scope.tags), dtype=np.int32), "rank": scope.source_ranks}
    cursor.register(TAGS, pa.table(sources))


def write_block(cursor: duckdb.DuckDBPyConnection, scope: Scope, *, number: int, where: str = "true") -> Part | None:
    """Write the scope's rows as a new sorted block; None when there are none."""
    name, time = scope.layout.spec.name, quoted(scope.layout.spec.time_column)
    table = tables_parts.table_of(name, PartKind.BLOCK, number)
    cursor.execute(f"create table {table} as {sorted_rows(scope, where=where)}")
    sql = f'select count(*), epoch_us(min({time})), epoch_us(max({time})), max("commit") from {table}'  # noqa: S608 - quoted names
    ((count, first_us, last_us, commit),) = cursor.execute(sql).fetchall()
    if not count:
        cursor.execute(f"drop table {table}")
        return None
    times = (tables_parts.moment(first_us), tables_parts.moment(last_us))
    part = Part(number, PartKind.BLOCK, table, frozenset(scope.layout.stored), count, *times, commit)
    tables_parts.add(cursor, name, part)
    return part


def months_before(cursor: duckdb.DuckDBPyConnection, scope: Scope, floor: datetime) -> list[tuple[str, str]]:
    """Return, for each month before `floor` that has rows, its name and the SQL condition for it."""
    time = quoted(scope.layout.spec.time_column)
    inner = f"select distinct date_trunc('month', {time}) as m from ({scope.sql([scope.layout.spec.time_column])})"  # noqa: S608 - quoted names
    sql = f"select strftime(m, '%Y-%m'), m::varchar from ({inner}) where m < {tables_layout.instant(floor)} order by m"  # noqa: S608 - quoted names
    found = cursor.execute(sql).fetchall()
    return [(name, f"date_trunc('month', r.{time}) = TIMESTAMPTZ '{start}'") for name, start in found]


def write_files(
    cursor: duckdb.DuckDBPyConnection, scope: Scope, objects: Objects, *, month: str, where: str
) -> Iterator[tuple[Part, str]]:
    """Put a month's rows into Objects as sorted Parquet; yield each file as a part (number 0) with its key."""
    reader = cursor.sql(sorted_rows(scope, where=where)).to_arrow_reader(FETCH_ROWS)
    batches: list[pa.RecordBatch] = []
    count = 0
    for batch in reader:
        batches.append(batch)
        count += batch.num_rows
        if count >= FILE_ROWS_MAX:
            yield _file(scope, objects, pa.Table.from_batches(batches), month)
            batches, count = [], 0
    if count:
        yield _file(scope, objects, pa.Table.from_batches(batches), month)


def _file(scope: Scope, objects: Objects, rows: pa.Table, month: str) -> tuple[Part, str]:
    layout = scope.layout
    texts: dict[str, Any] = {name: scope.labels.decode(name, rows.column(LABEL)) for name in layout.label_columns}
    texts |= {name: scope.tags.decode(name, rows.column(TAG)) for name in TAG_COLUMNS}
    for name, column in texts.items():
        rows = rows.append_column(name, column)  # so that the file can be read without this database
    buffer = io.BytesIO()
    pq.write_table(rows, buffer, compression="zstd", row_group_size=ROW_GROUP_ROWS)
    data = buffer.getvalue()
    key = f"tables/{folder_of(layout.spec.name)}/{month}/{hashlib.sha256(data).hexdigest()}.parquet"
    objects.put(key, data)
    times = rows.column(layout.spec.time_column).cast(pa.int64()).to_numpy()
    bounds = (tables_parts.moment(int(times.min())), tables_parts.moment(int(times.max())))
    source = tables_parts.path_text(objects.uri(key))
    commit = int(rows.column("commit").to_numpy().max())
    return Part(0, PartKind.FILE, source, frozenset(layout.stored), rows.num_rows, *bounds, commit), key


def delete_files(objects: Objects, name: str, *, before: datetime) -> None:
    """Delete the files of a table's months before `before`, those too that a crash left without an entry."""
    folder = f"tables/{folder_of(name)}/"
    for key in objects.list(folder):
        if key.removeprefix(folder) < f"{before:%Y-%m}":
            objects.delete(key)


def folder_of(name: str) -> str:
    """Return a table's name as one that Objects accept; a changed name gets a digest, so that no two meet."""
    safe = re.sub(r"[^A-Za-z0-9._=@+-]", "_", name).strip(".")
    return safe if safe == name else f"{safe}-{hashlib.sha256(name.encode()).hexdigest()[:12]}"


def mergeable(parts: Sequence[Part], *, block_rows_max: int, everything: bool) -> tuple[Part, ...]:
    """Return the hot parts and the newest blocks that are worth sorting into one.

    A block joins when it is not much larger than what comes after it, so that each row is written again only about as
    often as the table doubles; never when full.
    """
    hot = [part for part in parts if part.kind is PartKind.HOT]
    blocks = [part for part in parts if part.kind is PartKind.BLOCK]
    chosen, count = list(hot), sum(part.row_count for part in hot)
    for block in reversed(blocks):
        if block.row_count + count > block_rows_max or not (everything or block.row_count <= count):
            break
        chosen.append(block)
        count += block.row_count
    return tuple(chosen)
