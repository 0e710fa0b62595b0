"""Records: transactions over SQLAlchemy Core tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Protocol

from powerdesk.kernel.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from sqlalchemy import Connection

    from powerdesk.engines.ports.bus import Bus, Outgoing


class RecordsFullError(Problem):
    """The disk is full; the unit left nothing behind."""

    status: ClassVar[int] = 507
    slug: ClassVar[str] = "disk-full"
    title: ClassVar[str] = "No space left"


class RecordsBusyError(Problem):
    """Another process holds the write lock for too long."""

    status: ClassVar[int] = 503
    slug: ClassVar[str] = "records-busy"
    title: ClassVar[str] = "The records are busy"


class NewerSchemaError(Problem):
    """The data was written by a newer version; there is no way back."""

    status: ClassVar[int] = 500
    slug: ClassVar[str] = "newer-schema"
    title: ClassVar[str] = "The data folder is newer than this program"


class Reader:
    """A read-only view inside one snapshot; what `queries` receive."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection


class Unit(Reader):
    """One write transaction; what `operations` receive. It commits when its block ends without an exception."""

    def __init__(self, connection: Connection, outbox: list[tuple[str, Outgoing]]) -> None:
        super().__init__(connection)
        self._outbox = outbox

    def send(self, topic: str, message: Outgoing) -> None:
        """Queue a message in the outbox of this same transaction; it is published at least once after commit."""
        self._outbox.append((topic, message))


class Records(Protocol):
    """Open readers and units; commits are durable (fsync) before `unit` returns."""

    def reader(self) -> AbstractContextManager[Reader]:
        """Open a snapshot for reading."""
        ...

    def unit(self) -> AbstractContextManager[Unit]:
        """Open a write transaction; serialised with other units, rolled back on exception."""
        ...

    def migrate(self) -> None:
        """Bring the schema to the newest revision, forward only."""
        ...

    def restart_sequences(self, unit: Unit) -> None:
        """Let numbers that the engine gives out go on after those present, as after rows were copied in."""
        ...

    def relay_outbox(self, bus: Bus, *, limit: int = 256) -> int:
        """Publish waiting outbox messages in order and mark them sent; return how many."""
        ...

    def tables(self) -> Sequence[str]:
        """Return the names of the tables present."""
        ...

    def close(self) -> None:
        """Release connections."""
        ...
