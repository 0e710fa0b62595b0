"""Tenants, people, service accounts and their roles."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

import sqlalchemy as sa

from powerdesk.access import entitlements, keys, limits, tables
from powerdesk.access.operations import auditing, entitling
from powerdesk.access.policies import ForbiddenError
from powerdesk.access.queries import directory
from powerdesk.access.types import ROLES, Channel, Entitlement, PrincipalKind
from powerdesk.kernel.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable

    from powerdesk.access.operations.auditing import Act
    from powerdesk.access.queries.directory import UserView
    from powerdesk.access.types import Principal
    from powerdesk.engines.ports.records import Unit

FIRST_TENANT = "desk"
FIRST_USER = "admin"
_NAME = re.compile(r"[^\W_][\w.@+-]{0,99}")


class UnknownAccountError(Problem):
    """No such tenant, user or service account within the caller's reach."""

    status: ClassVar[int] = 404
    slug: ClassVar[str] = "unknown-account"
    title: ClassVar[str] = "No such account"


class AccountExistsError(Problem):
    """The name is taken."""

    status: ClassVar[int] = 409
    slug: ClassVar[str] = "account-exists"
    title: ClassVar[str] = "The name is taken"


class BadAccountError(Problem):
    """A name or role that cannot be."""

    status: ClassVar[int] = 422
    slug: ClassVar[str] = "bad-account"
    title: ClassVar[str] = "The account cannot be made like this"


def check_reach(principal: Principal, *, tenant: str) -> None:
    """Raise ForbiddenError unless the principal administers the tenant."""
    if principal.kind in {PrincipalKind.OPERATOR, PrincipalKind.SYSTEM}:
        return
    if not (directory.sees_tenant(principal) and principal.tenant == tenant):
        raise ForbiddenError(
            found=f"{principal.name!r} of tenant {principal.tenant}",
            allowed=f"a tenant-admin of tenant {tenant}, or the operator",
            remedy="ask one of them",
        )


def create_tenant(unit: Unit, act: Act, *, tenant: str, name: str, plan: str = "standard") -> None:
    """Add a tenant; only the operator may."""
    check_reach(act.by, tenant="*")
    _check_name(tenant)
    if plan not in limits.PLANS:
        raise BadAccountError(found=f"plan {plan!r}", allowed=", ".join(limits.PLANS), remedy="choose one of these")
    if unit.connection.execute(sa.select(tables.tenants.c.id).where(tables.tenants.c.id == tenant)).first() is not None:
        raise AccountExistsError(found=f"tenant {tenant!r}", allowed="a new name", remedy="choose another name")
    unit.connection.execute(sa.insert(tables.tenants).values(id=tenant, name=name, plan=plan, created_at=act.at))
    settle(unit, act, action="tenant.create", target=tenant)


def create_user(unit: Unit, act: Act, *, tenant: str, user: str, name: str, roles: Iterable[str]) -> UserView:
    """Add a person without a password (a one-time link lets them set one); `user` is the new id."""
    check_reach(act.by, tenant=tenant)
    _check_tenant(unit, tenant)
    _check_name(name)
    granted = _checked_roles(act.by, roles)
    _check_free(unit, name)
    unit.connection.execute(
        sa.insert(tables.users).values(
            id=user, tenant=tenant, name=name, name_folded=name.casefold(), created_at=act.at
        )
    )
    _set_roles(unit, user, granted)
    settle(unit, act, action="user.create", target=user, name=name, roles=" ".join(sorted(granted)))
    return user_within_reach(unit, act.by, user=user)


def create_service_account(unit: Unit, act: Act, *, tenant: str, account: str, name: str, roles: Iterable[str]) -> str:
    """Add a service account: it owns keys and cannot sign in; `account` is the new id, returned."""
    check_reach(act.by, tenant=tenant)
    _check_tenant(unit, tenant)
    _check_name(name)
    granted = _checked_roles(act.by, roles)
    _check_free(unit, name)
    unit.connection.execute(
        sa.insert(tables.service_accounts).values(
            id=account, tenant=tenant, name=name, created_at=act.at, created_by=act.by.id
        )
    )
    _set_roles(unit, account, granted)
    settle(unit, act, action="service-account.create", target=account, name=name, roles=" ".join(sorted(granted)))
    return account


def set_roles(unit: Unit, act: Act, *, user: str, roles: Iterable[str]) -> None:
    """Replace the roles of a person."""
    view = administered(unit, act.by, user=user)
    granted = _checked_roles(act.by, roles)
    _set_roles(unit, view.id, granted)
    settle(unit, act, action="user.roles", target=view.id, roles=" ".join(sorted(granted)))


def disable_user(unit: Unit, act: Act, *, user: str) -> None:
    """Close an account: its sessions and keys end at once."""
    view = administered(unit, act.by, user=user)
    unit.connection.execute(sa.update(tables.users).where(tables.users.c.id == view.id).values(disabled_at=act.at))
    end_sessions(unit, act, user=view.id)
    settle(unit, act, action="user.disable", target=view.id)


def enable_user(unit: Unit, act: Act, *, user: str) -> None:
    """Open a closed account again; its old sessions stay ended."""
    view = administered(unit, act.by, user=user)
    unit.connection.execute(sa.update(tables.users).where(tables.users.c.id == view.id).values(disabled_at=None))
    settle(unit, act, action="user.enable", target=view.id)


def unlock_user(unit: Unit, act: Act, *, user: str) -> None:
    """Forget the failed sign-ins that make an account wait."""
    view = administered(unit, act.by, user=user)
    failures = tables.sign_in_failures.c
    prefix = f"name/{keys.name_tag(view.name, act.pepper)}/"
    unit.connection.execute(
        sa.delete(tables.sign_in_failures).where(failures.subject.startswith(prefix, autoescape=True))
    )
    settle(unit, act, action="user.unlock", target=view.id)


def forget_password(unit: Unit, act: Act, *, user: str) -> None:
    """Take a person's password and sessions away; a one-time link lets them set a new one."""
    view = administered(unit, act.by, user=user)
    unit.connection.execute(sa.update(tables.users).where(tables.users.c.id == view.id).values(verifier=None))
    end_sessions(unit, act, user=view.id)
    settle(unit, act, action="user.reset", target=view.id)


def first_run(unit: Unit, act: Act, *, user: str) -> UserView:
    """Make the first tenant with everything granted and its administrator, once; return the administrator."""
    known = directory.user_by_name(unit, name=FIRST_USER)
    if known is not None:
        return known
    create_tenant(unit, act, tenant=FIRST_TENANT, name="This desk")
    everything = tuple(
        Entitlement(market="*", product="*", channel=channel.value)
        for channel in Channel
        if channel is Channel.API or channel not in entitlements.IMPLIED_BY_API
    )
    entitling.replace(unit, act, tenant=FIRST_TENANT, grants=everything)
    return create_user(unit, act, tenant=FIRST_TENANT, user=user, name=FIRST_USER, roles=ROLES)


def end_sessions(unit: Unit, act: Act, *, user: str, but: str = "") -> None:
    """End the sessions of a person, except one; unused one-time links end too."""
    sessions = tables.sessions.c
    unit.connection.execute(
        sa.update(tables.sessions)
        .where(sessions.user == user, sessions.ended_at.is_(None), sessions.id != but)
        .values(ended_at=act.at)
    )
    unit.connection.execute(
        sa.update(tables.one_time_links)
        .where(tables.one_time_links.c.user == user, tables.one_time_links.c.used_at.is_(None))
        .values(used_at=act.at)
    )


def user_within_reach(unit: Unit, principal: Principal, *, user: str) -> UserView:
    """Return the account; UnknownAccountError when there is none that the principal may see."""
    view = directory.user_by_id(unit, user=user)
    mine = view is not None and (view.id == principal.id or view.tenant == principal.tenant)
    operator = principal.kind in {PrincipalKind.OPERATOR, PrincipalKind.SYSTEM}
    if view is None or not (mine or operator):
        raise UnknownAccountError(found=f"user {user!r}", allowed="a user of your tenant", remedy="look the id up")
    return view


def administered(unit: Unit, principal: Principal, *, user: str) -> UserView:
    """Return the account, provided that the principal administers its tenant and holds every role it holds."""
    view = user_within_reach(unit, principal, user=user)
    check_reach(principal, tenant=view.tenant)
    _checked_roles(principal, view.roles)
    return view


def _checked_roles(by: Principal, roles: Iterable[str]) -> frozenset[str]:
    """Return the roles; nobody hands out (or takes over) the role of operator without being one."""
    granted = frozenset(roles)
    unknown = sorted(granted - set(ROLES))
    if unknown:
        raise BadAccountError(found=f"roles {', '.join(unknown)}", allowed=", ".join(ROLES), remedy="use these names")
    is_operator = by.kind in {PrincipalKind.OPERATOR, PrincipalKind.SYSTEM} or "operator" in by.roles
    if "operator" in granted and not is_operator:
        raise ForbiddenError(
            found=f"{by.name!r} without the role operator",
            allowed="only an operator gives the role operator or changes who holds it",
            remedy="ask the operator",
        )
    return granted


def _set_roles(unit: Unit, account: str, roles: frozenset[str]) -> None:
    unit.connection.execute(sa.delete(tables.roles).where(tables.roles.c.account == account))
    if roles:
        rows = [{"account": account, "role": role} for role in sorted(roles)]
        unit.connection.execute(sa.insert(tables.roles), rows)


def _check_name(name: str) -> None:
    if _NAME.fullmatch(name) is None:
        raise BadAccountError(
            found=f"name {name[:120]!r}",
            allowed="1 to 100 letters, digits or . @ + - _ beginning with a letter or digit",
            remedy="choose such a name",
        )


def _check_free(unit: Unit, name: str) -> None:
    """People and service accounts share their names: a key's owner is named by one."""
    if directory.account_by_name(unit, name=name) is not None:
        raise AccountExistsError(found=f"account {name!r}", allowed="a new name", remedy="choose another name")


def _check_tenant(unit: Unit, tenant: str) -> None:
    if unit.connection.execute(sa.select(tables.tenants.c.id).where(tables.tenants.c.id == tenant)).first() is None:
        raise UnknownAccountError(found=f"tenant {tenant!r}", allowed="a tenant of this desk", remedy="create it first")


def settle(unit: Unit, act: Act, *, action: str, target: str, **detail: str) -> None:
    """Close every change of an account: audited and announced in the same transaction."""
    auditing.note(unit, act, entry=act.entry(action=action, target=target, detail=detail))
    auditing.changed(unit)
