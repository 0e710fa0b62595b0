"""Write the audit log: acts in the transaction that does them, reads in group commits."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec
import sqlalchemy as sa

from powerdesk.access import audit, events, tables
from powerdesk.access.queries import audit_log, credentials
from powerdesk.engines.ports import bus as bus_port

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from powerdesk.access.keys import Pepper
    from powerdesk.access.types import Principal
    from powerdesk.engines.ports.records import Records, Unit

AUDIT = "audit"
"""What a unit is over that only appends to the log; see Records.unit."""
LATE_S = 0.2
"""A read is in the log at most this much after it was noted."""
MOST_WAITING = 10_000


@dataclass(frozen=True, slots=True)
class Act:
    """Who does something, when, by which request: what every write of access is told."""

    by: Principal
    at: datetime
    pepper: Pepper = field(repr=False)
    request_id: str = ""

    def entry(
        self,
        *,
        action: str,
        target: str,
        outcome: audit.Outcome = audit.Outcome.DONE,
        detail: Mapping[str, str] | None = None,
    ) -> audit.Entry:
        """Return the audit entry of this act."""
        return audit.Entry(
            at=self.at,
            principal=self.by.id,
            tenant=self.by.tenant,
            action=action,
            target=target,
            outcome=outcome,
            detail=detail or {},
            request_id=self.request_id,
        )


def append(unit: Unit, *, entries: Sequence[audit.Entry], pepper: Pepper) -> audit.Head:
    """Append the entries in this transaction and seal the new end; return it. The chain allows one writer at a time."""
    if not unit.covers(AUDIT):
        raise AssertionError("found a unit over other things; allowed: one over everything, or over AUDIT among others")
    secret = pepper.derive("audit")
    before = audit_log.head(unit)
    if not entries:
        raise AssertionError("found no entry to append; allowed: at least one")
    rows = audit.chain(entries, after=before or audit.Head(sequence=0, hash=audit.GENESIS, mac=b""))
    unit.connection.execute(
        sa.insert(tables.audit_log), [{name: getattr(row, name) for name in row.__slots__} for row in rows]
    )
    head = audit.seal(sequence=rows[-1].sequence, digest=rows[-1].hash, secret=secret)
    values = {"sequence": head.sequence, "hash": head.hash, "mac": head.mac}
    if before is None:
        unit.connection.execute(sa.insert(tables.audit_head).values(id=1, **values))
    else:
        unit.connection.execute(sa.update(tables.audit_head).where(tables.audit_head.c.id == 1).values(**values))
    return head


def note(unit: Unit, act: Act, *, entry: audit.Entry) -> None:
    """Append one entry in this transaction."""
    append(unit, entries=(entry,), pepper=act.pepper)


def changed(unit: Unit) -> int:
    """Raise the access version in this transaction and announce it; return the new version."""
    now_at = credentials.version(unit)
    if now_at == 0:
        unit.connection.execute(sa.insert(tables.access_version).values(id=1, version=1))
    else:
        unit.connection.execute(
            sa.update(tables.access_version).where(tables.access_version.c.id == 1).values(version=now_at + 1)
        )
    event = events.ChangedV1(version=now_at + 1)
    unit.send(events.CHANGED_TOPIC, bus_port.Outgoing(key="access", value=msgspec.json.encode(event)))
    return event.version


class ReadAudit:
    """Notes of reads, denials and exports, written in group commits by one thread.

    `note` returns at once; at most MOST_WAITING notes wait, then it waits for the writer. `flush` returns when all
    that was noted before is in the log. When a write failed (disk full), the notes stay and the next `note` or
    `flush` raises that failure: what cannot be audited must not be served.
    """

    def __init__(self, records: Records, *, pepper: Pepper) -> None:
        self._records = records
        self._pepper = pepper
        self._state = threading.Condition()
        self._waiting: list[audit.Entry] = []
        self._noted = 0
        self._written = 0
        self._hurry = False
        self._closing = False
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="read-audit", daemon=True)
        self._thread.start()

    def note(self, entry: audit.Entry) -> None:
        """Put a read into the next group commit."""
        with self._state:
            self._raise_failure()
            if self._closing:
                raise AssertionError("found a note after close; allowed: notes before it")
            while len(self._waiting) >= MOST_WAITING:
                self._wait_for_writer()
            self._waiting.append(entry)
            self._noted += 1
            if len(self._waiting) == 1:
                self._state.notify_all()

    def flush(self) -> None:
        """Return when everything noted so far is in the log."""
        with self._state:
            upto = self._noted
            while self._written < upto:
                self._raise_failure()
                self._wait_for_writer()

    def close(self) -> None:
        """Write what waits and end the thread."""
        with self._state:
            self._closing = True
            self._state.notify_all()
        self._thread.join()
        with self._state:
            self._raise_failure()

    def _wait_for_writer(self) -> None:
        self._hurry = True
        self._state.notify_all()
        self._state.wait()
        self._raise_failure()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            failure, self._failure = self._failure, None
            self._state.notify_all()  # the writer tries again
            raise failure

    def _run(self) -> None:
        while True:
            with self._state:
                self._state.wait_for(lambda: self._closing or (self._waiting and self._failure is None))
                if not self._waiting:
                    return
                self._state.wait_for(lambda: self._hurry or self._closing, timeout=LATE_S)
                batch = tuple(self._waiting)
                self._hurry = False
            self._write(batch)
            with self._state:
                if self._closing and self._failure is not None:
                    return

    def _write(self, batch: tuple[audit.Entry, ...]) -> None:
        failure: Exception | None = None
        try:
            with self._records.unit(over=(AUDIT,)) as unit:
                append(unit, entries=batch, pepper=self._pepper)
        except Exception as error:  # noqa: BLE001 - handed to whoever notes next
            failure = error
        with self._state:
            self._failure = failure
            if failure is None:
                del self._waiting[: len(batch)]
                self._written += len(batch)
            self._state.notify_all()
