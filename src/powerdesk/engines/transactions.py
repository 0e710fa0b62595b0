"""What Records does whatever the database behind: units, the outbox, migrations."""

from __future__ import annotations

import abc
import contextlib
import json
import threading
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from powerdesk.engines import bookkeeping
from powerdesk.engines.ports import bus as bus_port
from powerdesk.engines.ports import records as port

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from powerdesk.kernel.clock import Clock

OUTBOX = "outbox"


class SqlRecords(abc.ABC):
    """The Records port over one SQL database; an adapter says how transactions begin and wait.

    `migrations` is the Alembic script folder; version files are named `<revision>_<words>.py`.
    """

    shared: bool

    def __init__(self, *, clock: Clock, migrations: Path) -> None:
        self._clock = clock
        self._migrations = migrations
        self._relaying = threading.Lock()
        self._queued = threading.Event()
        self._thread = threading.local()

    @abc.abstractmethod
    def version(self) -> str:
        """Ask the engine for its name and version."""

    @abc.abstractmethod
    def reader(self) -> AbstractContextManager[port.Reader]:
        """Open a snapshot for reading."""

    @abc.abstractmethod
    def _writing(self, over: tuple[str, ...] | None) -> AbstractContextManager[sa.Connection]:
        """Open a write transaction over sorted names, None for everything; commit it at the end, durably."""

    @abc.abstractmethod
    def close(self) -> None:
        """Release connections."""

    def _migrating(self) -> AbstractContextManager[sa.Connection]:
        """Open the write transaction of a migration, which may take long."""
        return self._writing(None)

    @contextlib.contextmanager
    def _turn(self) -> Iterator[bool]:
        """Hold, among all processes, the turn to relay; False when another has it."""
        yield True

    @contextlib.contextmanager
    def unit(self, *, over: Sequence[str] | None = None) -> Iterator[port.Unit]:
        """Open a write transaction; a unit inside a unit of the same thread is a programming mistake."""
        if getattr(self._thread, "writing", False):
            raise AssertionError("found a unit opened inside a unit; pass the open unit on instead")
        names = None if over is None else tuple(sorted(set(over)))
        self._thread.writing = True
        try:
            with self._writing(names) as connection:
                waiting: list[tuple[str, bus_port.Outgoing]] = []
                yield port.Unit(connection, waiting, over=names)
                self._queue(connection, waiting)
            if waiting:
                self._queued.set()
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
        with self.reader() as reader:  # a process that finds nothing to do waits for nobody
            newest = self._is_newest(reader.connection)
        if not newest:
            with self._migrating() as connection:
                if not self._is_newest(connection):
                    self._upgrade(connection)

    def _is_newest(self, connection: sa.Connection) -> bool:
        known = sorted(file.name.split("_", 1)[0] for file in (self._migrations / "versions").glob("[0-9]*_*.py"))
        present = _revision(connection)
        if present is not None and present not in known:
            raise port.NewerSchemaError(
                found=f"schema revision {present}",
                allowed=f"revisions up to {known[-1]}",
                remedy="start the version of powerdesk that wrote these records, or a newer one",
            )
        return present == known[-1]

    def _upgrade(self, connection: sa.Connection) -> None:
        from alembic import command, config  # noqa: PLC0415 - 0.2 s that an up-to-date data folder need not pay

        settings = config.Config()
        settings.set_main_option("script_location", str(self._migrations).replace("%", "%%"))
        settings.set_main_option("path_separator", "os")
        settings.attributes["connection"] = connection
        command.upgrade(settings, "head")

    def restart_sequences(self, unit: port.Unit) -> None:  # noqa: B027 - a default that most engines keep
        """Let numbers that the engine gives out go on after those present; one that derives them needs nothing."""

    def relay_outbox(self, bus: bus_port.Bus, *, limit: int = 256) -> int:
        """Publish waiting outbox messages in order and remove them; return how many.

        A crash between the two publishes them again: receivers are safe to receive twice.
        """
        with self._relaying, self._turn() as mine:
            if not mine:
                return 0
            outbox = bookkeeping.outbox
            with self.reader() as reader:
                rows = reader.connection.execute(sa.select(outbox).order_by(outbox.c.sequence).limit(limit)).all()
            if not rows:
                return 0
            for topic, messages in _runs_of_topic(rows):
                bus.publish(topic, messages)
            # By number, not up to a number: a unit beside those read here may have committed a lower one since.
            published = [row.sequence for row in rows]
            with self.unit(over=(OUTBOX,)) as unit:
                unit.connection.execute(sa.delete(outbox).where(outbox.c.sequence.in_(published)))
            return len(rows)

    def await_outbox(self, *, timeout_s: float) -> None:
        """Return soon after a unit of this process has queued a message, or after the time-out."""
        self._queued.wait(timeout_s)
        self._queued.clear()

    def tables(self) -> Sequence[str]:
        """Return the names of the tables present."""
        with self.reader() as reader:
            return tuple(sorted(sa.inspect(reader.connection).get_table_names()))


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
