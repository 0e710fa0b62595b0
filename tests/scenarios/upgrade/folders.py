"""A kept folder opened by today's program, and what a folder holds, for comparing."""

from __future__ import annotations

import contextlib
import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import foundation_facts as facts
import running_desk

import powerdesk.app
from powerdesk.app import desk as desks
from powerdesk.app import settings
from powerdesk.engines.ports.tables import Cut, Selection
from powerdesk.kernel import intervals
from servers.waiting import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from running_desk import RunningDesk


MIGRATIONS = Path(powerdesk.app.__file__).parent / "migrations"
NEWEST = max(file.name.split("_", 1)[0] for file in (MIGRATIONS / "versions").glob("[0-9]*_*.py"))
ALL_READ = 11
"""The last commit once the batches in the log and both payloads are readable."""
EVERYTHING = Cut(as_of=intervals.parse_instant("9999-01-01T00:00:00Z"), commit=2**62)


def serving(folder: Path) -> AbstractContextManager[RunningDesk]:
    """Open the folder as `up` does, ten minutes after its desk was killed."""
    return running_desk.running(folder, clock=running_desk.HandClock(facts.KILLED_AT + timedelta(minutes=10)))


@contextlib.contextmanager
def at_rest(folder: Path) -> Iterator[desks.Desk]:
    """Open the folder as a command does: nothing is polled and no worker runs."""
    with desks.opened(settings.load({"data": str(folder), "feeds": ""}, environment={})) as desk:
        yield desk


def settled(served: RunningDesk) -> None:
    """Wait until all that was waiting in the folder is readable."""
    served.desk.store.progress.wait(ALL_READ, timeout_s=PATIENCE_S)


def history(desk: desks.Desk, dataset: str = "markets.prices") -> list[dict[str, Any]]:
    """Return every belief, by key, publication and commit."""
    rows: list[dict[str, Any]] = desk.engines.tables.history(dataset, selection=Selection(), cut=EVERYTHING).to_pylist()
    return rows


def records(folder: Path) -> list[str]:
    """Return the whole of the records as SQL."""
    with contextlib.closing(sqlite3.connect(folder / "records.sqlite")) as database:
        return list(database.iterdump())


def contents(folder: Path) -> dict[str, Any]:
    """Return what a closed folder holds: records, tables, and the bytes of log, objects and secrets."""
    found: dict[str, Any] = {"records": records(folder)}
    with contextlib.closing(duckdb.connect(str(folder / "hot.duckdb"), read_only=True)) as database:
        for (name,) in database.execute("select table_name from duckdb_tables() order by 1").fetchall():
            found[f"table {name}"] = database.sql(f'select * from "{name}"').to_arrow_table().to_pylist()  # noqa: S608 - our own
    for kept in ("bus", "objects"):
        for path in sorted((folder / kept).rglob("*")):
            if path.is_file():
                found[str(path.relative_to(folder))] = path.read_bytes()
    found["pepper"] = (folder / "pepper.secret").read_bytes()
    return found
