"""Tables in one DuckDB file, with old months as sorted Parquet in Objects."""

from __future__ import annotations

import contextlib
import logging
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from powerdesk.engines import declared, declared_rows, lean_memory
from powerdesk.engines.embedded import (
    tables_answers,
    tables_dictionary,
    tables_held,
    tables_layout,
    tables_parts,
    tables_upkeep,
)
from powerdesk.engines.embedded.tables_faults import translated
from powerdesk.engines.embedded.tables_file import File
from powerdesk.engines.embedded.tables_layout import LABEL, TAG, Layout, listed, quoted
from powerdesk.engines.embedded.tables_parts import Part, PartKind
from powerdesk.engines.embedded.tables_scope import Scope
from powerdesk.engines.ports import faults
from powerdesk.engines.ports.tables import Selection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

    from powerdesk.engines.embedded.tables_held import Held
    from powerdesk.engines.embedded.tables_reading import Fetch
    from powerdesk.engines.embedded.tables_recent import Recent
    from powerdesk.engines.ports.objects import Objects
    from powerdesk.engines.ports.tables import Cut, TableSpec

T = TypeVar("T")
log = logging.getLogger(__name__)

HOT_ROWS_MAX = 1 << 16
RECENT_ROWS_MAX = 200_000
UNSETTLED_ROWS_MAX = 800_000  # in memory whatever `recent_rows_max` says; beyond, appends slow down, at twice they wait
UNSETTLED_WAIT_S = 0.1
BLOCK_ROWS_MAX = 1 << 22
REPLACED_TIMES_MAX = 20  # a read begins again when upkeep replaced a part under it


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
        recent_rows_max: int = RECENT_ROWS_MAX,
        on_step: Callable[[str], None] = lambda _step: None,
    ) -> None:
        self._path = path
        self._objects = objects
        self._hot_rows_max = hot_rows_max
        self._recent_rows_max = recent_rows_max
        self._on_step = on_step
        self._upkeep = threading.RLock()
        self._writing = threading.RLock()
        self._swapping = threading.Lock()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="tables-upkeep")
        self._settling: Future[None] | None = None
        self._held: dict[str, Held] = {}
        self._trim = lean_memory.Trim()
        with translated(f"opening {path}"):
            self._file = File(path, threads=threads, memory_limit=memory_limit)
            for (text,) in self._file.cursor().execute("select spec from _tables").fetchall():
                self._hold(declared.spec_of(text))

    def define(self, spec: TableSpec) -> None:
        """Create the table if absent; add new nullable columns; raise UnfitRequestError on any other difference."""
        layout = Layout(declared.checked_spec(spec))
        with self._working(f"defining table {spec.name}"), self._upkeep, self._writing:
            held = self._held.get(spec.name)
            if held is None:
                with self._file.transaction() as cursor:
                    tables_parts.open_hot(cursor, layout, 1)
                    tables_dictionary.create(cursor, layout)
                    cursor.execute("insert into _tables values (?, ?)", [spec.name, declared.spec_text(spec)])
            elif added := declared.grown(held.view.layout.spec, spec):
                with self._file.transaction() as cursor:
                    for column in added:
                        kind = layout.stored[column.name]
                        cursor.execute(f"alter table {held.hot.source} add column {quoted(column.name)} {kind}")
                    cursor.execute(
                        "update _parts set columns = ? where name = ? and number = ?",
                        [sorted(layout.stored), spec.name, held.hot.number],
                    )
                    cursor.execute("update _tables set spec = ? where name = ?", [declared.spec_text(spec), spec.name])
            else:
                return
            self._hold(spec)

    def append(self, table: str, *, batch_id: str, rows: pa.Table) -> bool:
        """Append durably and atomically; return False when this batch id is already there."""
        with self._working(f"appending to table {table}"), self._writing:
            held = self._table(table)
            cursor = self._file.cursor()
            seen = cursor.execute("select 1 from _batches where name = ? and batch_id = ?", [table, batch_id])
            if seen.fetchall():
                return False
            view = held.view
            rows = declared_rows.checked_rows(view.layout, rows, position=view.position)
            labels, new_labels = view.labels.encode(rows)
            tags, new_tags = view.tags.encode(rows)
            last = max(view.position, pc.max(rows.column("commit")).as_py() or 0)
            plain = [name for name in view.layout.stored if name not in (LABEL, TAG)]
            stored = rows.select(plain).append_column(LABEL, pa.array(labels)).append_column(TAG, pa.array(tags))
            recent = view.recent.extended(stored)  # not seen by readers before it is committed
            with self._file.transaction() as cursor:
                cursor.execute("insert into _batches values (?, ?, ?)", [table, batch_id, last])
                tables_dictionary.insert(cursor, tables_dictionary.labels_of(table), view.labels, new_labels)
                tables_dictionary.insert(cursor, tables_dictionary.tags_of(table), view.tags, new_tags)
                cursor.register("_rows", stored)
                names = listed(list(view.layout.stored))
                cursor.execute(f"insert into {held.hot.source} ({names}) select {names} from _rows")  # noqa: S608 - quoted names
            newest = pc.max(rows.column(view.layout.spec.time_column)).as_py()
            held.hot_rows += rows.num_rows
            held.publish(
                labels=view.labels.extended(new_labels),
                tags=view.tags.extended(new_tags),
                position=last,
                recent=recent,
                last_time=max((t for t in (view.last_time, newest) if t is not None), default=None),
            )
            self._trim.after_growth()
        self._upkeep_in_time(table)
        return True

    def rows(self, table: str, *, selection: Selection, cut: Cut) -> pa.Table:
        """Return the belief in force for each key at the cut, in key order, retractions included."""
        return self._answer(table, tables_answers.rows, selection=selection, cut=cut)

    def latest(self, table: str, *, selection: Selection, cut: Cut) -> pa.Table:
        """Return, per series, the row of `rows` with the greatest time, in series order."""
        return self._answer(table, tables_answers.latest, selection=selection, cut=cut, by_series=True)

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

    def in_memory(self, table: str, *, since: datetime | None) -> bool:
        """Tell whether all rows with a time of `since` or later are among the newest, which memory holds."""
        return Scope(self._table(table).readable, Selection(start=since)).in_memory

    def position(self, table: str) -> int:
        """Return the highest commit applied, 0 when none."""
        return self._table(table).view.position

    def settle(self, table: str) -> None:
        """Sort every hot row into one block now; by itself this happens, in steps, once enough has been appended."""
        self._settle(table, everything=True)

    def seal(self, table: str, *, before: datetime) -> int:
        """Move whole UTC months before `before` into Objects as sorted Parquet; return rows moved."""
        floor = tables_parts.month_of(before)
        with self._working(f"sealing table {table}"), self._upkeep:
            held = self._table(table)
            upto = self._rotate(held)
            old = tuple(p for p in held.view.parts if p.kind is not PartKind.FILE and p.number != held.hot.number)
            old = tuple(p for p in old if p.first_time is None or p.first_time < floor)
            scope = self._every_row(held, old)
            cursor = self._file.cursor()
            tables_upkeep.register(cursor, scope)
            files: list[tuple[Part, str]] = []
            for month, where in tables_upkeep.months_before(cursor, scope, floor):
                files += tables_upkeep.write_files(cursor, scope, self._objects, month=month, where=where)
                self._on_step("seal: month written")
            if not files:
                return 0
            rest = f"r.{quoted(held.view.layout.spec.time_column)} >= {tables_layout.instant(floor)}"
            with self._replacing(held, old, upto) as number:
                for offset, (part, key) in enumerate(files, start=1):
                    tables_parts.add(cursor, table, replace(part, number=number + offset), object_key=key)
                tables_upkeep.write_block(cursor, scope, number=number, where=rest)
            self._file.write_log()
            return sum(part.row_count for part, _ in files)

    def forget(self, table: str, *, before: datetime) -> int:
        """Delete whole UTC months before `before`, sealing them first; return rows deleted."""
        self.seal(table, before=before)
        # On the worker: what it does with rows in memory must not meet this.
        return self._worker.submit(self._forget, table, tables_parts.month_of(before)).result()

    def _forget(self, table: str, floor: datetime) -> int:
        with self._upkeep, self._writing, translated(f"forgetting rows of table {table}"):
            held = self._table(table)
            old = tuple(part for part in held.view.parts if part.is_before(floor))
            if old:
                with self._swapping:
                    with self._file.transaction() as cursor:
                        tables_parts.strike(cursor, table, old)
                        self._on_step("forget: before commit")
                    self._hold_again(held)
                self._on_step("forget: after commit")
                self._file.write_log()
            tables_upkeep.delete_files(self._objects, table, before=floor)
        return sum(part.row_count for part in old)

    def _hold_again(self, held: Held) -> None:
        """Show readers a view read from the file again, with as many rows in memory as before."""
        room = held.view.recent.count
        seen = tables_held.opened(self._file.cursor(), held.view.layout.spec, self._objects, rows_max=room).view
        held.publish(parts=seen.parts, recent=seen.recent, settled=seen.settled, last_time=seen.last_time)

    @property
    def shared(self) -> bool:
        """Tell that one process owns the file."""
        return False

    def version(self) -> str:
        """Return the name and version of the library."""
        return f"DuckDB {duckdb.__version__}"

    def close(self) -> None:
        """Finish upkeep under way, write the log into the file and release it."""
        self._worker.shutdown(wait=True, cancel_futures=True)
        with self._upkeep, self._writing, translated(f"closing {self._path}"):
            self._file.close()

    def _upkeep_in_time(self, table: str) -> None:
        """Start sorting in the background when enough is hot or too much is in memory; wait when it lags far behind."""
        busy = self._settling is not None and not self._settling.done()
        if not busy and (self._held[table].hot_rows >= self._hot_rows_max or self._rows_too_many > 0):
            with contextlib.suppress(RuntimeError):  # closing: the next opening will do it
                self._settling = self._worker.submit(self._settle_quietly, table)
        unsettled = self._held[table].unsettled_rows
        if unsettled > UNSETTLED_ROWS_MAX and self._settling is not None:
            with contextlib.suppress(TimeoutError):
                self._settling.result(None if unsettled > 2 * UNSETTLED_ROWS_MAX else UNSETTLED_WAIT_S)

    @property
    def _rows_too_many(self) -> int:
        return sum(held.view.recent.count for held in self._held.values()) - self._recent_rows_max

    def _settle_quietly(self, table: str) -> None:
        """Sort in the background; a failure leaves everything as it was and is tried again after the next append."""
        try:
            largest = max(self._held.values(), key=lambda held: held.view.recent.count)
            for name in {table, largest.name} if self._rows_too_many > 0 else {table}:
                self._settle(name, everything=False)
            self._shrink(largest)
        except faults.EngineUnavailableError as failure:
            log.warning("table %s stays unsorted for now: %s", table, failure)

    def _shrink(self, held: Held) -> None:
        """Let a table's oldest times go from memory when there are too many rows in all; appends go on meanwhile."""
        view = held.view
        left = view.recent.count - self._rows_too_many - self._recent_rows_max // 4
        if self._rows_too_many > 0:
            less = view.recent.shrunk(max(left, 0), settled=view.settled)
            less, seen = _with_rest(less, held.view.recent, view.recent.count)
            with self._writing:
                less, _ = _with_rest(less, held.view.recent, seen)
                held.publish(recent=less)

    def _settle(self, table: str, *, everything: bool) -> None:
        with self._working(f"sorting table {table}"), self._upkeep:
            held = self._table(table)
            upto = self._rotate(held)
            closed = tuple(part for part in held.view.parts if part.number != held.hot.number)
            old = tables_upkeep.mergeable(closed, block_rows_max=BLOCK_ROWS_MAX, everything=everything)
            if all(part.is_sorted for part in old) and len(old) <= 1:
                return
            scope = self._every_row(held, old)
            cursor = self._file.cursor()
            tables_upkeep.register(cursor, scope)
            with self._replacing(held, old, upto) as number:
                tables_upkeep.write_block(cursor, scope, number=number)
            self._file.write_log()

    def _answer(self, table: str, ask: Callable[[Scope, Fetch], T], *, selection: Selection, **scope: Any) -> T:
        """Ask the table through a cursor of this thread; begin again when upkeep replaced a part meanwhile."""
        with self._working(f"reading table {table}"):
            self._table(table).view.layout.check_known([*selection.within, *(selection.columns or ())])
            for attempt in range(REPLACED_TIMES_MAX):
                view = self._table(table).readable
                try:
                    return ask(Scope(view, selection, **scope), self._fetch)
                except (duckdb.CatalogException, duckdb.IOException):
                    with self._swapping:  # a commit is not told from its list of parts while this is held
                        if view.parts is self._table(table).readable.parts:
                            raise
                except duckdb.FatalException:  # upkeep met a full disk: what was committed is read from the file anew
                    if attempt:
                        raise
                    self._file.broken = True
                    self._reopen()
        raise AssertionError(f"parts of {table} were replaced {REPLACED_TIMES_MAX} times during one read")

    @contextlib.contextmanager
    def _working(self, doing: str) -> Iterator[None]:
        """Say a failure in the words of the port; open the file anew first when DuckDB had refused to go on."""
        with translated(doing):
            if self._file.broken:
                self._reopen()
            try:
                yield
            except duckdb.FatalException:
                self._file.broken = True
                raise

    def _reopen(self) -> None:
        with self._upkeep, self._writing:
            if self._file.broken:
                self._file.reopen()
                for held in tuple(self._held.values()):
                    self._hold(held.view.layout.spec)

    def _fetch(self, scope: Scope, sql: str) -> pa.Table:
        cursor = self._file.cursor()
        for name, table in scope.registered().items():
            cursor.register(name, table)
        return cursor.sql(sql).to_arrow_table()

    def _every_row(self, held: Held, parts: tuple[Part, ...]) -> Scope:
        return Scope(replace(held.view, parts=parts), Selection(), every_revision=True)

    def _rotate(self, held: Held) -> int:
        """Close the hot part, when it has rows, and open an empty one; return the last commit in closed parts."""
        with self._writing:
            if held.hot_rows:
                name = held.name
                with self._file.transaction() as cursor:
                    cursor.execute(
                        "update _parts set row_count = ? where name = ? and number = ?",
                        [held.hot_rows, name, held.hot.number],
                    )
                    tables_parts.open_hot(cursor, held.view.layout, self._next_number(name))
                held.refresh(self._file.cursor(), self._objects)
            return held.view.position

    @contextlib.contextmanager
    def _replacing(self, held: Held, old: tuple[Part, ...], upto: int) -> Iterator[int]:
        """Begin a transaction to write parts with numbers from the one given; end it by dropping the old parts.

        Sorted parts then hold every commit up to `upto`.
        """
        name = held.name
        cursor = self._file.cursor()
        cursor.begin()
        try:
            yield self._next_number(name)
            for part in old:
                tables_parts.remove(cursor, name, part)
            self._on_step("upkeep: before commit")
            with self._swapping:
                cursor.commit()
                held.publish(parts=tables_parts.listed_parts(cursor, name, self._objects), settled=upto)
        except BaseException:
            self._file.undo(cursor)
            raise
        self._on_step("upkeep: after commit")

    def _next_number(self, name: str) -> int:
        (found,) = self._file.cursor().execute("select max(number) from _parts where name = ?", [name]).fetchall()
        return (found[0] or 0) + 1

    def _table(self, name: str) -> Held:
        held = self._held.get(name)
        if held is None:
            raise faults.UnfitRequestError(
                found=f"table {name!r}",
                allowed=", ".join(sorted(self._held)) or "no table is defined yet",
                remedy="define the table first",
            )
        return held

    def _hold(self, spec: TableSpec) -> None:
        room = self._recent_rows_max - sum(h.view.recent.count for n, h in self._held.items() if n != spec.name)
        self._held[spec.name] = tables_held.opened(self._file.cursor(), spec, self._objects, rows_max=room // 2)


def _with_rest(less: Recent, now: Recent, seen: int) -> tuple[Recent, int]:
    """Return `less` with the rows that came to `now` after the first `seen`, and how many `now` has."""
    return less.extended(pa.table(now.arrays(np.arange(seen, now.count), list(now.layout.stored)))), now.count
