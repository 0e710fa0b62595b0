"""Records on SQLite: WAL, STRICT tables, one writer at a time, fsync before a unit returns."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import base as sqlite_base

from powerdesk.engines import transactions
from powerdesk.engines.ports import records as port

if TYPE_CHECKING:
    from collections.abc import Iterator
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


class SqliteRecords(transactions.SqlRecords):
    """The Records port on one SQLite file.

    Units are serialised by a lock within the process and by BEGIN IMMEDIATE between processes, whatever they are over.
    Readers see one snapshot, taken when they open, and cannot write.
    """

    shared = False

    def __init__(self, path: Path, *, clock: Clock, migrations: Path) -> None:
        super().__init__(clock=clock, migrations=migrations)
        self._one_writer = threading.Lock()
        self._writer = _engine(path, begin="BEGIN IMMEDIATE", read_only=False)
        self._readers = _engine(path, begin="BEGIN", read_only=True)

    def version(self) -> str:
        """Return the name and version of the library."""
        with self.reader() as reader:
            return f"SQLite {reader.connection.exec_driver_sql('SELECT sqlite_version()').scalar_one()}"

    @contextlib.contextmanager
    def reader(self) -> Iterator[port.Reader]:
        """Open a snapshot for reading."""
        with self._readers.connect() as connection:
            # BEGIN alone fixes no snapshot: SQLite takes it at the first read.
            connection.exec_driver_sql("SELECT 1 FROM sqlite_master LIMIT 1").close()
            yield port.Reader(connection)

    @contextlib.contextmanager
    def _writing(self, over: tuple[str, ...] | None) -> Iterator[sa.Connection]:  # noqa: ARG002 - one writer at a time
        with self._one_writer, _translated(), self._writer.begin() as connection:
            yield connection

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
