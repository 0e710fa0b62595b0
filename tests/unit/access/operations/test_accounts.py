"""Accounts: first run, names, roles, reach across tenants, privilege that cannot be climbed."""

from __future__ import annotations

from typing import Any

import pytest

from powerdesk.access import entitlements
from powerdesk.access.operations import accounts, entitling, signing_in
from powerdesk.access.policies import ForbiddenError, SignInRequiredError
from powerdesk.access.queries import audit_log, credentials, directory
from powerdesk.access.types import OPERATOR, ROLES, SYSTEM, Channel, Entitlement


def test_first_run__makes_an_administrator_once_whose_link_opens_everything(house: Any) -> None:
    act = house.services.act(SYSTEM)
    with house.services.change() as unit:
        assert directory.is_first_run(unit)
        admin = accounts.first_run(unit, act, user="usr_1")
    with house.services.change() as unit:
        assert accounts.first_run(unit, act, user="usr_2").id == admin.id
    credential = house.by_link(admin.id)
    assert credential.by_link
    assert credential.principal.roles == set(ROLES)
    judged = entitlements.matrix(credential.principal, markets=["SIM"], products=["prices"], at=house.clock.now())
    assert all(not isinstance(found, entitlements.Missing) for *_, found in judged)


def test_create_user__refuses_a_taken_name_whatever_its_case(house: Any) -> None:
    house.user("ada")
    with pytest.raises(accounts.AccountExistsError):
        house.user("ADA")


@pytest.mark.parametrize("name", ["", " ada", "a b", "a/b", "x" * 101, "<script>"])
def test_create_user__refuses_an_odd_name(house: Any, name: str) -> None:
    with pytest.raises(accounts.BadAccountError):
        house.user(name)


def test_create_user__refuses_unknown_roles_and_tenants(house: Any) -> None:
    with pytest.raises(accounts.BadAccountError, match="king"):
        house.user("ada", "king")
    act = house.services.act(OPERATOR)
    with pytest.raises(accounts.UnknownAccountError, match="nowhere"), house.services.change() as unit:
        accounts.create_user(unit, act, tenant="nowhere", user="u", name="ada", roles=[])


def test_create_tenant__is_the_operators_and_once(house: Any) -> None:
    house.user("boss", "tenant-admin")
    boss = house.services.act(house.credential("boss").principal)
    with pytest.raises(ForbiddenError), house.services.change() as unit:
        accounts.create_tenant(unit, boss, tenant="new", name="new")
    with pytest.raises(accounts.AccountExistsError):
        house.tenant("t")


def test_roles__change_at_once_for_open_sessions(house: Any) -> None:
    view = house.user("ada", "viewer")
    token = house.sign_in("ada").token
    with house.services.change() as unit:
        accounts.set_roles(unit, house.services.act(OPERATOR), user=view.id, roles=["risk", "trader"])
    assert house.services.authenticator.session(token).principal.roles == {"risk", "trader"}


def test_role_of_operator__is_given_only_by_an_operator(house: Any) -> None:
    view = house.user("ada", "viewer")
    house.user("boss", "tenant-admin")
    boss = house.credential("boss").principal
    with pytest.raises(ForbiddenError, match="operator"), house.services.change() as unit:
        accounts.set_roles(unit, house.services.act(boss), user=view.id, roles=["operator"])
    with pytest.raises(ForbiddenError, match="operator"), house.services.change() as unit:
        accounts.set_roles(unit, house.services.act(boss), user=boss.id, roles=["tenant-admin", "operator"])


def test_holder_of_operator__cannot_be_taken_over_by_a_tenant_admin(house: Any) -> None:
    owner = house.user("owner", "operator")
    house.user("boss", "tenant-admin")
    act = house.services.act(house.credential("boss").principal)
    for change in (accounts.forget_password, accounts.disable_user):
        with pytest.raises(ForbiddenError, match="operator"), house.services.change() as unit:
            change(unit, act, user=owner.id)


@pytest.mark.parametrize(
    "change", [accounts.disable_user, accounts.enable_user, accounts.unlock_user, accounts.forget_password]
)
def test_administration__stays_in_the_tenant_and_needs_the_role(house: Any, change: Any) -> None:
    view = house.user("ada", "viewer")
    house.user("peer", "viewer")
    house.user("alien", "tenant-admin", tenant="other")
    for who, error in (("peer", ForbiddenError), ("alien", accounts.UnknownAccountError)):
        act = house.services.act(house.credential(who).principal)
        with pytest.raises(error), house.services.change() as unit:
            change(unit, act, user=view.id)


def test_forget_password__ends_sessions_and_old_links(house: Any) -> None:
    view = house.user("ada")
    token, code = house.sign_in("ada").token, house.link(view.id)
    with house.services.change() as unit:
        accounts.forget_password(unit, house.services.act(OPERATOR), user=view.id)
    with pytest.raises(SignInRequiredError):
        house.services.authenticator.session(token)
    with pytest.raises(signing_in.LinkUsedError):
        signing_in.open_link(house.services, code=code, visitor=signing_in.Visitor(address="10.0.0.1"))
    assert house.by_link(view.id).by_link


def test_users__are_listed_within_reach(house: Any) -> None:
    house.user("ada")
    house.user("boss", "tenant-admin")
    house.user("alien", tenant="other")
    with house.services.records.reader() as reader:
        seen = {
            by.name: [view.name for view in directory.users(reader, principal=by)]
            for by in (house.credential("ada").principal, house.credential("boss").principal, OPERATOR)
        }
    assert seen == {"ada": ["ada"], "boss": ["ada", "boss"], OPERATOR.name: ["ada", "alien", "boss"]}


def test_entitlements__are_replaced_only_by_an_admin_of_the_tenant(house: Any) -> None:
    house.user("ada", "viewer")
    house.user("boss", "tenant-admin", "operator")
    house.user("alien", "tenant-admin", tenant="other")
    lines = [Entitlement("CAISO", "prices", "hub")]
    for who, error in (("ada", ForbiddenError), ("alien", entitling.UnknownTenantError)):
        act = house.services.act(house.credential(who).principal)
        with pytest.raises(error), house.services.change() as unit:
            entitling.replace(unit, act, tenant="t", grants=lines)
    act = house.services.act(house.credential("boss").principal)
    with house.services.change() as unit:
        entitling.replace(unit, act, tenant="t", grants=lines)
    with house.services.records.reader() as reader:
        assert credentials.grants(reader, tenant="t").entitlements == tuple(lines)
        last = list(audit_log.rows(reader))[-1]
    assert (last.action, last.target) == ("entitlements.replace", "t")
    assert "CAISO prices hub" in last.detail


def test_entitlements__faults_are_all_named(house: Any) -> None:
    house.tenant("t")
    noon = house.clock.now()
    lines = [
        Entitlement("", "prices", "hub"),
        Entitlement("MISO", "prices", "telepathy"),
        Entitlement("MISO", "prices", "hub", valid_from=noon, valid_to=noon),
    ]
    with pytest.raises(entitling.BadEntitlementError) as caught, house.services.change() as unit:
        entitling.replace(unit, house.services.act(OPERATOR), tenant="t", grants=lines)
    assert [finding.pointer for finding in caught.value.findings] == [
        "/grants/0/market",
        "/grants/1/channel",
        "/grants/2/valid_to",
    ]


def test_entitlements__of_every_channel_can_be_kept(house: Any) -> None:
    house.tenant("t", *[("*", "*", channel.value) for channel in Channel], ("*", "*", "*"))
    with house.services.records.reader() as reader:
        assert len(credentials.grants(reader, tenant="t").entitlements) == len(Channel) + 1
