"""Everything that can be used has exactly one declared policy, and nothing is declared that does not exist."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
import typer.main

from powerdesk.access import policies
from powerdesk.access.policies import Kind, Rule
from powerdesk.access.types import Channel, Entitlement
from powerdesk.app import gateway, policy_table
from powerdesk.app.cli.program import app as commands
from powerdesk.app.desk import BACKUP
from powerdesk.delivery import downloads
from powerdesk.grid import operations as grid_operations
from powerdesk.markets import jobs
from powerdesk.store import jobs as store_jobs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import click
    from fastapi import FastAPI
    from running_desk import RunningDesk

ROLE = re.compile(r"\{[^}]*\}")


def faults(table: policies.Policies, kind: Kind, names: Iterable[str]) -> list[str]:
    """Return what is used without a policy, and what has a policy without being there."""
    present, declared = set(names), {name for found, name, _ in table if found is kind}
    assert present, f"no {kind.value} was examined"
    return [f"undeclared: {name}" for name in sorted(present - declared)] + [
        f"not there: {name}" for name in sorted(declared - present)
    ]


def verbs(group: click.Group, before: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield every command as it is typed."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from verbs(command, (*before, name))
        else:
            yield " ".join((*before, name))


@pytest.fixture(scope="module")
def app(assembled: RunningDesk) -> FastAPI:
    return gateway.application(assembled.desk)


def test_routes__each_have_a_policy(app: FastAPI) -> None:
    names = gateway.route_names(app)
    assert len(names) == len(set(names)) > 40
    assert faults(app.state.policies, Kind.ROUTE, names) == []


def test_an_undeclared_route__is_found_and_not_served(assembled: RunningDesk) -> None:
    app = gateway.application(assembled.desk)
    app.include_router(planted())
    assert faults(app.state.policies, Kind.ROUTE, gateway.route_names(app)) == ["undeclared: GET /v1/planted/route"]
    with pytest.raises(KeyError):
        app.state.policies.policy(kind=Kind.ROUTE, name="GET /v1/planted/route")


def planted() -> object:
    from fastapi import APIRouter  # noqa: PLC0415 - only here

    router = APIRouter(prefix="/v1/planted")
    router.add_api_route("/route", lambda: {"leak": 1}, methods=["GET"])
    return router


def test_a_policy_without_its_route__is_found() -> None:
    table = policies.Policies()
    policy_table.add_all(table)
    names = [name for kind, name, _ in table if kind is Kind.ROUTE and name != "GET /v1/jobs"]
    assert faults(table, Kind.ROUTE, names) == ["not there: GET /v1/jobs"]


def test_commands__each_have_a_policy(app: FastAPI) -> None:
    assert faults(app.state.policies, Kind.COMMAND, verbs(typer.main.get_command(commands))) == []


def test_channels__each_have_a_policy(app: FastAPI) -> None:
    document = gateway.asyncapi()
    addresses = {channel["address"] for channel in document["channels"].values()}
    assert faults(app.state.policies, Kind.CHANNEL, (f"WS {address}" for address in addresses)) == []


def test_jobs__each_have_a_policy(app: FastAPI, assembled: RunningDesk) -> None:
    defined = tuple(assembled.desk.engines.jobs._defined)
    assert len(defined) > 10
    of_grid = (grid_operations.FORECAST, grid_operations.SURFACES)
    known = (jobs.POLL, jobs.REFILL, jobs.BACKFILL, store_jobs.CALCULATE, store_jobs.RETAIN, BACKUP, downloads.FORGET)
    kinds = {kind for name in defined for kind in (*known, *of_grid) if name.startswith(kind)}
    assert all(name.startswith(tuple(kinds)) for name in defined)
    assert faults(app.state.policies, Kind.JOB, kinds) == []


def test_nothing_but_what_is_declared_public__answers_without_a_credential(
    app: FastAPI, assembled: RunningDesk
) -> None:
    client, asked = assembled.client(), 0
    for kind, name, policy in app.state.policies:
        if kind is not Kind.ROUTE or policy.rule is Rule.PUBLIC:
            continue
        method, _, path = name.partition(" ")
        answer = client.request(method, ROLE.sub("x", path))
        assert answer.status_code == 401, name
        asked += 1
    assert asked > 30


def test_public_routes__are_these_and_no_more(app: FastAPI) -> None:
    public = {name for kind, name, policy in app.state.policies if kind is Kind.ROUTE and policy.rule is Rule.PUBLIC}
    assert {name for name in public if "/v1/" in name} == {"GET /v1/downloads/{token}", "POST /v1/session"}


@pytest.mark.parametrize("rule", [Rule.OPERATOR, Rule.ROLES])
def test_routes_for_few__refuse_a_viewers_key_and_say_so_in_the_audit_log(
    app: FastAPI, assembled: RunningDesk, rule: Rule
) -> None:
    tenant = f"viewers-{rule.value}"
    assembled.tenant(tenant, [Entitlement("*", "*", "api")])
    client = assembled.bearer(assembled.key(tenant, Channel.API).secret)
    names = [name for kind, name, policy in app.state.policies if kind is Kind.ROUTE and policy.rule is rule]
    assert names
    for name in names:
        method, _, path = name.partition(" ")
        answer = client.request(method, ROLE.sub("x", path))
        assert (answer.status_code, answer.json()["type"]) == (403, "/docs/problems/forbidden"), name
    assert denied(assembled, tenant) == names


def denied(assembled: RunningDesk, tenant: str) -> list[str]:
    from powerdesk.access.queries import audit_log  # noqa: PLC0415 - only here

    with assembled.desk.engines.records.reader() as reader:
        rows = audit_log.rows(reader, tenant=tenant)
        return [row.target for row in rows if (row.action, row.outcome) == ("route", "denied")]


def test_keys__may_not_make_or_change_credentials(app: FastAPI, assembled: RunningDesk) -> None:
    assembled.desk.sign_in_link(assembled.base)  # makes the first account
    key = assembled.bearer(assembled.key("admin", Channel.API).secret)
    people = [name for kind, name, policy in app.state.policies if kind is Kind.ROUTE and policy.people_only]
    assert "POST /v1/keys" in people
    for name in people:
        method, _, path = name.partition(" ")
        assert key.request(method, ROLE.sub("x", path), json={}).status_code == 403, name
