"""Policies as data: every route, channel, command and job declares who may use it, and a test enumerates them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

from powerdesk.access.types import ROLES, PrincipalKind
from powerdesk.kernel.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from powerdesk.access.types import Principal


class ForbiddenError(Problem):
    """The caller is known but the policy does not let it do this."""

    status: ClassVar[int] = 403
    slug: ClassVar[str] = "forbidden"
    title: ClassVar[str] = "You may not do this"


class SignInRequiredError(Problem):
    """No valid credential came with the request."""

    status: ClassVar[int] = 401
    slug: ClassVar[str] = "sign-in-required"
    title: ClassVar[str] = "Sign in first"


class Kind(StrEnum):
    """What a policy guards."""

    ROUTE = "route"
    CHANNEL = "channel"
    COMMAND = "command"
    JOB = "job"


class Rule(StrEnum):
    """Who passes."""

    PUBLIC = "public"
    SIGNED_IN = "signed-in"
    ROLES = "roles"
    ENTITLED = "entitled"
    OPERATOR = "operator"


HUMANS = frozenset({PrincipalKind.USER, PrincipalKind.OPERATOR})
OWNERS = frozenset({PrincipalKind.OPERATOR, PrincipalKind.SYSTEM})


@dataclass(frozen=True, slots=True)
class Policy:
    """Who may use something. `entitled` lets any signed-in caller try: the rows are then judged one by one.

    `people_only` refuses keys: what makes or changes credentials must not be reachable by a leaked key.
    """

    rule: Rule
    roles: frozenset[str] = frozenset()
    people_only: bool = False

    def admits(self, principal: Principal | None) -> bool:
        """Tell whether the principal (None: nobody signed in) passes."""
        if self.rule is Rule.PUBLIC:
            return True
        if principal is None:
            return False
        if principal.kind in OWNERS:
            return True
        if self.rule is Rule.OPERATOR or (self.people_only and principal.kind not in HUMANS):
            return False
        return self.rule is not Rule.ROLES or bool(self.roles & principal.roles)

    def check(self, principal: Principal | None, *, name: str) -> None:
        """Raise SignInRequiredError (401) or ForbiddenError (403) unless the principal passes."""
        if self.admits(principal):
            return
        if principal is None:
            raise SignInRequiredError(
                found="no credential", allowed="a session, an API key or the operator token", remedy="sign in first"
            )
        raise ForbiddenError(
            found=f"{principal.kind.value} {principal.name!r} with roles {_listed(principal.roles)}",
            allowed=f"{name} is for {self}",
            remedy="ask a tenant-admin for the role, or sign in as a person where a key was used",
        )

    def __str__(self) -> str:
        who = _listed(self.roles) if self.rule is Rule.ROLES else self.rule.value
        return f"{who}, people only" if self.people_only else who


PUBLIC = Policy(Rule.PUBLIC)
SIGNED_IN = Policy(Rule.SIGNED_IN)
PERSON = Policy(Rule.SIGNED_IN, people_only=True)
ENTITLED = Policy(Rule.ENTITLED)
OPERATOR = Policy(Rule.OPERATOR)


def roles(*names: str) -> Policy:
    """Admit holders of any of the roles, keys of such holders included."""
    return Policy(Rule.ROLES, roles=_known(names))


def people_with_roles(*names: str) -> Policy:
    """Admit people who hold any of the roles; no keys."""
    return Policy(Rule.ROLES, roles=_known(names), people_only=True)


def _known(names: tuple[str, ...]) -> frozenset[str]:
    unknown = sorted(set(names) - set(ROLES))
    if unknown or not names:
        raise ValueError(f"found roles {unknown or 'none'}; allowed: {', '.join(ROLES)}; name at least one of these")
    return frozenset(names)


def _listed(names: frozenset[str]) -> str:
    return ", ".join(sorted(names)) or "none"


class Policies:
    """The table of policies of one desk: filled while the app is put together, then only read."""

    def __init__(self) -> None:
        self._table: dict[tuple[Kind, str], Policy] = {}

    def declare(self, *, kind: Kind, name: str, policy: Policy) -> Policy:
        """Record the policy of something and return it; the same thing cannot be declared in two ways."""
        known = self._table.setdefault((kind, name), policy)
        if known != policy:
            raise ValueError(f"found {kind.value} {name!r} declared as {policy} and as {known}; allowed: one policy")
        return policy

    def policy(self, *, kind: Kind, name: str) -> Policy:
        """Return the policy; KeyError when nothing of that name was declared (so it must not be served)."""
        return self._table[kind, name]

    def __iter__(self) -> Iterator[tuple[Kind, str, Policy]]:
        return iter([(kind, name, policy) for (kind, name), policy in sorted(self._table.items())])

    def __len__(self) -> int:
        return len(self._table)
