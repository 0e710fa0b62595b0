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
    """Others hold the locks, or all connections, for too long; the unit left nothing behind."""

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

    def __init__(
        self, connection: Connection, outbox: list[tuple[str, Outgoing]], *, over: tuple[str, ...] | None = None
    ) -> None:
        super().__init__(connection)
        self._outbox = outbox
        self._over = over

    def covers(self, name: str) -> bool:
        """Tell whether every other unit over `name` waits for this one."""
        return self._over is None or name in self._over

    def send(self, topic: str, message: Outgoing) -> None:
        """Queue a message in the outbox of this same transaction; it is published at least once after commit."""
        self._outbox.append((topic, message))


class Records(Protocol):
    """Open readers and units; commits are durable (fsync) before `unit` returns.

    When the engine goes away in the commit itself, `unit` raises faults.EngineUnavailableError and says that the
    outcome is not known: all of the unit is there or nothing of it.
    """

    @property
    def shared(self) -> bool:
        """Whether several processes may open these records at once."""
        ...

    def version(self) -> str:
        """Ask the engine for its name and version; raise faults.EngineUnavailableError when it does not answer."""
        ...

    def reader(self) -> AbstractContextManager[Reader]:
        """Open a snapshot for reading."""
        ...

    def unit(self, *, over: Sequence[str] | None = None) -> AbstractContextManager[Unit]:
        """Open a write transaction, rolled back on exception; serialised with every other unit.

        `over` names all that the unit reads to decide what it writes ("audit", "account/7"): then it is serialised only
        with units over one of these names and with those that name nothing, and may run beside the rest. `over=()` is
        for a unit each of whose statements decides for itself (a conditional update, an insert that may conflict).
        """
        ...

    def migrate(self) -> None:
        """Bring the schema to the newest revision, forward only."""
        ...

    def restart_sequences(self, unit: Unit) -> None:
        """Let numbers that the engine gives out go on after those present, as after rows were copied in."""
        ...

    def relay_outbox(self, bus: Bus, *, limit: int = 256) -> int:
        """Publish waiting outbox messages in order and mark them sent; return how many.

        0 too while another process is at it: messages go out in order, once unless a relay dies between its two steps.
        Units that are not serialised with one another have no order.
        """
        ...

    def await_outbox(self, *, timeout_s: float) -> None:
        """Return soon after a unit of this process has queued a message, or after the time-out."""
        ...

    def tables(self) -> Sequence[str]:
        """Return the names of the tables present."""
        ...

    def close(self) -> None:
        """Release connections."""
        ...
