"""Sessions, keys, people and tenants, as far as each principal may see them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime  # noqa: TC003 - OpenAPI tells the views by their types
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from powerdesk.access import tables
from powerdesk.access.queries import credentials
from powerdesk.access.types import Channel, PrincipalKind

if TYPE_CHECKING:
    from powerdesk.access.types import Principal
    from powerdesk.engines.ports.records import Reader


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
            sessions.last_seen_at > now - credentials.SESSION_IDLE,
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
        state=credentials.key_state(row, now),
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
        roles=credentials.roles_of(reader, account=row.id),
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
