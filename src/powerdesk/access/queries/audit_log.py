"""The audit log: its sealed end, its rows in order, and whether any was changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from powerdesk.access import audit, tables
from powerdesk.access.queries import credentials

if TYPE_CHECKING:
    from collections.abc import Iterator

    from powerdesk.access import keys
    from powerdesk.engines.ports.records import Reader

ROWS_AT_ONCE = 2_000


def head(reader: Reader) -> audit.Head | None:
    """Return the sealed end of the audit log, None before its first row."""
    row = reader.connection.execute(sa.select(tables.audit_head)).one_or_none()
    return None if row is None else audit.Head(sequence=row.sequence, hash=row.hash, mac=row.mac)


def rows(reader: Reader, *, after: int = 0, limit: int | None = None, tenant: str | None = None) -> Iterator[audit.Row]:
    """Yield rows of the log after a sequence, in order, in batches of bounded memory."""
    log = tables.audit_log.c
    given, last = 0, after
    while limit is None or given < limit:
        size = ROWS_AT_ONCE if limit is None else min(ROWS_AT_ONCE, limit - given)
        query = sa.select(tables.audit_log).where(log.sequence > last).order_by(log.sequence).limit(size)
        if tenant is not None:
            query = query.where(log.tenant == tenant)
        found = reader.connection.execute(query).all()
        for row in found:
            yield audit.Row(*row)
        given += len(found)
        if len(found) < size:
            return
        last = found[-1].sequence


def verify(reader: Reader, *, pepper: keys.Pepper) -> audit.Verdict:
    """Walk the whole audit log and return the first fault; linear in its rows, constant in memory."""
    sealed = head(reader)
    found = audit.examine(rows(reader), head=sealed, secret=pepper.derive("audit"))
    if found.intact and sealed is None and credentials.version(reader) > 0:
        return audit.Verdict(0, "the whole log is gone although access has changed", 1)
    return found
