"""Tables in one DuckDB file, with old months as sorted Parquet in Objects."""

from __future__ import annotations

import contextlib
import logging
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from powerdesk.engines.embedded import tables_answers, tables_entry, tables_layout, tables_parts, tables_upkeep
from powerdesk.engines.embedded.tables_codes import Codes
from powerdesk.engines.embedded.tables_faults import translated
from powerdesk.engines.embedded.tables_layout import LABEL, TAG, TAG_COLUMNS, Layout, listed, quoted
from powerdesk.engines.embedded.tables_parts import Part, PartKind
from powerdesk.engines.embedded.tables_reading import Scope
from powerdesk.engines.ports import faults
from powerdesk.engines.ports.tables import Selection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from powerdesk.engines.embedded.tables_answers import Fetch
    from powerdesk.engines.ports.objects import Objects
    from powerdesk.engines.ports.tables import Cut, TableSpec

T = TypeVar("T")
log = logging.getLogger(__name__)

CATALOG = f"""
create table if not exists _tables (name varchar primary key, spec varchar not null);
create table if not exists _batches (name varchar, batch_id varchar, last_commit bigint, primary key (name, batch_id));
{tables_parts.LIST_OF_PARTS};
"""
HOT_ROWS_MAX = 1 << 18
BLOCK_ROWS_MAX = 1 << 22
REPLACED_TIMES_MAX = 20  # a read begins again when upkeep replaced a part under it


@dataclass(slots=True)
class Held:
    """What is kept in memory of one table; `hot` is the part that takes appends."""

    layout: Layout
    labels: Codes
    tags: Codes
    position: int
    parts: tuple[Part, ...]
    hot: Part
    hot_rows: int
    last_time: datetime | None


class DuckTables:
    """One process owns the file; threads share the object, each with its own cursor.

    Locks are taken in the order upkeep, writing, swapping. `on_step` is told of each point at which a crash would
    leave upkeep half done; tests end the process there.
    """

    def __init__(
        self,
        path: Path,
        objects: Objects,
        *,
        threads: int = 2,
        memory_limit: str = "2GB",
        hot_rows_max: int = HOT_ROWS_MAX,
        on_step: Callable[[str], None] = lambda _step: None,
    ) -> None:
        self._path = path
        self._objects = objects
        self._hot_rows_max = hot_rows_max
        self._on_step = on_step
        self._upkeep = threading.RLock()
        self._writing = threading.RLock()
        self._swapping = threading.Lock()
        self._local = threading.local()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="tables-upkeep")
        self._settling: Future[None] | None = None
        self._held: dict[str, Held] = {}
        with translated(f"opening {path}"):
            config: dict[str, str | bool | int | float | list[str]] = {"threads": threads, "memory_limit": memory_limit}
            self._connection = duckdb.connect(str(path), config=config)
            self._connection.execute("set global TimeZone = 'UTC'")
            self._connection.execute(CATALOG)
            for (text,) in self._connection.execute("select spec from _tables").fetchall():
                self._hold(tables_layout.spec_of(text))

    def define(self, spec: TableSpec) -> None:
        """Create the table if absent; add new nullable columns; raise UnfitRequestError on any other difference."""
        layout = Layout(tables_layout.checked_spec(spec))
        with self._upkeep, self._writing, translated(f"defining table {spec.name}"):
            held = self._held.get(spec.name)
            if held is None:
                with self._transaction() as cursor:
                    self._create(cursor, layout)
            elif added := tables_layout.grown(held.layout.spec, spec):
                with self._transaction() as cursor:
                    for column in added:
                        kind = layout.stored[column.name]
                        cursor.execute(f"alter table {held.hot.source} add column {quoted(column.name)} {kind}")
                    cursor.execute(
                        "update _parts set columns = ? where name = ? and number = ?",
                        [sorted(layout.stored), spec.name, held.hot.number],
                    )
                    cursor.execute(
                        "update _tables set spec = ? where name = ?", [tables_layout.spec_text(spec), spec.name]
                    )
            else:
                return
            self._hold(spec)

    def append(self, table: str, *, batch_id: str, rows: pa.Table) -> bool:
        """Append durably and atomically; return False when this batch id is already there."""
        with self._writing, translated(f"appending to table {table}"):
            held = self._table(table)
            cursor = self._cursor()
            seen = cursor.execute("select 1 from _batches where name = ? and batch_id = ?", [table, batch_id])
            if seen.fetchall():
                return False
            rows = tables_entry.checked_rows(held.layout, rows, position=held.position)
            labels, new_labels = held.labels.encode(rows)
            tags, new_tags = held.tags.encode(rows)
            last = max(held.position, pc.max(rows.column("commit")).as_py() or 0)
            plain = [name for name in held.layout.stored if name not in (LABEL, TAG)]
            stored = rows.select(plain).append_column(LABEL, pa.array(labels)).append_column(TAG, pa.array(tags))
            with self._transaction() as cursor:
                cursor.execute("insert into _batches values (?, ?, ?)", [table, batch_id, last])
                _insert_entries(cursor, _labels(table), held.labels, new_labels)
                _insert_entries(cursor, _tags(table), held.tags, new_tags)
                cursor.register("_rows", stored)
                names = listed(list(held.layout.stored))
                cursor.execute(f"insert into {held.hot.source} ({names}) select {names} from _rows")  # noqa: S608 - quoted names
            held.labels, held.tags = held.labels.extended(new_labels), held.tags.extended(new_tags)
            held.position, held.hot_rows = last, held.hot_rows + rows.num_rows
            newest = pc.max(rows.column(held.layout.spec.time_column)).as_py()
            held.last_time = max((t for t in (held.last_time, newest) if t is not None), default=None)
        self._settle_in_time(table)
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

    def settle(self, table: str) -> None:
        """Sort every hot row into one block now; by itself this happens, in steps, once enough has been appended."""
        self._settle(table, everything=True)

    def seal(self, table: str, *, before: datetime) -> int:
        """Move whole UTC months before `before` into Objects as sorted Parquet; return rows moved."""
        utc = before.astimezone(UTC)
        floor = datetime(utc.year, utc.month, 1, tzinfo=UTC)
        with self._upkeep, translated(f"sealing table {table}"):
            held = self._table(table)
            self._rotate(held)
            old = tuple(p for p in held.parts if p.kind is not PartKind.FILE and p.number != held.hot.number)
            old = tuple(p for p in old if p.first_time is None or p.first_time < floor)
            scope = self._every_row(held, old)
            cursor = self._cursor()
            tables_upkeep.register(cursor, scope)
            files: list[tuple[Part, str]] = []
            for month, where in tables_upkeep.months_before(cursor, scope, floor):
                files += tables_upkeep.write_files(cursor, scope, self._objects, month=month, where=where)
                self._on_step("seal: month written")
            if not files:
                return 0
            rest = f"r.{quoted(held.layout.spec.time_column)} >= {tables_layout.instant(floor)}"
            with self._replacing(held, old) as number:
                for offset, (part, key) in enumerate(files, start=1):
                    tables_parts.add(cursor, table, replace(part, number=number + offset), object_key=key)
                tables_upkeep.write_block(cursor, scope, number=number, where=rest)
            return sum(part.row_count for part, _ in files)

    def close(self) -> None:
        """Finish upkeep under way, write the log into the file and release it."""
        self._worker.shutdown(wait=True, cancel_futures=True)
        with self._upkeep, self._writing, translated(f"closing {self._path}"):
            self._connection.close()

    def _settle_in_time(self, table: str) -> None:
        """Start sorting in the background when enough is hot."""
        busy = self._settling is not None and not self._settling.done()
        if not busy and self._held[table].hot_rows >= self._hot_rows_max:
            with contextlib.suppress(RuntimeError):  # closing: the next opening will do it
                self._settling = self._worker.submit(self._settle_quietly, table)

    def _settle_quietly(self, table: str) -> None:
        """Sort in the background; a failure leaves everything as it was and is tried again after the next append."""
        try:
            self._settle(table, everything=False)
        except faults.EngineUnavailableError as failure:
            log.warning("table %s stays unsorted for now: %s", table, failure)

    def _settle(self, table: str, *, everything: bool) -> None:
        with self._upkeep, translated(f"sorting table {table}"):
            held = self._table(table)
            self._rotate(held)
            closed = tuple(part for part in held.parts if part.number != held.hot.number)
            old = tables_upkeep.mergeable(closed, block_rows_max=BLOCK_ROWS_MAX, everything=everything)
            if all(part.is_sorted for part in old) and len(old) <= 1:
                return
            scope = self._every_row(held, old)
            cursor = self._cursor()
            tables_upkeep.register(cursor, scope)
            with self._replacing(held, old) as number:
                tables_upkeep.write_block(cursor, scope, number=number)

    def _answer(self, table: str, ask: Callable[[Scope, Fetch], T], *, selection: Selection, **scope: Any) -> T:
        """Ask the table through a cursor of this thread; begin again when upkeep replaced a part meanwhile."""
        with translated(f"reading table {table}"):
            held = self._table(table)
            held.layout.check_known([*selection.within, *(selection.columns or ())])
            for _ in range(REPLACED_TIMES_MAX):
                with self._swapping:
                    listed_now = held.parts
                    empty = None if held.hot_rows else held.hot.number
                parts = tuple(part for part in listed_now if part.number != empty)
                known = (held.layout, held.labels, held.tags, parts, selection)
                try:
                    return ask(Scope(*known, last_time=held.last_time, **scope), self._fetch)
                except duckdb.CatalogException:
                    with self._swapping:  # a commit is not told from its list of parts while this is held
                        if listed_now is held.parts:
                            raise
        raise AssertionError(f"parts of {table} were replaced {REPLACED_TIMES_MAX} times during one read")

    def _fetch(self, scope: Scope, sql: str) -> pa.Table:
        cursor = self._cursor()
        tables_upkeep.register(cursor, scope)
        return cursor.sql(sql).to_arrow_table()

    def _every_row(self, held: Held, parts: tuple[Part, ...]) -> Scope:
        return Scope(held.layout, held.labels, held.tags, parts, Selection(), every_revision=True)

    def _rotate(self, held: Held) -> None:
        """Close the hot part, when it has rows, and open an empty one."""
        with self._writing:
            if held.hot_rows:
                name = held.layout.spec.name
                with self._transaction() as cursor:
                    cursor.execute(
                        "update _parts set row_count = ? where name = ? and number = ?",
                        [held.hot_rows, name, held.hot.number],
                    )
                    tables_parts.open_hot(cursor, held.layout, self._next_number(name))
                self._refresh(held)

    @contextlib.contextmanager
    def _replacing(self, held: Held, old: tuple[Part, ...]) -> Iterator[int]:
        """Begin a transaction to write parts with numbers from the one given; end it by dropping the old parts."""
        name = held.layout.spec.name
        cursor = self._cursor()
        cursor.begin()
        try:
            yield self._next_number(name)
            for part in old:
                tables_parts.remove(cursor, name, part)
            self._on_step("upkeep: before commit")
            with self._swapping:
                cursor.commit()
                held.parts = tables_parts.listed_parts(cursor, name, self._objects)
        except BaseException:
            with contextlib.suppress(duckdb.Error):  # a failed commit has rolled back already
                cursor.rollback()
            raise
        self._on_step("upkeep: after commit")

    def _next_number(self, name: str) -> int:
        (found,) = self._cursor().execute("select max(number) from _parts where name = ?", [name]).fetchall()
        return (found[0] or 0) + 1

    def _refresh(self, held: Held) -> None:
        """Read the list of parts again; the newest hot part takes appends."""
        with self._swapping:
            held.parts = tables_parts.listed_parts(self._cursor(), held.layout.spec.name, self._objects)
            held.hot = max((p for p in held.parts if p.kind is PartKind.HOT), key=lambda part: part.number)
            found = self._cursor().execute(f"select count(*) from {held.hot.source}").fetchall()  # noqa: S608 - quoted
            held.hot_rows = found[0][0]

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
        tables_parts.open_hot(cursor, layout, 1)
        for table, texts in ((_labels(name), layout.label_columns), (_tags(name), TAG_COLUMNS)):
            listing = "".join(f", {quoted(text)} varchar" for text in texts)
            cursor.execute(f"create table {table} (_id integer{listing})")
        cursor.execute("insert into _tables values (?, ?)", [name, tables_layout.spec_text(layout.spec)])

    def _hold(self, spec: TableSpec) -> None:
        layout, cursor = Layout(spec), self._cursor()
        (found,) = cursor.execute("select max(last_commit) from _batches where name = ?", [spec.name]).fetchall()
        parts = tables_parts.listed_parts(cursor, spec.name, self._objects)
        held = Held(
            layout=layout,
            labels=Codes(layout.label_columns, self._entries(_labels(spec.name))),
            tags=Codes(TAG_COLUMNS, self._entries(_tags(spec.name))),
            position=found[0] or 0,
            parts=parts,
            hot=parts[0],
            hot_rows=0,
            last_time=tables_parts.last_time(cursor, layout, parts),
        )
        self._refresh(held)
        self._held[spec.name] = held

    def _entries(self, table: str) -> list[tuple[str | None, ...]]:
        return [row[1:] for row in self._cursor().execute(f"select * from {table} order by _id").fetchall()]  # noqa: S608 - quoted names


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
