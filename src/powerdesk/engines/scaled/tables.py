"""Tables on a ClickHouse server: every revision in one MergeTree per table, chosen among at each read.

What counts is told by the ledger (`tables_ledger`), never by what the server's tables happen to hold.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from powerdesk.engines import declared as declarations
from powerdesk.engines import declared_rows
from powerdesk.engines.declared import Declared
from powerdesk.engines.ports import faults
from powerdesk.engines.ports.tables import Cut, Selection, TableSpec
from powerdesk.engines.scaled import tables_ledger as ledger
from powerdesk.engines.scaled import tables_names, tables_questions
from powerdesk.engines.scaled.tables_client import ClickHouseClient
from powerdesk.engines.scaled.tables_names import EPOCH_COLUMN, listed, quoted
from powerdesk.engines.scaled.tables_questions import FIRST, LAST, Question
from powerdesk.kernel.dtypes import Dtype

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from powerdesk.engines.scaled.tables_address import ClickHouseAddress
    from powerdesk.kernel.clock import Clock

INSERTED_ROWS_MAX = 50_000  # a batch of more goes in several requests, two at a time
MORE = 4  # how much more is asked for when a first group is larger than the limit


class ClickTables:
    """Threads and processes share the server; of each table there is one writer at a time, as the port says.

    Nothing is asked of the server before the first call. While it is away every call raises EngineUnavailableError, at
    once after the first; as soon as it answers again everything goes on.
    """

    def __init__(self, address: ClickHouseAddress, *, password: str, clock: Clock) -> None:
        self._client = ClickHouseClient(address, password=password, clock=clock)
        self._writing = threading.Lock()
        self._inserting = ThreadPoolExecutor(2, thread_name_prefix="tables-insert")
        self._tables: dict[str, tuple[int, Declared]] = {}
        self._epochs: dict[str, int] = {}
        """Epochs that this object writes in and in which nothing failed yet."""

    @property
    def shared(self) -> bool:
        """Tell that the server is there for every process."""
        return True

    def version(self) -> str:
        """Ask the server for its version."""
        found = self._client.ask("SELECT version() AS version", {}, doing="asking who it is")
        return f"ClickHouse {found.column('version')[0].as_py()}"

    def define(self, spec: TableSpec) -> None:
        """Create the table if absent; add new nullable columns; raise UnfitRequestError on any other difference."""
        doing = f"defining table {spec.name}"
        new = Declared(declarations.checked_spec(spec))
        tables_names.check_names(new)
        with self._writing:
            ledger.make(self._client)
            self._read_specs(doing)
            version, old = self._tables.get(spec.name, (0, None))
            if old is None:
                self._client.tell(tables_names.creation(new), doing=doing)
            elif added := declarations.grown(old.spec, spec):
                adding = ", ".join(f"ADD COLUMN IF NOT EXISTS {tables_names.column(new, each)}" for each in added)
                self._client.tell(f"ALTER TABLE {quoted(spec.name)} {adding}", doing=doing)
            else:
                return
            ledger.note_spec(self._client, spec, version=version + 1, doing=doing)
            self._tables[spec.name] = (version + 1, new)

    def append(self, table: str, *, batch_id: str, rows: pa.Table) -> bool:
        """Append durably and atomically; return False when this batch id is already there.

        When it raises, the batch is not there or is wholly there; append it again to know.
        """
        doing = f"appending to table {table}"
        if not batch_id:
            raise faults.UnfitRequestError(found="a batch without an id", allowed="a text", remedy="name the batch")
        with self._writing:
            declared = self._declared(table, doing)
            counted, is_there = ledger.read_for(self._client, table, batch_id, doing=doing)
            if is_there:
                return False
            rows = declared_rows.checked_rows(declared, rows, position=counted.position)
            _check_instants(declared, rows)
            commit = max(counted.position, pc.max(rows.column("commit")).as_py() or 0)
            if self._epochs.get(table) != counted.epoch or counted.epoch == 0:
                self._epochs[table] = ledger.begin_epoch(self._client, table, counted, doing=doing)
            epoch = self._epochs.pop(table)  # lost unless all goes well: then the next append begins another
            self._insert(table, rows, epoch=epoch, batch_id=batch_id, doing=doing)
            batch = (batch_id, rows.num_rows)
            ledger.note_batch(self._client, table, epoch=epoch, commit=commit, batch=batch, doing=doing)
            self._epochs[table] = epoch
        return True

    def rows(self, table: str, *, selection: Selection, cut: Cut) -> pa.Table:
        """Return the belief in force for each key at the cut, in key order, retractions included."""
        question = self._question(table, selection, cut=cut)
        return self._answer(question, tables_questions.rows(question, question.names), question.names)

    def latest(self, table: str, *, selection: Selection, cut: Cut) -> pa.Table:
        """Return, per series, the row of `rows` with the greatest time, in series order."""
        question = self._question(table, selection, cut=cut, by_series=True)
        return self._answer(question, tables_questions.latest(question, question.names), question.names)

    def history(self, table: str, *, selection: Selection, cut: Cut) -> pa.Table:
        """Return every revision within the cut, ordered by key, source, published_at, commit."""

        def asked(wider: Selection) -> Question:
            return self._question(table, wider, cut=cut, every_revision=True)

        return self._whole_groups(asked, tables_questions.history, selection, by=None)

    def changes(self, table: str, *, after: int, upto: int, selection: Selection) -> pa.Table:
        """Return rows with after < commit <= upto in commit order, then key order."""
        if selection.after is not None or selection.descending:
            raise faults.UnfitRequestError(
                found="`after` or `descending` in a read of changes",
                allowed="commits in rising order",
                remedy="continue with `after` = the last commit received",
            )

        def asked(wider: Selection) -> Question:
            return self._question(table, wider, commits=(after, upto), every_revision=True)

        return self._whole_groups(asked, tables_questions.changes, selection, by=("commit",))

    def count(self, table: str, *, selection: Selection, cut: Cut) -> int:
        """Return how many rows `rows` would return without a limit."""
        question = self._question(table, replace(selection, limit=None), cut=cut)
        found = self._client.ask(tables_questions.count(question), question.parameters, doing=f"counting in {table}")
        number: int = found.column("n")[0].as_py()
        return number

    def in_memory(self, table: str, *, since: datetime | None) -> bool:
        """Tell that every read asks the server."""
        del table, since
        return False

    def position(self, table: str) -> int:
        """Return the highest commit applied, 0 when none."""
        doing = f"reading the position of table {table}"
        self._declared(table, doing)
        return ledger.read(self._client, table, doing=doing).position

    def seal(self, table: str, *, before: datetime) -> int:
        """Merge whole UTC months before `before` into one sorted part each; return the rows newly put in order.

        The rows stay on the server; where its storage policy has a cold volume, that policy moves them.
        """
        doing = f"sealing table {table}"
        question = self._question(table, Selection(end=_month_of(before)), every_revision=True)
        done = ledger.sealed(self._client, table, doing=doing)
        month = f"toYYYYMM({quoted(question.declared.spec.time_column)})"
        months, uptos = question.bind([0, *done], "Array(UInt32)"), question.bind([-1, *done.values()], "Array(Int64)")
        sql = f"""SELECT {month} AS month, count() AS row_count FROM {question.table} WHERE {question.scope()}
            AND commit > transform({month}, {months}, {uptos}, toInt64(-1)) GROUP BY month ORDER BY month"""  # noqa: S608 - quoted names, bound values
        found = self._client.ask(sql, question.parameters, doing=doing).to_pylist()
        upto = question.counted.position
        for each in found:
            self._client.tell(f"OPTIMIZE TABLE {question.table} PARTITION ID '{int(each['month'])}' FINAL", doing=doing)
            ledger.note_sealed(self._client, table, month=each["month"], upto=upto, doing=doing)
        return sum(each["row_count"] for each in found)

    def forget(self, table: str, *, before: datetime) -> int:
        """Delete whole UTC months before `before`; return the rows that count no more.

        They leave the disk at the first call an hour later or more, so that no read meets them half gone.
        """
        doing, floor = f"forgetting rows of table {table}", _month_of(before)
        question = self._question(table, Selection(end=floor), every_revision=True)
        sql = f"SELECT count() AS n FROM {question.table} WHERE {question.scope()}"  # noqa: S608 - as above
        number: int = self._client.ask(sql, question.parameters, doing=doing).column("n")[0].as_py()
        if number:
            floor_us, upto = declarations.micros(floor), question.counted.position
            ledger.note_forgotten(self._client, table, floor_us=floor_us, upto=upto, doing=doing)
        for floor_us, upto in ledger.long_forgotten(self._client, table, doing=doing):
            self._delete(question, floor_us=floor_us, upto=upto, doing=doing)
        return number

    def _delete(self, question: Question, *, floor_us: int, upto: int, doing: str) -> None:
        """Let the server delete forgotten rows in its own time; those that came later for the same months stay."""
        time = quoted(question.declared.spec.time_column)
        gone = f"{time} < fromUnixTimestamp64Micro({{floor:Int64}}, 'UTC') AND commit <= {{upto:Int64}}"
        sql = f"SELECT DISTINCT toYYYYMM({time}) AS month FROM {question.table} WHERE {gone}"  # noqa: S608 - as above
        for each in self._client.ask(sql, {"floor": floor_us, "upto": upto}, doing=doing).to_pylist():
            where = f"IN PARTITION ID '{int(each['month'])}' WHERE commit <= {int(upto)}"
            self._client.tell(f"ALTER TABLE {question.table} DELETE {where}", doing=doing)

    def close(self) -> None:
        """Let the connections go; nothing acknowledged is lost."""
        self._inserting.shutdown()
        self._client.close()

    def _read_specs(self, doing: str) -> None:
        found = ledger.specs(self._client, doing=doing)
        self._tables = {name: (version, Declared(spec)) for name, (version, spec) in found.items()}

    def _declared(self, table: str, doing: str) -> Declared:
        if table not in self._tables:
            self._read_specs(doing)
        if table not in self._tables:
            raise faults.UnfitRequestError(
                found=f"table {table!r}",
                allowed=", ".join(sorted(self._tables)) or "none is defined yet",
                remedy="define the table first",
            )
        return self._tables[table][1]

    def _question(self, table: str, selection: Selection, *, cut: Cut | None = None, **how: Any) -> Question:
        """Return a question about what counts now."""
        doing = f"reading table {table}"
        declared = self._declared(table, doing)
        declared.check_known([*selection.within, *(selection.columns or ())])
        return Question(declared, ledger.read(self._client, table, doing=doing), selection, cut=cut, **how)

    def _answer(self, question: Question, sql: str, names: Sequence[str]) -> pa.Table:
        found = self._client.ask(sql, question.parameters, doing=f"reading table {question.declared.spec.name}")
        return found.cast(question.declared.arrow_schema(names))

    def _whole_groups(
        self,
        asked: Callable[[Selection], Question],
        compose: Callable[[Question, Sequence[str]], str],
        selection: Selection,
        *,
        by: tuple[str, ...] | None,
    ) -> pa.Table:
        """Return rows that a limit cuts only between groups, which share the columns `by` or the key.

        A first group that is larger than the limit comes whole.
        """
        limit = wider = selection.limit
        while True:
            question = asked(replace(selection, limit=wider))
            group = by or question.declared.spec.key
            names = tuple(dict.fromkeys((*question.names, *group)))
            found = self._answer(question, compose(question, names), names)
            stop = found.num_rows
            if limit is not None and stop > limit:
                stop = limit and (_last_start(found, group, limit) or _first_end(found, group))
            if wider is None or stop < found.num_rows or found.num_rows <= wider:
                return found.slice(0, stop).select(question.names)
            wider *= MORE

    def _insert(self, table: str, rows: pa.Table, *, epoch: int, batch_id: str, doing: str) -> None:
        """Insert the rows by as few requests as their number allows, and wait for all of them."""
        if not rows.num_rows:
            return
        names = [*rows.column_names, EPOCH_COLUMN]
        epochs = pa.repeat(pa.scalar(epoch, pa.uint32()), rows.num_rows)
        rows = rows.append_column(EPOCH_COLUMN, epochs)
        into = f"{quoted(table)} ({listed(names)})"
        parts = range(0, rows.num_rows, INSERTED_ROWS_MAX)
        sent = [
            self._inserting.submit(
                self._client.insert,
                into,
                rows.slice(start, INSERTED_ROWS_MAX),
                token=f"{table}:{epoch}:{batch_id}:{start}",
                doing=doing,
            )
            for start in parts
        ]
        failures = [failure for each in sent if (failure := each.exception()) is not None]
        if failures:
            raise failures[0]


def _month_of(moment: datetime) -> datetime:
    """Return the beginning of the UTC month of an instant."""
    utc = moment.astimezone(UTC)
    return datetime(utc.year, utc.month, 1, tzinfo=UTC)


def _last_start(found: pa.Table, group: Sequence[str], index: int) -> int:
    """Return where the group of the row at `index` begins."""
    columns = [found.column(name) for name in group]
    own = [column[index] for column in columns]
    while index > 0 and [column[index - 1] for column in columns] == own:
        index -= 1
    return index


def _first_end(found: pa.Table, group: Sequence[str]) -> int:
    """Return where the first group ends."""
    columns, index = [found.column(name) for name in group], 1
    first = [column[0] for column in columns]
    while index < found.num_rows and [column[index] for column in columns] == first:
        index += 1
    return index


def _check_instants(declared: Declared, rows: pa.Table) -> None:
    """Raise UnfitRequestError for instants that the server's type does not hold."""
    wrong = []
    for name, column in declared.columns.items():
        if column.dtype is Dtype.INSTANT and rows.num_rows - rows.column(name).null_count:
            span = pc.min_max(pc.cast(rows.column(name), pa.int64())).as_py()
            fits = declarations.micros(FIRST) <= span["min"] and span["max"] <= declarations.micros(LAST)
            wrong += [] if fits else [f"column {name!r} has an instant outside of them"]
    if wrong:
        raise faults.UnfitRequestError(
            found=f"rows for table {declared.spec.name}: {'; '.join(wrong)}",
            allowed=f"instants from {FIRST:%Y-%m-%d} to {LAST:%Y-%m-%d}",
            remedy="correct the batch and append it again",
        )
