"""What access needs at run time, put together once by app."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import sqlalchemy as sa

from powerdesk.access import authenticator as authentication
from powerdesk.access import tables
from powerdesk.access.operations import auditing
from powerdesk.access.queries import credentials
from powerdesk.access.types import PrincipalKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from powerdesk.access.keys import Pepper
    from powerdesk.access.types import Credential, Principal
    from powerdesk.engines.ports.cache import Cache
    from powerdesk.engines.ports.identity import Identity
    from powerdesk.engines.ports.records import Records, Unit
    from powerdesk.kernel.clock import Clock
    from powerdesk.kernel.ids import IdSource


@dataclass(frozen=True, slots=True)
class AccessServices:
    """The engines of access, its authenticator and its read audit. Made by `open_services`, ended by `close`."""

    records: Records
    identity: Identity
    cache: Cache
    clock: Clock
    ids: IdSource
    pepper: Pepper = field(repr=False)
    authenticator: authentication.Authenticator
    reads: auditing.ReadAudit

    def act(self, by: Principal, *, request_id: str = "") -> auditing.Act:
        """Return who does something now, as every write is told."""
        return auditing.Act(by=by, at=self.clock.now(), pepper=self.pepper, request_id=request_id)

    @contextlib.contextmanager
    def change(self) -> Iterator[Unit]:
        """Open a unit; once it has committed, what it changed takes effect here at once."""
        with self.records.unit() as unit:
            yield unit
        self.authenticator.refresh()


@dataclass(frozen=True, slots=True)
class RecordsLookup:
    """Prove credentials against Records."""

    records: Records
    clock: Clock
    pepper: Pepper = field(repr=False)

    def version(self) -> int:
        """Return the present access version."""
        with self.records.reader() as reader:
            return credentials.version(reader)

    def session(self, token: str) -> Credential:
        """Prove a session token."""
        with self.records.reader() as reader:
            return credentials.principal_of_session(reader, token=token, now=self.clock.now())

    def key(self, text: str) -> Credential:
        """Prove an API key."""
        with self.records.reader() as reader:
            return credentials.principal_of_key(reader, text=text, pepper=self.pepper, now=self.clock.now())

    def by_id(self, principal: Principal) -> Credential:
        """Return the present state of the credential behind a principal proven earlier."""
        name = principal.session or ""
        with self.records.reader() as reader:
            if principal.kind is PrincipalKind.KEY:
                return credentials.key_by_id(reader, key=name, now=self.clock.now())
            return credentials.session_by_id(reader, session=name, now=self.clock.now())


def open_services(
    *, records: Records, identity: Identity, cache: Cache, clock: Clock, ids: IdSource, pepper: Pepper
) -> AccessServices:
    """Put access together; `records` must be migrated."""
    return AccessServices(
        records=records,
        identity=identity,
        cache=cache,
        clock=clock,
        ids=ids,
        pepper=pepper,
        authenticator=authentication.Authenticator(RecordsLookup(records, clock, pepper), clock=clock),
        reads=auditing.ReadAudit(records, pepper=pepper),
    )


def flush_usage(services: AccessServices) -> int:
    """Write when sessions and keys were last used, in one transaction; return how many. Called every half minute."""
    used = services.authenticator.take_usage()
    if not used:
        return 0
    with services.records.unit() as unit:
        for (kind, name), at in used.items():
            if kind is PrincipalKind.KEY:
                statement = sa.update(tables.api_keys).where(tables.api_keys.c.id == name).values(last_used_at=at)
            else:
                statement = sa.update(tables.sessions).where(tables.sessions.c.id == name).values(last_seen_at=at)
            unit.connection.execute(statement)
    return len(used)


def close(services: AccessServices) -> None:
    """Write what waits: reads and last uses. The engines stay open; whoever opened them closes them."""
    services.reads.close()
    flush_usage(services)
