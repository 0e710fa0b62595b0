"""What app does with access: the first account, sign-in links, the principal behind a download link."""

from __future__ import annotations

from typing import TYPE_CHECKING

from powerdesk.access import entitlements
from powerdesk.access.operations import accounts, signing_in
from powerdesk.access.queries import credentials, directory
from powerdesk.access.types import OPERATOR, SYSTEM, Principal, PrincipalKind
from powerdesk.kernel import problem

if TYPE_CHECKING:
    from powerdesk.access.operations.services import AccessServices
    from powerdesk.access.types import Principal as AnyPrincipal

KEY_ID_PREFIX = "key:"


class UnknownUserError(problem.Problem):
    """No account of that name."""

    status = 404
    slug = "unknown-user"
    title = "No such user"


def unknown_user(name: str) -> UnknownUserError:
    """Return the error for a name that no account has."""
    return UnknownUserError(found=f"user {name!r}", allowed="an account of this desk", remedy="powerdesk user create")


def ensure_first_account(services: AccessServices) -> None:
    """Make the first tenant and its administrator when the desk has none."""
    with services.records.reader() as reader:
        if not directory.is_first_run(reader):
            return
    with services.change() as unit:
        accounts.first_run(unit, services.act(SYSTEM), user=services.ids.new("usr"))


def sign_in_link(services: AccessServices, *, base: str, name: str, by: AnyPrincipal = SYSTEM) -> str:
    """Return a new one-time link for the account of that name."""
    ensure_first_account(services)
    with services.change() as unit:
        view = directory.user_by_name(unit, name=name)
        if view is None:
            raise unknown_user(name)
        code = signing_in.create_link(unit, services.act(by), user=view.id)
    return f"{base}/sign-in/{code}"


def principal_by_id(services: AccessServices, principal_id: str) -> Principal | None:
    """Return the principal who made a download link, with the rights in force now; None when the account is gone."""
    if principal_id == OPERATOR.id:
        return OPERATOR
    now = services.clock.now()
    with services.records.reader() as reader:
        if principal_id.startswith(KEY_ID_PREFIX):
            try:
                return credentials.key_by_id(reader, key=principal_id.removeprefix(KEY_ID_PREFIX), now=now).principal
            except problem.Problem:
                return None
        view = directory.user_by_id(reader, user=principal_id)
        if view is None or view.disabled_at is not None:
            return None
        return Principal(
            id=view.id,
            kind=PrincipalKind.USER,
            tenant=view.tenant,
            name=view.name,
            channels=entitlements.SESSION_CHANNELS,
            grants=credentials.grants(reader, tenant=view.tenant),
        )
