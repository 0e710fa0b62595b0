"""Records on every engine for the suites: `opener(engine)` gives a place of its own and a way to open it."""

# ruff: noqa: D102 - the methods of a test clock are described by the port
from __future__ import annotations

import contextlib
import functools
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from powerdesk.engines.embedded import records as embedded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from powerdesk.engines.ports.records import Records
    from powerdesk.kernel.clock import Clock
    from servers.postgres import Postgres

MIGRATIONS = Path(__file__).parents[2] / "src/powerdesk/app/migrations"
ENGINES = ("postgres", "sqlite")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class StillClock:
    """Stands at noon."""

    def now(self) -> datetime:
        return NOON

    def monotonic_s(self) -> float:
        return 0.0


def at(engine: str, place: str, *, clock: Clock) -> Records:
    """Open the records at a place: a folder for SQLite, an address for PostgreSQL."""
    if engine == "sqlite":
        return embedded.SqliteRecords(Path(place) / "records.sqlite", clock=clock, migrations=MIGRATIONS)
    from powerdesk.engines.scaled import records as scaled  # noqa: PLC0415 - an extra that a laptop may lack

    return scaled.PostgresRecords(place, clock=clock, migrations=MIGRATIONS)


@contextlib.contextmanager
def place(engine: str, folder: Path) -> Iterator[str]:
    """Lend a place for records of its own: this test's folder, or a migrated database on the session's server."""
    if engine == "sqlite":
        yield str(folder)
        return
    from servers import needed  # noqa: PLC0415 - the victim of the kill test is a program without tools/

    server, name = needed.needed(_postgres(), durable=False), needed.namespace()
    try:
        yield server.database(name, template=_migrated(server))
    finally:
        server.drop(name)


def _postgres() -> type[Postgres]:
    from servers.postgres import Postgres  # noqa: PLC0415 - as above

    return Postgres


@functools.cache
def _migrated(server: Postgres) -> str:
    """Make once a database with the newest schema; the tests get copies, because a migration takes ten times longer."""
    records = at("postgres", server.database("migrated"), clock=StillClock())
    records.migrate()
    records.close()
    return "migrated"


@contextlib.contextmanager
def opener(engine: str, folder: Path) -> Iterator[Callable[[Clock], Records]]:
    """Lend a function that opens the records of one place again and again; all are closed at the end."""
    opened: list[Records] = []
    with place(engine, folder) as where:

        def new(clock: Clock) -> Records:
            opened.append(at(engine, where, clock=clock))
            return opened[-1]

        try:
            yield new
        finally:
            for records in opened:
                records.close()
