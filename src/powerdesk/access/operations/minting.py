"""API keys: made, rotated with an overlap, revoked."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

import sqlalchemy as sa

from powerdesk.access import entitlements, keys, tables
from powerdesk.access.operations import auditing
from powerdesk.access.policies import ForbiddenError
from powerdesk.access.queries import credentials, directory
from powerdesk.access.types import Channel, PrincipalKind
from powerdesk.kernel.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from powerdesk.access.operations.auditing import Act
    from powerdesk.access.queries.directory import KeyView
    from powerdesk.engines.ports.records import Unit

MOST_KEYS = 100
LONGEST_OVERLAP = timedelta(days=30)
LONGEST_NAME = 100


class UnknownKeyError(Problem):
    """No such key within the caller's reach."""

    status: ClassVar[int] = 404
    slug: ClassVar[str] = "unknown-key"
    title: ClassVar[str] = "No such key"


class BadKeyRequestError(Problem):
    """A key that cannot be made or rotated like this."""

    status: ClassVar[int] = 422
    slug: ClassVar[str] = "bad-key-request"
    title: ClassVar[str] = "The key cannot be made like this"


@dataclass(frozen=True, slots=True)
class Minted:
    """A new key and its text, which exists nowhere else and is shown once."""

    key: KeyView
    secret: str = field(repr=False)


def create(
    unit: Unit, act: Act, *, name: str, scopes: Iterable[Channel], expires_at: datetime | None, owner: str | None = None
) -> Minted:
    """Make a key. It acts for `owner` (default: the caller), a user or service account of the caller's tenant."""
    tenant = _owner_tenant(unit, act, owner or act.by.id)
    asked = _checked(name, scopes, expires_at, act)
    live = [k for k in _keys_of(unit, owner or act.by.id) if credentials.key_state(k, act.at) == "live"]
    if len(live) >= MOST_KEYS:
        raise BadKeyRequestError(
            found=f"{len(live)} live keys", allowed=f"at most {MOST_KEYS} per owner", remedy="revoke unused ones"
        )
    values = {"tenant": tenant, "owner": owner or act.by.id, "name": name, "scopes": asked, "expires_at": expires_at}
    minted = _mint(unit, act, values)
    auditing.note(
        unit, act, entry=act.entry(action="key.create", target=minted.key.id, detail={"name": name, "scopes": asked})
    )
    auditing.changed(unit)
    return minted


def rotate(unit: Unit, act: Act, *, key: str, overlap: timedelta) -> Minted:
    """Make a successor with the same name, scopes and expiry; the old key works for `overlap` longer."""
    row = _reachable(unit, act, key)
    if credentials.key_state(row, act.at) != "live":
        raise BadKeyRequestError(
            found=f"key {key}, {credentials.key_state(row, act.at)}", allowed="a live key", remedy="create a new key"
        )
    if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
        raise BadKeyRequestError(
            found=f"an overlap of {overlap}", allowed=f"0 to {LONGEST_OVERLAP}", remedy="choose a shorter overlap"
        )
    ends = act.at + overlap
    old_ends = ends if row.expires_at is None else min(ends, row.expires_at)
    unit.connection.execute(sa.update(tables.api_keys).where(tables.api_keys.c.id == key).values(expires_at=old_ends))
    values = {name: getattr(row, name) for name in ("tenant", "owner", "name", "scopes", "expires_at")}
    minted = _mint(unit, act, values | {"replaces": key})
    detail = {"replaces": key, "old_ends": old_ends.isoformat()}
    auditing.note(unit, act, entry=act.entry(action="key.rotate", target=minted.key.id, detail=detail))
    auditing.changed(unit)
    return minted


def revoke(unit: Unit, act: Act, *, key: str) -> None:
    """End a key at once; revoking it again changes nothing."""
    row = _reachable(unit, act, key)
    if row.revoked_at is not None:
        return
    unit.connection.execute(sa.update(tables.api_keys).where(tables.api_keys.c.id == key).values(revoked_at=act.at))
    auditing.note(unit, act, entry=act.entry(action="key.revoke", target=key))
    auditing.changed(unit)


def _mint(unit: Unit, act: Act, values: dict[str, Any]) -> Minted:
    made = keys.compose(
        id_bytes=secrets.token_bytes(keys.ID_BYTES), secret_bytes=secrets.token_bytes(keys.SECRET_BYTES)
    )
    unit.connection.execute(
        sa.insert(tables.api_keys).values(
            id=made.id, mac=made.mac(act.pepper), created_at=act.at, created_by=act.by.id, **values
        )
    )
    view = directory.key_view(_row(unit, made.id), act.at)
    return Minted(key=view, secret=made.text)


def _row(unit: Unit, key: str) -> Any:
    return unit.connection.execute(sa.select(tables.api_keys).where(tables.api_keys.c.id == key)).one()


def _keys_of(unit: Unit, owner: str) -> list[Any]:
    return list(unit.connection.execute(sa.select(tables.api_keys).where(tables.api_keys.c.owner == owner)))


def _reachable(unit: Unit, act: Act, key: str) -> Any:
    if directory.api_key(unit, principal=act.by, key=key, now=act.at) is None:
        raise UnknownKeyError(found=f"key {key[:40]!r}", allowed="a key that you own", remedy="list your keys")
    return _row(unit, key)


def _owner_tenant(unit: Unit, act: Act, owner: str) -> str:
    account = credentials.account(unit, account=owner)
    operator = act.by.kind in {PrincipalKind.OPERATOR, PrincipalKind.SYSTEM}
    reachable = account is not None and (operator or account.tenant == act.by.tenant)
    if account is None or not reachable:
        raise BadKeyRequestError(
            found=f"owner {owner!r}", allowed="a user or service account of your tenant", remedy="name its id"
        )
    mine = owner == act.by.id
    if not (mine or operator):
        holds_more = credentials.roles_of(unit, account=owner) - act.by.roles
        if not directory.sees_tenant(act.by) or holds_more:
            raise ForbiddenError(
                found=f"{act.by.name!r} making a key that acts for {owner!r}",
                allowed="yourself; a tenant-admin for accounts that hold no role it lacks",
                remedy="let the owner make the key",
            )
    return str(account.tenant)


def _checked(name: str, scopes: Iterable[Channel], expires_at: datetime | None, act: Act) -> str:
    asked = sorted({channel.value for channel in scopes})
    outside = sorted(set(asked) - {channel.value for channel in entitlements.KEY_SCOPES})
    if not asked or outside:
        raise BadKeyRequestError(
            found=f"scopes {', '.join(outside) or 'none'}",
            allowed=", ".join(sorted(channel.value for channel in entitlements.KEY_SCOPES)),
            remedy="choose at least one of these",
        )
    if not 0 < len(name.strip()) <= LONGEST_NAME:
        raise BadKeyRequestError(
            found=f"a name of {len(name)} characters", allowed=f"1 to {LONGEST_NAME}", remedy="say what the key is for"
        )
    if expires_at is not None and expires_at <= act.at:
        raise BadKeyRequestError(
            found=f"expiry {expires_at.isoformat()}", allowed="an instant to come, or none", remedy="choose a later one"
        )
    return " ".join(asked)
