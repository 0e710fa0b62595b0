"""Policies: who passes each rule, and the table that must know everything once."""

from __future__ import annotations

import pytest

from powerdesk.access import policies
from powerdesk.access.policies import Kind
from powerdesk.access.types import OPERATOR, SYSTEM, Principal, PrincipalKind


def somebody(kind: PrincipalKind, *roles: str) -> Principal:
    return Principal(id="p", kind=kind, tenant="t", name="p", roles=frozenset(roles))


ASKING = {
    "nobody": None,
    "viewer": somebody(PrincipalKind.USER, "viewer"),
    "admin": somebody(PrincipalKind.USER, "tenant-admin"),
    "viewer's key": somebody(PrincipalKind.KEY, "viewer"),
    "admin's key": somebody(PrincipalKind.KEY, "tenant-admin"),
    "operator": OPERATOR,
    "house": SYSTEM,
}
OWNERS = {"operator", "house"}
SIGNED_IN = set(ASKING) - {"nobody"}


@pytest.mark.parametrize(
    ("policy", "admitted"),
    [
        (policies.PUBLIC, set(ASKING)),
        (policies.SIGNED_IN, SIGNED_IN),
        (policies.ENTITLED, SIGNED_IN),
        (policies.PERSON, {"viewer", "admin"} | OWNERS),
        (policies.OPERATOR, OWNERS),
        (policies.roles("tenant-admin", "auditor"), {"admin", "admin's key"} | OWNERS),
        (policies.people_with_roles("tenant-admin"), {"admin"} | OWNERS),
    ],
)
def test_policy__admits_exactly(policy: policies.Policy, admitted: set[str]) -> None:
    assert {who for who, principal in ASKING.items() if policy.admits(principal)} == admitted


def test_check__tells_nobody_to_sign_in_and_others_what_they_lack() -> None:
    policy = policies.people_with_roles("tenant-admin")
    with pytest.raises(policies.SignInRequiredError) as nobody:
        policy.check(None, name="PUT /v1/x")
    with pytest.raises(policies.ForbiddenError, match="tenant-admin, people only") as viewer:
        policy.check(ASKING["viewer"], name="PUT /v1/x")
    policy.check(ASKING["admin"], name="PUT /v1/x")
    assert (nobody.value.status, viewer.value.status) == (401, 403)


def test_roles__unknown_or_none_are_refused() -> None:
    with pytest.raises(ValueError, match="king"):
        policies.roles("king")
    with pytest.raises(ValueError, match="none"):
        policies.people_with_roles()


def test_table__keeps_one_policy_per_thing_and_lists_them() -> None:
    table = policies.Policies()
    table.declare(kind=Kind.ROUTE, name="GET /b", policy=policies.PUBLIC)
    table.declare(kind=Kind.JOB, name="a", policy=policies.OPERATOR)
    table.declare(kind=Kind.ROUTE, name="GET /b", policy=policies.PUBLIC)
    with pytest.raises(ValueError, match="declared as"):
        table.declare(kind=Kind.ROUTE, name="GET /b", policy=policies.OPERATOR)
    with pytest.raises(KeyError):
        table.policy(kind=Kind.ROUTE, name="GET /c")
    assert table.policy(kind=Kind.ROUTE, name="GET /b") is policies.PUBLIC
    assert list(table) == [(Kind.JOB, "a", policies.OPERATOR), (Kind.ROUTE, "GET /b", policies.PUBLIC)]
    assert len(table) == 2
