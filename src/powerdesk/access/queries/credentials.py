"""Who stands behind a session or a key, and what its tenant was granted."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from powerdesk.access import entitlements, keys, tables
from powerdesk.access.policies import SignInRequiredError
from powerdesk.access.types import Channel, Credential, Entitlement, Grants, Principal, PrincipalKind

if TYPE_CHECKING:
    from datetime import datetime

    from powerdesk.engines.ports.records import Reader

SESSION_IDLE = timedelta(hours=12)
SESSION_LONGEST = timedelta(days=7)


def version(reader: Reader) -> int:
    """Return the access version: 0 before the first change, then rising."""
    found = reader.connection.execute(sa.select(tables.access_version.c.version)).scalar()
    return 0 if found is None else int(found)


def grants(reader: Reader, *, tenant: str) -> Grants:
    """Return the tenant's entitlements, compiled at the present access version."""
    lines = reader.connection.execute(
        sa.select(tables.entitlements)
        .where(tables.entitlements.c.tenant == tenant)
        .order_by(tables.entitlements.c.sequence)
    )
    return Grants(version=version(reader), entitlements=tuple(_entitlement(line) for line in lines))


def _entitlement(line: Any) -> Entitlement:
    return Entitlement(
        market=line.market,
        product=line.product,
        channel=line.channel,
        valid_from=line.valid_from,
        valid_to=line.valid_to,
        deny=line.deny,
    )


def plan(reader: Reader, *, tenant: str) -> str:
    """Return the name of the tenant's rate plan."""
    found = reader.connection.execute(sa.select(tables.tenants.c.plan).where(tables.tenants.c.id == tenant)).scalar()
    return "standard" if found is None else str(found)


def roles_of(reader: Reader, *, account: str) -> frozenset[str]:
    """Return the roles that a user or service account holds."""
    found = reader.connection.execute(sa.select(tables.roles.c.role).where(tables.roles.c.account == account))
    return frozenset(found.scalars())


def principal_of_session(reader: Reader, *, token: str, now: datetime) -> Credential:
    """Return whom a session token stands for; SignInRequiredError when it is unknown, ended or over its time."""
    return _session(reader, tables.sessions.c.token_hash == keys.token_hash(token), now)


def session_by_id(reader: Reader, *, session: str, now: datetime) -> Credential:
    """Return whom a session stands for by its id (not a secret): for sockets and links that outlive a request."""
    return _session(reader, tables.sessions.c.id == session, now)


def _session(reader: Reader, which: sa.ColumnElement[bool], now: datetime) -> Credential:
    joined = tables.sessions.join(tables.users, tables.sessions.c.user == tables.users.c.id).join(
        tables.tenants, tables.users.c.tenant == tables.tenants.c.id
    )
    row = reader.connection.execute(
        sa.select(
            tables.sessions,
            tables.users.c.name,
            tables.users.c.tenant,
            (tables.users.c.disabled_at.is_not(None) | tables.tenants.c.disabled_at.is_not(None)).label("disabled"),
        )
        .select_from(joined)
        .where(which)
    ).one_or_none()
    live = (
        row is not None
        and not row.disabled
        and row.ended_at is None
        and now < row.expires_at
        and now < row.last_seen_at + SESSION_IDLE
    )
    if row is None or not live:
        raise SignInRequiredError(
            found="a session that is unknown, ended or over its time",
            allowed=f"a session used within {SESSION_IDLE} and younger than {SESSION_LONGEST}",
            remedy="sign in again",
        )
    principal = Principal(
        id=row.user,
        kind=PrincipalKind.USER,
        tenant=row.tenant,
        name=row.name,
        roles=roles_of(reader, account=row.user),
        channels=entitlements.SESSION_CHANNELS,
        grants=grants(reader, tenant=row.tenant),
        session=row.id,
        plan=plan(reader, tenant=row.tenant),
    )
    return Credential(row.id, principal, row.expires_at, row.last_seen_at, SESSION_IDLE, row.by_link)


def principal_of_key(reader: Reader, *, text: str, pepper: keys.Pepper, now: datetime) -> Credential:
    """Return whom a key stands for; BadKeyError for a typing mistake, SignInRequiredError for any other."""
    key = keys.parse(text)
    row = _key_row(reader, key.id)
    # An unknown id is compared too, against a MAC that fits nothing: equal work either way.
    proven = key.proves(hashlib.sha256(b"no such key").digest() if row is None else row.mac, pepper)
    if row is None or not proven:
        raise _unknown_key()
    return _key(reader, row, now)


def key_by_id(reader: Reader, *, key: str, now: datetime) -> Credential:
    """Return whom a key stands for by its id (not a secret): for sockets and links that outlive a request."""
    row = _key_row(reader, key)
    if row is None:
        raise _unknown_key()
    return _key(reader, row, now)


def _key_row(reader: Reader, key: str) -> Any:
    return reader.connection.execute(sa.select(tables.api_keys).where(tables.api_keys.c.id == key)).one_or_none()


def _unknown_key() -> SignInRequiredError:
    return SignInRequiredError(
        found="a key that is unknown, revoked or expired", allowed="a live API key", remedy="make a new key"
    )


def _key(reader: Reader, row: Any, now: datetime) -> Credential:
    owner = account(reader, account=row.owner)
    if owner is None or owner.disabled or key_state(row, now) != "live":
        raise _unknown_key()
    principal = Principal(
        id=f"key:{row.id}",
        kind=PrincipalKind.KEY,
        tenant=row.tenant,
        name=f"{row.name} ({owner.name})",
        roles=roles_of(reader, account=row.owner),
        channels=frozenset(Channel(scope) for scope in row.scopes.split()) & entitlements.KEY_SCOPES,
        grants=grants(reader, tenant=row.tenant),
        session=row.id,
        plan=plan(reader, tenant=row.tenant),
        owner=row.owner,
    )
    return Credential(row.id, principal, row.expires_at, row.last_used_at)


def account(reader: Reader, *, account: str) -> Any:
    """Return name, tenant and disabled of a user or service account, None when there is none."""
    for table in (tables.users, tables.service_accounts):
        found = reader.connection.execute(
            sa.select(
                table.c.name,
                table.c.tenant,
                (table.c.disabled_at.is_not(None) | tables.tenants.c.disabled_at.is_not(None)).label("disabled"),
            )
            .join_from(table, tables.tenants, table.c.tenant == tables.tenants.c.id)
            .where(table.c.id == account)
        ).one_or_none()
        if found is not None:
            return found
    return None


def key_state(row: Any, now: datetime) -> str:
    """Return live, expired or revoked for a row of api_keys."""
    if row.revoked_at is not None and row.revoked_at <= now:
        return "revoked"
    return "expired" if row.expires_at is not None and row.expires_at <= now else "live"
