"""Records on SQLite: WAL, STRICT tables, one writer at a time, fsync before a unit returns."""

from __future__ import annotations

import contextlib
import json
import threading
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import base as sqlite_base

from powerdesk.engines import bookkeeping
from powerdesk.engines.ports import bus as bus_port
from powerdesk.engines.ports import records as port

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from powerdesk.kernel.clock import Clock

WAIT_FOR_LOCK_MS = 10_000
READERS = 8
MORE_READERS = 56


class _StrictTypes(sqlite_base.SQLiteTypeCompiler):
    """Spell every column type as one of the five that STRICT tables allow."""

    def visit_VARCHAR(self, type_: Any, **options: Any) -> str:  # noqa: ARG002, N802 - SQLAlchemy's hook
        return "TEXT"

    def visit_BIGINT(self, type_: Any, **options: Any) -> str:  # noqa: ARG002, N802 - SQLAlchemy's hook
        return "INTEGER"

    def visit_BOOLEAN(self, type_: Any, **options: Any) -> str:  # noqa: ARG002, N802 - SQLAlchemy's hook
        return "INTEGER"

    def visit_DOUBLE(self, type_: Any, **options: Any) -> str:  # noqa: ARG002, N802 - SQLAlchemy's hook
        return "REAL"


class _StrictTables(sqlite_base.SQLiteDDLCompiler):
    """Close every CREATE TABLE with STRICT."""

    def post_create_table(self, table: sa.Table) -> str:
        table.dialect_options["sqlite"]["strict"] = True
        text: str = super().post_create_table(table)  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped
        return text


class SqliteRecords:
    """The Records port on one SQLite file.

    `migrations` is the Alembic script folder; version files are named `<revision>_<words>.py`.
    Units are serialised by a lock within the process and by BEGIN IMMEDIATE between processes.
    Readers see one snapshot, taken when they open, and cannot write.
    """

    def __init__(self, path: Path, *, clock: Clock, migrations: Path) -> None:
        self._clock = clock
        self._migrations = migrations
        self._writing = threading.Lock()
        self._relaying = threading.Lock()
        self._thread = threading.local()
        self._writer = _engine(path, begin="BEGIN IMMEDIATE", read_only=False)
        self._readers = _engine(path, begin="BEGIN", read_only=True)

    @contextlib.contextmanager
    def reader(self) -> Iterator[port.Reader]:
        """Open a snapshot for reading."""
        with self._readers.connect() as connection:
            # BEGIN alone fixes no snapshot: SQLite takes it at the first read.
            connection.exec_driver_sql("SELECT 1 FROM sqlite_master LIMIT 1").close()
            yield port.Reader(connection)

    @contextlib.contextmanager
    def unit(self) -> Iterator[port.Unit]:
        """Open a write transaction; a unit inside a unit of the same thread is a programming mistake."""
        if getattr(self._thread, "writing", False):
            raise AssertionError("found a unit opened inside a unit; pass the open unit on instead")
        with self._writing, _translated():
            self._thread.writing = True
            try:
                with self._writer.begin() as connection:
                    waiting: list[tuple[str, bus_port.Outgoing]] = []
                    yield port.Unit(connection, waiting)
                    self._queue(connection, waiting)
            finally:
                self._thread.writing = False

    def _queue(self, connection: sa.Connection, waiting: Sequence[tuple[str, bus_port.Outgoing]]) -> None:
        if waiting:
            queued_at = self._clock.now()
            rows = [
                {
                    "topic": topic,
                    "key": message.key,
                    "value": message.value,
                    "headers": json.dumps(dict(message.headers)),
                    "queued_at": queued_at,
                }
                for topic, message in waiting
            ]
            connection.execute(sa.insert(bookkeeping.outbox), rows)

    def migrate(self) -> None:
        """Bring the schema to the newest revision, forward only, in one transaction."""
        known = sorted(file.name.split("_", 1)[0] for file in (self._migrations / "versions").glob("[0-9]*_*.py"))
        with self.unit() as unit:
            present = _revision(unit.connection)
            if present == known[-1]:
                return
            if present is not None and present not in known:
                raise port.NewerSchemaError(
                    found=f"schema revision {present}",
                    allowed=f"revisions up to {known[-1]}",
                    remedy="start the version of powerdesk that wrote this data folder, or a newer one",
                )
            self._upgrade(unit.connection)

    def _upgrade(self, connection: sa.Connection) -> None:
        from alembic import command, config  # noqa: PLC0415 - 0.2 s that an up-to-date data folder need not pay

        settings = config.Config()
        settings.set_main_option("script_location", str(self._migrations).replace("%", "%%"))
        settings.set_main_option("path_separator", "os")
        settings.attributes["connection"] = connection
        command.upgrade(settings, "head")

    def restart_sequences(self, unit: port.Unit) -> None:
        """Do nothing: SQLite goes on after the greatest number that was ever inserted."""

    def relay_outbox(self, bus: bus_port.Bus, *, limit: int = 256) -> int:
        """Publish waiting outbox messages in order and remove them; return how many.

        A crash between the two publishes them again: receivers are safe to receive twice.
        """
        with self._relaying:
            with self.reader() as reader:
                rows = reader.connection.execute(
                    sa.select(bookkeeping.outbox).order_by(bookkeeping.outbox.c.sequence).limit(limit)
                ).all()
            if not rows:
                return 0
            for topic, messages in _runs_of_topic(rows):
                bus.publish(topic, messages)
            with self.unit() as unit:
                unit.connection.execute(
                    sa.delete(bookkeeping.outbox).where(bookkeeping.outbox.c.sequence <= rows[-1].sequence)
                )
            return len(rows)

    def tables(self) -> Sequence[str]:
        """Return the names of the tables present."""
        with self.reader() as reader:
            return tuple(sorted(sa.inspect(reader.connection).get_table_names()))

    def close(self) -> None:
        """Release connections."""
        self._readers.dispose()
        self._writer.dispose()


def _engine(path: Path, *, begin: str, read_only: bool) -> sa.Engine:
    engine = sa.create_engine(
        sa.URL.create("sqlite", database=str(path)),
        connect_args={"check_same_thread": False, "timeout": WAIT_FOR_LOCK_MS / 1000},
        poolclass=sa.QueuePool,
        pool_size=READERS if read_only else 1,
        max_overflow=MORE_READERS if read_only else 0,
    )
    engine.dialect.ddl_compiler = _StrictTables
    # Alembic compares by the second name of the same thing.
    engine.dialect.type_compiler_instance = engine.dialect.type_compiler = _StrictTypes(engine.dialect)

    @sa.event.listens_for(engine, "connect")
    def prepare(driver_connection: Any, _record: Any) -> None:
        driver_connection.isolation_level = None  # BEGIN is ours to say
        cursor = driver_connection.cursor()
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA fullfsync = ON")  # macOS: an fsync that reaches the platter; elsewhere without effect
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute(f"PRAGMA query_only = {'ON' if read_only else 'OFF'}")
        cursor.close()

    @sa.event.listens_for(engine, "begin")
    def start(connection: sa.Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    """Turn what SQLite says of a full disk or a long lock into problems that say what to do."""
    try:
        yield
    except sa.exc.OperationalError as error:
        message = str(error.orig)
        if "is full" in message:
            raise port.RecordsFullError(
                found="no space left for the records",
                allowed="a data folder with free space",
                remedy="free space on its disk and repeat; nothing of this change was kept",
            ) from error
        if "is locked" in message:
            raise port.RecordsBusyError(
                found=f"another process kept the records locked for {WAIT_FOR_LOCK_MS / 1000:g} s",
                allowed="one process that owns the data folder",
                remedy="end the other process or wait, then repeat; nothing of this change was kept",
                retry_after_s=WAIT_FOR_LOCK_MS / 1000,
            ) from error
        raise


def _revision(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return None if found is None else str(found)


def _runs_of_topic(rows: Sequence[Any]) -> list[tuple[str, list[bus_port.Outgoing]]]:
    """Group neighbours of one topic, keeping the order."""
    runs: list[tuple[str, list[bus_port.Outgoing]]] = []
    for row in rows:
        if not runs or runs[-1][0] != row.topic:
            runs.append((row.topic, []))
        runs[-1][1].append(bus_port.Outgoing(key=row.key, value=row.value, headers=json.loads(row.headers)))
    return runs
