"""Records on PostgreSQL 15 or newer, by psycopg: many writers, ordered locks, bounded waits."""

from __future__ import annotations

import contextlib
import hashlib
import re
from typing import TYPE_CHECKING, Any

import psycopg
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import base as postgres_base

from powerdesk.engines import columns, transactions
from powerdesk.engines.ports import faults
from powerdesk.engines.ports import records as port
from powerdesk.engines.scaled import breaker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from powerdesk.kernel.clock import Clock

CONNECT_S = 3
LOCK_S = 5
STATEMENT_S = 6
SILENCE_S = 7.0
"""Beyond this the server itself is taken for gone, because it would have ended the statement before."""
IDLE_IN_TRANSACTION_S = 60
"""A unit whose process stalls gives its locks back after this."""
MIGRATE_S = 600
REST_S = 1.0
POOLED, MORE = 8, 24
WAIT_FOR_CONNECTION_S = 3.0
LOOK_EVERY_S = 0.1

FULL = frozenset({"53100"})
BUSY = frozenset({"55P03", "57014", "40P01", "40001", "53300"})
AWAY = frozenset({"57P01", "57P02", "57P03", "57P05", "25P03", "25P04"})

READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT 1"
WRITE = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"


class StalledError(psycopg.OperationalError):  # type: ignore[misc]  # psycopg is an extra, untyped to our checks
    """The server said nothing for SILENCE_S; the connection was given up."""


class _Impatient(psycopg.Connection[Any]):  # type: ignore[misc]  # as above
    """A connection that waits SILENCE_S for the next byte, where libpq would wait for ever."""

    patience_s = SILENCE_S

    def wait(self, gen: Any, *arguments: Any, **options: Any) -> Any:
        return super().wait(self._within(gen), *arguments, **options)

    def _within(self, gen: Any) -> Any:
        """Pass on what `gen` waits for; count the empty wake-ups, which psycopg sends every 0.1 s."""
        silent_s = 0.0
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                silent_s = 0.0 if ready else silent_s + LOOK_EVERY_S
                if silent_s > self.patience_s:
                    self.pgconn.finish()
                    raise StalledError(f"no answer for {self.patience_s:g} s")
                wanted = gen.send(ready)
        except StopIteration as end:
            return end.value


class _PlainOrder(postgres_base.PGDDLCompiler):
    """Give every text column the order of its bytes, as SQLite does, whatever the database's own language."""

    def get_column_specification(self, column: Any, **options: Any) -> str:
        text: str = super().get_column_specification(column, **options)  # type: ignore[no-untyped-call]  # SQLAlchemy's
        return re.sub(r" VARCHAR(\(\d+\))?", r' VARCHAR\1 COLLATE "C"', text, count=1)


class PostgresRecords(transactions.SqlRecords):
    """The Records port on one PostgreSQL database.

    A unit takes its locks with BEGIN, in one order: all names exclusively, or "everything" shared and then each name.
    They are transaction-scoped advisory locks, held until the commit is visible, so the statements of a unit see all
    that the units before it did: READ COMMITTED is enough and nothing has to be tried again. Decision 0010 tells why.
    """

    shared = True

    def __init__(self, url: str, *, clock: Clock, migrations: Path) -> None:
        super().__init__(clock=clock, migrations=migrations)
        self._breaker = breaker.Breaker(clock.monotonic_s, rest_s=REST_S)
        self._engine = _engine(url)

    def version(self) -> str:
        """Ask the server for its version."""
        with self.reader() as reader:
            return f"PostgreSQL {reader.connection.exec_driver_sql('SHOW server_version').scalar_one()}"

    @contextlib.contextmanager
    def reader(self) -> Iterator[port.Reader]:
        """Open a snapshot for reading."""
        with self._transaction(READ) as connection:
            yield port.Reader(connection)

    @contextlib.contextmanager
    def _writing(self, over: tuple[str, ...] | None) -> Iterator[sa.Connection]:
        with self._transaction(f"{WRITE}; {_locks(over)}") as connection:
            yield connection

    @contextlib.contextmanager
    def _migrating(self) -> Iterator[sa.Connection]:
        patience = f"SET LOCAL lock_timeout = '{MIGRATE_S}s'; SET LOCAL statement_timeout = '{MIGRATE_S}s'"
        with self._transaction(f"{WRITE}; {patience}; {_locks(None)}", patience_s=MIGRATE_S) as connection:
            yield connection

    @contextlib.contextmanager
    def _turn(self) -> Iterator[bool]:
        with self._transaction(WRITE) as connection:
            yield connection.exec_driver_sql(f"SELECT pg_try_advisory_xact_lock({_number('relay')})").scalar_one()

    @contextlib.contextmanager
    def _transaction(self, begin: str, *, patience_s: float = SILENCE_S) -> Iterator[sa.Connection]:
        with self._judged("nothing of this change was kept"):
            connection, transaction = self._open(begin, patience_s=patience_s)
        try:
            with self._judged("nothing of this change was kept"):
                yield connection
            with self._judged("whether this change was kept is not known: look before repeating it"):
                transaction.commit()
        finally:
            _release(connection)

    def _open(self, begin: str, *, patience_s: float) -> tuple[sa.Connection, sa.RootTransaction]:
        """Return a connection in a transaction; connections of the pool that died unnoticed are passed over."""
        if not self._breaker.allows():
            raise _away("it did not answer a moment ago", "nothing of this change was kept")
        for _ in range(POOLED + MORE + 1):
            connection = self._engine.connect()
            driver: Any = connection.connection.driver_connection
            fresh = not connection.info.get("used")
            connection.info["used"] = True
            driver.patience_s = patience_s
            try:
                transaction = connection.begin()
                driver.execute(begin, prepare=False)  # several statements: one round trip, never a prepared statement
            except psycopg.Error as error:
                connection.invalidate()
                connection.close()
                if fresh or isinstance(error, StalledError) or error.sqlstate in BUSY:
                    raise
            else:
                self._breaker.worked()
                return connection, transaction
        raise AssertionError("found more dead connections than the pool holds; allowed: each is met once")

    @contextlib.contextmanager
    def _judged(self, outcome: str) -> Iterator[None]:
        """Turn what the driver says of locks, space and lost connections into problems that say what to do."""
        try:
            yield
        except sa.exc.TimeoutError as error:
            raise _busy(f"all {POOLED + MORE} connections were in use for {WAIT_FOR_CONNECTION_S:g} s") from error
        except (psycopg.Error, sa.exc.DBAPIError) as error:
            cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
            problem = _problem(cause, outcome)
            if problem is None:
                raise
            if isinstance(problem, faults.EngineUnavailableError):
                self._breaker.failed()
            raise problem from error

    def restart_sequences(self, unit: port.Unit) -> None:
        """Let the sequences go on after the greatest number present."""
        for table in columns.metadata.sorted_tables:
            column = table.autoincrement_column
            if column is not None:
                sequence = sa.func.pg_get_serial_sequence(table.name, column.name)  # NULL, and so no effect, for others
                after = sa.func.coalesce(sa.func.max(column), 0) + 1
                unit.connection.execute(sa.select(sa.func.setval(sequence, after, sa.false())))

    def close(self) -> None:
        """Release connections."""
        self._engine.dispose()


def _engine(url: str) -> sa.Engine:
    limits = {
        "lock_timeout": f"{LOCK_S}s",
        "statement_timeout": f"{STATEMENT_S}s",
        "idle_in_transaction_session_timeout": f"{IDLE_IN_TRANSACTION_S}s",
        "synchronous_commit": "on",
        "timezone": "UTC",
    }
    options = " ".join(f"-c {name}={value}" for name, value in limits.items())

    def connect() -> Any:
        # Autocommit, because BEGIN is ours to say.
        return _Impatient.connect(
            url, autocommit=True, connect_timeout=CONNECT_S, options=options, application_name="powerdesk"
        )

    engine = sa.create_engine(
        "postgresql+psycopg://",
        creator=connect,
        pool_size=POOLED,
        max_overflow=MORE,
        pool_timeout=WAIT_FOR_CONNECTION_S,
        pool_use_lifo=True,
    )
    engine.dialect.ddl_compiler = _PlainOrder
    return engine


def _release(connection: sa.Connection) -> None:
    """Give the connection back, rolled back; one that died meanwhile has nothing to roll back and is dropped."""
    with contextlib.suppress(sa.exc.DBAPIError):
        connection.close()


def _locks(over: tuple[str, ...] | None) -> str:
    """Return the statement that takes a unit's locks, in the one order that all units keep."""
    if over is None:
        return f"SELECT pg_advisory_xact_lock({_number('')})"
    names = sorted(_number(f"over {name}") for name in over)
    taken = [f"SELECT pg_advisory_xact_lock_shared({_number('')})"]
    return "; ".join(taken + [f"SELECT pg_advisory_xact_lock({number})" for number in names])


def _number(name: str) -> int:
    digest = hashlib.blake2b(f"powerdesk {name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def _problem(error: BaseException | None, outcome: str) -> Exception | None:
    """Return the problem for what the driver raised, None when it is the caller's own mistake."""
    state = getattr(error, "sqlstate", None)
    said = str(error).strip().partition("\n")[0]
    if state in FULL:
        return port.RecordsFullError(
            found="no space left for the records",
            allowed="a database server with free space",
            remedy=f"free space on its disk and repeat; {outcome}",
        )
    if state in BUSY:
        return _busy(said)
    lost = (
        state in AWAY
        or (state or "").startswith("08")
        or (state is None and isinstance(error, psycopg.OperationalError))
    )
    return _away(said, outcome) if lost else None


def _busy(found: str) -> port.RecordsBusyError:
    return port.RecordsBusyError(
        found=found,
        allowed=f"locks free within {LOCK_S} s, statements done within {STATEMENT_S} s",
        remedy="repeat; nothing of this change was kept",
        retry_after_s=REST_S,
    )


def _away(found: str, outcome: str) -> faults.EngineUnavailableError:
    return faults.EngineUnavailableError(
        found=f"PostgreSQL: {found}",
        allowed="a database server that answers",
        remedy=f"wait for it, or start it, then repeat; {outcome}",
        retry_after_s=REST_S,
    )
