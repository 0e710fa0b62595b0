"""The DuckDB file: one connection, a cursor for each thread, transactions that end, a way back from a broken state."""

from __future__ import annotations

import contextlib
import shutil
import threading
from typing import TYPE_CHECKING

import duckdb

from powerdesk.engines.embedded import tables_parts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CATALOG = f"""
create table if not exists _tables (name varchar primary key, spec varchar not null);
create table if not exists _batches (name varchar, batch_id varchar, last_commit bigint, primary key (name, batch_id));
{tables_parts.LIST_OF_PARTS};
"""
LOG_SIZE_MAX = "256MB"
"""Above this size of log an append would stop to write it into the file; upkeep does so long before."""


FREE_BYTES_MIN = 16 << 20
"""What must be free beside twice the log to write it into the file: DuckDB does not survive a failure there."""


class File:
    """An open file; threads share it. `broken` is set once DuckDB refuses to go on; `reopen` then goes on."""

    def __init__(self, path: Path, *, threads: int, memory_limit: str) -> None:
        self._path = path
        self._config: dict[str, str | bool | int | float | list[str]] = {
            "threads": threads,
            "memory_limit": memory_limit,
            "checkpoint_threshold": LOG_SIZE_MAX,
        }
        self.broken = False
        self._open()

    def reopen(self) -> None:
        """Open the file anew, as it was after the last commit; no thread keeps its cursor."""
        self._local = threading.local()
        self._connection.close()
        self._open()
        self.broken = False

    def _open(self) -> None:
        self._local = threading.local()
        self._connection = duckdb.connect(str(self._path), config=self._config)
        self._connection.execute("set global TimeZone = 'UTC'")
        self._connection.execute("set global parquet_metadata_cache = true")
        self._connection.execute(CATALOG)

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """Return the cursor of this thread."""
        cursor: duckdb.DuckDBPyConnection | None = getattr(self._local, "cursor", None)
        if cursor is None:
            cursor = self._local.cursor = self._connection.cursor()
        return cursor

    @contextlib.contextmanager
    def transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Commit what the block did, or nothing."""
        cursor = self.cursor()
        cursor.begin()
        try:
            yield cursor
            cursor.commit()
        except BaseException:
            self.undo(cursor)
            raise

    def undo(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """Roll back, unless a failed commit has done so already."""
        with contextlib.suppress(duckdb.Error):
            cursor.rollback()

    def write_log(self) -> None:
        """Write the log into the file, if there is room and no append is under way; the next time will do as well."""
        logged = self._path.with_name(f"{self._path.name}.wal")
        needed = FREE_BYTES_MIN + 2 * (logged.stat().st_size if logged.exists() else 0)
        if shutil.disk_usage(self._path.parent).free < needed:
            return
        with contextlib.suppress(duckdb.TransactionException):
            self.cursor().execute("checkpoint")

    def close(self) -> None:
        """Write the log into the file and release it."""
        self._connection.close()
