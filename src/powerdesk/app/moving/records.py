"""Every transactional table, from one snapshot, in one transaction."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from powerdesk.access import tables as access_tables
from powerdesk.app.moving import hashing
from powerdesk.app.moving.series import CopyDiffersError
from powerdesk.engines import bookkeeping, columns
from powerdesk.kernel import problem
from powerdesk.markets import tables as market_tables
from powerdesk.store import tables as store_tables

if TYPE_CHECKING:
    from collections.abc import Iterator

    from powerdesk.engines.ports.records import Reader, Records, Unit

CHUNK_ROWS = 2_000
INHABITED = (access_tables.users, access_tables.audit_log, market_tables.payloads, bookkeeping.job_runs)
"""Tables that have rows as soon as a desk was ever opened on the records."""


class TargetInhabitedError(problem.Problem):
    """The target of a copy holds a desk already."""

    status = 409
    slug = "target-inhabited"
    title = "There is a desk already"


def inhabited(records: Records) -> bool:
    """Tell whether a desk has ever written to these records."""
    with records.reader() as reader:
        return any(_count(reader, table) for table in INHABITED)


def copy(reader: Reader, *, lineages: Reader, target: Records) -> dict[str, dict[str, Any]]:
    """Copy every table of a snapshot into empty records, or nothing; return rows and hash by table.

    Lineage is written before the rows that cite it and never changed: it is read by a snapshot opened after the cut.
    """
    with target.unit() as unit:
        for table in reversed(columns.metadata.sorted_tables):
            if table is not access_tables.audit_log:  # its triggers refuse, and it is empty
                unit.connection.execute(sa.delete(table))
        for table in columns.metadata.sorted_tables:
            _copy_table(lineages if table is store_tables.lineages else reader, unit, table)
        target.restart_sequences(unit)
    return _verified(reader, lineages=lineages, target=target)


def _verified(reader: Reader, *, lineages: Reader, target: Records) -> dict[str, dict[str, Any]]:
    """Return rows and hash by table; raise CopyDiffersError where the target has others."""
    arrived = described(target)
    for table in columns.metadata.sorted_tables:
        rows, sha256 = hashing.records_sha256(_rows(lineages if table is store_tables.lineages else reader, table))
        if arrived[table.name] != {"rows": rows, "sha256": sha256}:
            raise CopyDiffersError(
                found=f"other rows of table {table.name}",
                allowed="the rows of the source",
                remedy="copy into an empty place; if it happens again, report it with both engines' names",
            )
    return arrived


def described(records: Records) -> dict[str, dict[str, Any]]:
    """Return rows and hash by table."""
    with records.reader() as reader:
        found = {table.name: hashing.records_sha256(_rows(reader, table)) for table in columns.metadata.sorted_tables}
    return {name: {"rows": rows, "sha256": sha256} for name, (rows, sha256) in found.items()}


def _copy_table(reader: Reader, unit: Unit, table: sa.Table) -> None:
    rows = _rows(reader, table)
    while chunk := list(islice(rows, CHUNK_ROWS)):
        unit.connection.execute(sa.insert(table), chunk)


def _rows(reader: Reader, table: sa.Table) -> Iterator[dict[str, Any]]:
    order = [*table.primary_key.columns]
    for row in reader.connection.execution_options(yield_per=CHUNK_ROWS).execute(sa.select(table).order_by(*order)):
        yield row._asdict()


def _count(reader: Reader, table: sa.Table) -> int:
    return int(reader.connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())
