"""Tables in one DuckDB file, with old months as sorted Parquet in Objects."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from powerdesk.engines.embedded import tables_answers, tables_layout
from powerdesk.engines.embedded.tables_codes import Codes
from powerdesk.engines.embedded.tables_faults import translated
from powerdesk.engines.embedded.tables_layout import LABEL, TAG, TAG_COLUMNS, Layout, listed, quoted
from powerdesk.engines.embedded.tables_parts import Part, PartKind
from powerdesk.engines.embedded.tables_reading import LABELS, TAGS, Scope
from powerdesk.engines.ports import faults

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from powerdesk.engines.embedded.tables_answers import Fetch
    from powerdesk.engines.ports.objects import Objects
    from powerdesk.engines.ports.tables import Cut, Selection, TableSpec

T = TypeVar("T")

CATALOG = """
create table if not exists _tables (name varchar primary key, spec varchar not null);
create table if not exists _batches (name varchar, batch_id varchar, last_commit bigint, primary key (name, batch_id));
"""


@dataclass(slots=True)
class Held:
    """What is kept in memory of one table."""

    layout: Layout
    labels: Codes
    tags: Codes
    position: int
    parts: tuple[Part, ...]


class DuckTables:
    """One process owns the file; threads share the object, each with its own cursor."""

    def __init__(self, path: Path, objects: Objects, *, threads: int = 2, memory_limit: str = "2GB") -> None:
        self._path = path
        self._objects = objects
        self._writing = threading.RLock()
        self._local = threading.local()
        self._held: dict[str, Held] = {}
        with translated(f"opening {path}"):
            config: dict[str, str | bool | int | float | list[str]] = {"threads": threads, "memory_limit": memory_limit}
            self._connection = duckdb.connect(str(path), config=config)
            self._connection.execute("set global TimeZone = 'UTC'")
            self._connection.execute(CATALOG)
            found = self._connection.execute("select spec from _tables").fetchall()
            for (text,) in found:
                self._hold(tables_layout.spec_of(text))

    def define(self, spec: TableSpec) -> None:
        """Create the table if absent; add new nullable columns; raise UnfitRequestError on any other difference."""
        layout = Layout(tables_layout.checked_spec(spec))
        with self._writing, translated(f"defining table {spec.name}"):
            held = self._held.get(spec.name)
            if held is None:
                with self._transaction() as cursor:
                    self._create(cursor, layout)
            elif added := tables_layout.grown(held.layout.spec, spec):
                with self._transaction() as cursor:
                    for column in added:
                        kind = layout.stored[column.name]
                        cursor.execute(f"alter table {_hot(spec.name)} add column {quoted(column.name)} {kind}")
                    cursor.execute(
                        "update _tables set spec = ? where name = ?", [tables_layout.spec_text(spec), spec.name]
                    )
            self._hold(spec)

    def append(self, table: str, *, batch_id: str, rows: pa.Table) -> bool:
        """Append durably and atomically; return False when this batch id is already there."""
        with self._writing, translated(f"appending to table {table}"):
            held = self._table(table)
            found = self._connection.execute(
                "select 1 from _batches where name = ? and batch_id = ?", [table, batch_id]
            ).fetchone()
            if found:
                return False
            rows = _checked_rows(held, rows)
            labels, new_labels = held.labels.encode(rows)
            tags, new_tags = held.tags.encode(rows)
            last = max([held.position, *rows.column("commit").to_pylist()])
            plain = [name for name in held.layout.stored if name not in (LABEL, TAG)]
            stored = rows.select(plain).append_column(LABEL, pa.array(labels)).append_column(TAG, pa.array(tags))
            with self._transaction() as cursor:
                cursor.execute("insert into _batches values (?, ?, ?)", [table, batch_id, last])
                _insert_entries(cursor, _labels(table), held.labels, new_labels)
                _insert_entries(cursor, _tags(table), held.tags, new_tags)
                cursor.register("_rows", stored)
                names = listed(list(held.layout.stored))
                cursor.execute(f"insert into {_hot(table)} ({names}) select {names} from _rows")  # noqa: S608 - quoted names
                cursor.unregister("_rows")
            held.labels.add(new_labels)
            held.tags.add(new_tags)
            held.position = last
            return True

    def rows(self, table: str, *, selection: Selection, cut: Cut) -> pa.Table:
        """Return the belief in force for each key at the cut, in key order, retractions included."""
        return self._answer(table, tables_answers.rows, selection=selection, cut=cut)

    def latest(self, table: str, *, selection: Selection, cut: Cut) -> pa.Table:
        """Return, per series, the row of `rows` with the greatest time, in series order."""
        return self._answer(table, tables_answers.latest, selection=selection, cut=cut)

    def history(self, table: str, *, selection: Selection, cut: Cut) -> pa.Table:
        """Return every revision within the cut, ordered by key, source, published_at, commit."""
        return self._answer(table, tables_answers.history, selection=selection, cut=cut, every_revision=True)

    def changes(self, table: str, *, after: int, upto: int, selection: Selection) -> pa.Table:
        """Return rows with after < commit <= upto in commit order, then key order."""
        commits = (after, upto)
        return self._answer(table, tables_answers.changes, selection=selection, commits=commits, every_revision=True)

    def count(self, table: str, *, selection: Selection, cut: Cut) -> int:
        """Return how many rows `rows` would return without a limit."""
        return self._answer(table, tables_answers.count, selection=selection, cut=cut)

    def position(self, table: str) -> int:
        """Return the highest commit applied, 0 when none."""
        return self._table(table).position

    def seal(self, table: str, *, before: datetime) -> int:
        """Move whole UTC months before `before` into Objects; return rows moved."""
        self._table(table)
        tables_layout.instant(before)
        return 0

    def close(self) -> None:
        """Write the log into the file and release it."""
        with self._writing, translated(f"closing {self._path}"):
            self._connection.close()

    def _answer(self, table: str, ask: Callable[[Scope, Fetch], T], *, selection: Selection, **scope: Any) -> T:
        """Ask the table through a cursor of this thread; begin again when a part was replaced meanwhile."""
        with translated(f"reading table {table}"):
            held = self._table(table)
            held.layout.check_known([*selection.within, *(selection.columns or ())])
            resolved = Scope(
                layout=held.layout, labels=held.labels, tags=held.tags, parts=held.parts, selection=selection, **scope
            )
            return ask(resolved, self._fetch)

    def _fetch(self, scope: Scope, sql: str) -> pa.Table:
        cursor = self._cursor()
        cursor.register(LABELS, scope.label_table())
        if scope.needs_tags:
            cursor.register(TAGS, scope.tag_table())
        return cursor.sql(sql).to_arrow_table()

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        cursor: duckdb.DuckDBPyConnection | None = getattr(self._local, "cursor", None)
        if cursor is None:
            cursor = self._local.cursor = self._connection.cursor()
        return cursor

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        cursor = self._cursor()
        cursor.begin()
        try:
            yield cursor
            cursor.commit()
        except BaseException:
            with contextlib.suppress(duckdb.Error):  # a failed commit has rolled back already
                cursor.rollback()
            raise

    def _table(self, name: str) -> Held:
        held = self._held.get(name)
        if held is None:
            raise faults.UnfitRequestError(
                found=f"table {name!r}",
                allowed=", ".join(sorted(self._held)) or "no table is defined yet",
                remedy="define the table first",
            )
        return held

    def _create(self, cursor: duckdb.DuckDBPyConnection, layout: Layout) -> None:
        name = layout.spec.name
        columns = ", ".join(f"{quoted(column)} {kind}" for column, kind in layout.stored.items())
        cursor.execute(f"create table {_hot(name)} ({columns})")
        for table, texts in ((_labels(name), layout.label_columns), (_tags(name), TAG_COLUMNS)):
            listing = "".join(f", {quoted(text)} varchar" for text in texts)
            cursor.execute(f"create table {table} (_id integer{listing})")
        cursor.execute("insert into _tables values (?, ?)", [name, tables_layout.spec_text(layout.spec)])

    def _hold(self, spec: TableSpec) -> None:
        layout = Layout(spec)
        found = self._connection.execute("select max(last_commit) from _batches where name = ?", [spec.name]).fetchone()
        self._held[spec.name] = Held(
            layout=layout,
            labels=Codes(layout.label_columns, self._entries(_labels(spec.name))),
            tags=Codes(TAG_COLUMNS, self._entries(_tags(spec.name))),
            position=(found and found[0]) or 0,
            parts=(Part(0, PartKind.HOT, _hot(spec.name), frozenset(layout.stored)),),
        )

    def _entries(self, table: str) -> list[tuple[str | None, ...]]:
        return [row[1:] for row in self._connection.execute(f"select * from {table} order by _id").fetchall()]  # noqa: S608 - quoted names


def _hot(name: str) -> str:
    return quoted(f"{name}/hot")


def _labels(name: str) -> str:
    return quoted(f"{name}/labels")


def _tags(name: str) -> str:
    return quoted(f"{name}/tags")


def _insert_entries(
    cursor: duckdb.DuckDBPyConnection, table: str, codes: Codes, new: Sequence[tuple[str | None, ...]]
) -> None:
    if not new:
        return
    columns: dict[str, Any] = {"_id": np.arange(len(codes), len(codes) + len(new), dtype=np.int32)}
    columns |= {name: pa.array([entry[n] for entry in new], pa.string()) for n, name in enumerate(codes.columns)}
    cursor.register("_entries", pa.table(columns))
    cursor.execute(f"insert into {table} select * from _entries")  # noqa: S608 - quoted names
    cursor.unregister("_entries")


def _checked_rows(held: Held, rows: pa.Table) -> pa.Table:
    """Return the rows cast to the declared types; raise UnfitRequestError naming every fault."""
    layout = held.layout
    wrong = [f"column {name!r} is missing" for name in layout.columns if name not in rows.column_names]
    wrong += [f"column {name!r} is not declared" for name in rows.column_names if name not in layout.columns]
    if not wrong:
        try:
            rows = rows.select(list(layout.columns)).cast(layout.arrow_schema(list(layout.columns)))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError) as error:
            wrong.append(str(error))
        else:
            wrong += _null_faults(layout, rows)
            commits = rows.column("commit")
            if rows.num_rows and pc.min(commits).as_py() <= held.position:
                wrong.append(f"commit {pc.min(commits).as_py()} is not past {held.position}, the last one applied")
    if wrong:
        raise faults.UnfitRequestError(
            found=f"rows for table {layout.spec.name}: {'; '.join(wrong)}",
            allowed="every declared and system column with its type; keys and system columns without null; values null "
            "only where nullable or retracted; commits that rise from batch to batch",
            remedy="correct the batch and append it again",
        )
    return rows


def _null_faults(layout: Layout, rows: pa.Table) -> list[str]:
    retracted = pc.is_valid(rows.column("reason"))
    wrong = []
    for name, column in layout.columns.items():
        values = rows.column(name)
        if column.nullable or not values.null_count:
            continue
        if (
            name in layout.spec.key
            or name in tables_layout.SYSTEM
            or pc.any(pc.and_not(pc.is_null(values), retracted)).as_py()
        ):
            wrong.append(f"column {name!r} has nulls")
    return wrong
