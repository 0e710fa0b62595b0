"""Reads of access: who stands behind a credential, and what each may see of accounts, keys, grants and the log."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from powerdesk.access import audit, entitlements, keys, tables
from powerdesk.access.policies import SignInRequiredError
from powerdesk.access.types import Channel, Credential, Entitlement, Grants, Principal, PrincipalKind

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from powerdesk.engines.ports.records import Reader

SESSION_IDLE = timedelta(hours=12)
SESSION_LONGEST = timedelta(days=7)
ROWS_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class SessionView:
    """A live session as its owner or an administrator sees it."""

    id: str
    user: str
    tenant: str
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    address: str
    agent: str


@dataclass(frozen=True, slots=True)
class KeyView:
    """A key as its owner or an administrator sees it; `state` is live, expired or revoked."""

    id: str
    name: str
    owner: str
    tenant: str
    scopes: tuple[Channel, ...]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None
    state: str


@dataclass(frozen=True, slots=True)
class UserView:
    """An account of a person."""

    id: str
    tenant: str
    name: str
    roles: frozenset[str]
    has_password: bool
    created_at: datetime
    disabled_at: datetime | None
    verifier: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class TenantView:
    """A tenant and how much belongs to it; `entitlements` counts its lines."""

    id: str
    title: str
    plan: str
    created_at: datetime
    users: int
    service_accounts: int
    entitlements: int


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


def sees_tenant(principal: Principal) -> bool:
    """Tell whether the principal may look at and change what belongs to others of its tenant."""
    return principal.kind in {PrincipalKind.OPERATOR, PrincipalKind.SYSTEM} or "tenant-admin" in principal.roles


def within_reach(principal: Principal, *, tenant: sa.ColumnElement[str], owner: sa.ColumnElement[str]) -> Any:
    """Return the predicate of rows that the principal may see: its own, its tenant's, or all for the operator."""
    if principal.kind in {PrincipalKind.OPERATOR, PrincipalKind.SYSTEM}:
        return sa.true()
    if sees_tenant(principal):
        return tenant == principal.tenant
    return (tenant == principal.tenant) & (owner == principal.id)


def live_sessions(reader: Reader, *, principal: Principal, now: datetime) -> tuple[SessionView, ...]:
    """Return the live sessions within the principal's reach, newest first."""
    sessions, users = tables.sessions.c, tables.users.c
    rows = reader.connection.execute(
        sa.select(tables.sessions, users.name, users.tenant)
        .join_from(tables.sessions, tables.users, sessions.user == users.id)
        .where(
            sessions.ended_at.is_(None),
            sessions.expires_at > now,
            sessions.last_seen_at > now - SESSION_IDLE,
            within_reach(principal, tenant=users.tenant, owner=users.id),
        )
        .order_by(sessions.created_at.desc(), sessions.id)
    )
    return tuple(
        SessionView(
            id=row.id,
            user=row.name,
            tenant=row.tenant,
            created_at=row.created_at,
            last_seen_at=row.last_seen_at,
            expires_at=row.expires_at,
            address=row.address,
            agent=row.agent,
        )
        for row in rows
    )


def api_keys(reader: Reader, *, principal: Principal, now: datetime) -> tuple[KeyView, ...]:
    """Return the keys within the principal's reach, newest first."""
    rows = reader.connection.execute(
        sa.select(tables.api_keys)
        .where(within_reach(principal, tenant=tables.api_keys.c.tenant, owner=tables.api_keys.c.owner))
        .order_by(tables.api_keys.c.created_at.desc(), tables.api_keys.c.id)
    )
    return tuple(key_view(row, now) for row in rows)


def api_key(reader: Reader, *, principal: Principal, key: str, now: datetime) -> KeyView | None:
    """Return one key within the principal's reach, None when there is none."""
    row = reader.connection.execute(
        sa.select(tables.api_keys).where(
            tables.api_keys.c.id == key,
            within_reach(principal, tenant=tables.api_keys.c.tenant, owner=tables.api_keys.c.owner),
        )
    ).one_or_none()
    return None if row is None else key_view(row, now)


def key_view(row: Any, now: datetime) -> KeyView:
    """Return a row of api_keys without what proves the key."""
    return KeyView(
        id=row.id,
        name=row.name,
        owner=row.owner,
        tenant=row.tenant,
        scopes=tuple(Channel(scope) for scope in row.scopes.split()),
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
        state=key_state(row, now),
    )


def user_by_name(reader: Reader, *, name: str) -> UserView | None:
    """Return the account of a person by its name, case ignored; None when there is none."""
    return _user(reader, tables.users.c.name_folded == name.casefold())


def user_by_id(reader: Reader, *, user: str) -> UserView | None:
    """Return the account of a person by its id; None when there is none."""
    return _user(reader, tables.users.c.id == user)


def _user(reader: Reader, which: sa.ColumnElement[bool]) -> UserView | None:
    row = reader.connection.execute(sa.select(tables.users).where(which)).one_or_none()
    return None if row is None else _user_view(reader, row)


def users(reader: Reader, *, principal: Principal) -> tuple[UserView, ...]:
    """Return the accounts of people within the principal's reach, by name."""
    rows = reader.connection.execute(
        sa.select(tables.users)
        .where(within_reach(principal, tenant=tables.users.c.tenant, owner=tables.users.c.id))
        .order_by(tables.users.c.name_folded)
    ).all()
    return tuple(_user_view(reader, row) for row in rows)


def _user_view(reader: Reader, row: Any) -> UserView:
    return UserView(
        id=row.id,
        tenant=row.tenant,
        name=row.name,
        roles=roles_of(reader, account=row.id),
        has_password=row.verifier is not None,
        created_at=row.created_at,
        disabled_at=row.disabled_at,
        verifier=row.verifier,
    )


def tenants(reader: Reader, *, principal: Principal) -> tuple[str, ...]:
    """Return the tenants within the principal's reach."""
    rows = reader.connection.execute(
        sa.select(tables.tenants.c.id)
        .where(within_reach(principal, tenant=tables.tenants.c.id, owner=sa.literal(principal.id)))
        .order_by(tables.tenants.c.id)
    )
    return tuple(rows.scalars())


def tenant_views(reader: Reader, *, principal: Principal) -> tuple[TenantView, ...]:
    """Return the tenants within the principal's reach with what belongs to each, by id."""
    table = tables.tenants.c

    def owned(by: sa.ColumnElement[str]) -> sa.ScalarSelect[int]:
        return sa.select(sa.func.count()).where(by == table.id).correlate(tables.tenants).scalar_subquery()

    rows = reader.connection.execute(
        sa.select(
            tables.tenants,
            owned(tables.users.c.tenant).label("users"),
            owned(tables.service_accounts.c.tenant).label("service_accounts"),
            owned(tables.entitlements.c.tenant).label("entitlements"),
        )
        .where(within_reach(principal, tenant=table.id, owner=sa.literal(principal.id)))
        .order_by(table.id)
    )
    return tuple(
        TenantView(
            id=row.id,
            title=row.name,
            plan=row.plan,
            created_at=row.created_at,
            users=row.users,
            service_accounts=row.service_accounts,
            entitlements=row.entitlements,
        )
        for row in rows
    )


def account_by_name(reader: Reader, *, name: str) -> str | None:
    """Return the id of the person or service account of that name, case ignored; None when there is none."""
    view = user_by_name(reader, name=name)
    if view is not None:
        return view.id
    rows = reader.connection.execute(sa.select(tables.service_accounts.c.id, tables.service_accounts.c.name))
    return next((str(row.id) for row in rows if row.name.casefold() == name.casefold()), None)


def is_first_run(reader: Reader) -> bool:
    """Tell whether no account has a password yet."""
    query = sa.select(tables.users.c.id).where(tables.users.c.verifier.is_not(None)).limit(1)
    return reader.connection.execute(query).first() is None


def audit_head(reader: Reader) -> audit.Head | None:
    """Return the sealed end of the audit log, None before its first row."""
    row = reader.connection.execute(sa.select(tables.audit_head)).one_or_none()
    return None if row is None else audit.Head(sequence=row.sequence, hash=row.hash, mac=row.mac)


def audit_rows(
    reader: Reader, *, after: int = 0, limit: int | None = None, tenant: str | None = None
) -> Iterator[audit.Row]:
    """Yield rows of the log after a sequence, in order, in batches of bounded memory."""
    log = tables.audit_log.c
    given, last = 0, after
    while limit is None or given < limit:
        size = ROWS_AT_ONCE if limit is None else min(ROWS_AT_ONCE, limit - given)
        query = sa.select(tables.audit_log).where(log.sequence > last).order_by(log.sequence).limit(size)
        if tenant is not None:
            query = query.where(log.tenant == tenant)
        rows = reader.connection.execute(query).all()
        for row in rows:
            yield audit.Row(*row)
        given += len(rows)
        if len(rows) < size:
            return
        last = rows[-1].sequence


def verify_audit(reader: Reader, *, pepper: keys.Pepper) -> audit.Verdict:
    """Walk the whole audit log and return the first fault; linear in its rows, constant in memory."""
    head = audit_head(reader)
    found = audit.examine(audit_rows(reader), head=head, secret=pepper.derive("audit"))
    if found.intact and head is None and version(reader) > 0:
        return audit.Verdict(0, "the whole log is gone although access has changed", 1)
    return found
