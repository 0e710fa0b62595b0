"""The short way: the same answers as through the framework, behind the same policies."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest
import running_desk
from fastapi import routing

from powerdesk.access.policies import Kind, Rule
from powerdesk.access.types import Channel, Entitlement
from powerdesk.app import gateway
from powerdesk.delivery import perimeter
from powerdesk.delivery.rest import direct

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import ASGIApp

PRICES = "/v1/datasets/markets.prices"
OF_THE_ANSWER = ("x-request-id", "ratelimit")
"""Headers that differ from one answer to the next."""


@pytest.fixture(scope="module")
def apps(served: running_desk.RunningDesk) -> tuple[ASGIApp, ASGIApp]:
    """Return the desk's application as served, and the framework's alone behind the same perimeter."""
    served.accept(running_desk.prices("SIM", "DIRECT"))
    served.accept(running_desk.prices("NYISO", "DIRECT"))
    desk = served.desk
    alone = perimeter.Perimeter(
        gateway.application(desk), clock=desk.clock, ids=desk.ids, host_allowed=desk.gate.host_allowed
    )
    return gateway.create(desk), alone


def ask(app: ASGIApp, path: str, query: str, method: str, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers and body of one request, without what differs from one answer to the next."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "path": path,
        "raw_path": path.encode(), "root_path": "", "query_string": query.encode(), "scheme": "http",
        "headers": [(b"host", b"localhost"), *((k.lower().encode(), v.encode()) for k, v in headers.items())],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
    }  # fmt: skip

    async def served() -> None:
        await app(scope, receive, send)

    asyncio.run(served())
    start, *parts = sent
    kept = {k.decode(): v.decode() for k, v in start["headers"] if k.decode() not in OF_THE_ANSWER}
    body = b"".join(part.get("body", b"") for part in parts)
    request_id = next(v for k, v in start["headers"] if k == b"x-request-id")
    return start["status"], kept, body.replace(request_id, b"REQUEST")


@pytest.mark.parametrize("verb", ["rows", "latest", "history"])
@pytest.mark.parametrize(
    "query",
    [
        "location=SIM:DIRECT",
        "location=SIM:DIRECT&start=2026-11-03T08:00:00Z",
        "location=SIM:DIRECT&limit=1&format=records",
        "market=NYISO&location=NYISO:DIRECT",
        "allow_partial=true&location=SIM:DIRECT,NYISO:DIRECT&format=csv",
        "colour=red&start=x",
        "limit=1&limit=2",
        "location=SIM:DIRECT&as_of=2026-11-03T20:00:00%2B00:00&commit=1",
        "location=SIM:DIRECT&estimate=true",
        "location=&x=%ff%20+",
        "cursor=x",
    ],
)
def test_answers__are_those_of_the_framework(
    served: running_desk.RunningDesk, apps: tuple[ASGIApp, ASGIApp], verb: str, query: str
) -> None:
    served.tenant(f"direct-{verb}-{abs(hash(query))}", [Entitlement("SIM", "*", "api")])
    key = served.key(f"direct-{verb}-{abs(hash(query))}", Channel.API).secret
    for credential in (served.desk.ownership.token, key, "nobody", ""):
        headers = {"Authorization": f"Bearer {credential}"} if credential else {}
        for dataset in ("markets.prices", "no.such"):
            path = f"/v1/datasets/{dataset}/{verb}"
            short, long = (ask(app, path, query, "GET", headers) for app in apps)
            assert short == long
            assert short[0] in (200, 400, 401, 403, 404)


@pytest.mark.parametrize("method", ["HEAD", "POST", "DELETE"])
def test_other_methods__are_answered_as_by_the_framework(
    apps: tuple[ASGIApp, ASGIApp], served: Any, method: str
) -> None:
    headers = {"Authorization": f"Bearer {served.desk.ownership.token}"}
    for verb in ("rows", "latest"):
        short, long = (ask(app, f"{PRICES}/{verb}", "location=SIM:DIRECT", method, headers) for app in apps)
        assert short == long


def test_ways__are_routes_of_the_application_with_a_policy(served: running_desk.RunningDesk) -> None:
    app = gateway.application(served.desk)
    found = direct.ways(routing.iter_route_contexts(app.routes))
    names = {f"{method} {way.path}" for way in found for method in way.methods}
    assert names == {
        f"GET {PRICES.replace('markets.prices', '{dataset_id}')}/{v}" for v in ("rows", "latest", "history")
    } | {"HEAD /v1/datasets/{dataset_id}/rows"}
    assert names <= set(gateway.route_names(app))
    rules = {app.state.policies.policy(kind=Kind.ROUTE, name=name).rule for name in names}
    assert rules == {Rule.ENTITLED}


def test_a_way_without_a_policy__is_not_served(served: running_desk.RunningDesk) -> None:
    app = gateway.application(served.desk)

    @app.get("/v1/planted", response_model=None)
    @direct.direct
    async def planted() -> Response:
        raise AssertionError("found a call of a route without a policy; allowed: none")

    ways = direct.ways(routing.iter_route_contexts(app.routes))
    assert "/v1/planted" in {way.path for way in ways}
    served_app = perimeter.Perimeter(
        direct.Direct(app, ways=ways, enforce=app.state.enforce),
        clock=served.desk.clock, ids=served.desk.ids, host_allowed=lambda _host: True,
    )  # fmt: skip
    status, headers, body = ask(served_app, "/v1/planted", "", "GET", {})
    assert (status, headers["content-type"]) == (500, "application/problem+json")
    assert b"AssertionError" not in body


def test_light_reads__stay_on_the_loop_and_others_go_to_threads(
    served: running_desk.RunningDesk, apps: tuple[ASGIApp, ASGIApp], monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[bool] = []
    tables = served.desk.store.tables
    for name in ("rows", "latest"):
        real = getattr(tables, name)

        def noted(*args: Any, real: Any = real, **options: Any) -> Any:
            threads.append(threading.current_thread() is threading.main_thread())
            return real(*args, **options)

        monkeypatch.setattr(tables, name, noted)
    headers = {"Authorization": f"Bearer {served.desk.ownership.token}"}
    recent = "start=2026-11-03T08:00:00Z"
    for verb, query, light in (
        ("latest", "location=SIM:DIRECT", True),
        ("rows", f"location=SIM:DIRECT&{recent}", True),
        ("rows", "location=SIM:DIRECT", False),
        ("rows", "location=SIM:DIRECT&start=2026-10-01T00:00:00Z", False),
        ("rows", recent, False),
        ("rows", f"location=SIM:DIRECT&{recent}&format=parquet", False),
        ("rows", f"location=SIM:DIRECT&{recent}&commit=1", False),
        ("rows", f"location={','.join(f'SIM:{n}' for n in range(17))}&{recent}", False),
        ("latest", "location=SIM:DIRECT&as_of=2026-10-01T00:00:00Z", False),
    ):
        assert ask(apps[0], f"{PRICES}/{verb}", query, "GET", headers)[0] == 200
        assert threads.pop() is light, (verb, query)


def test_a_refusal__is_in_the_audit_log_before_the_answer(
    served: running_desk.RunningDesk, apps: tuple[ASGIApp, ASGIApp]
) -> None:
    from powerdesk.access.queries import audit_log  # noqa: PLC0415 - only here

    served.tenant("refused-direct", [Entitlement("SIM", "*", "api")])
    key = served.key("refused-direct", Channel.API).secret
    for verb in ("rows", "latest", "history"):
        path, headers = f"{PRICES}/{verb}", {"Authorization": f"Bearer {key}"}
        assert ask(apps[0], path, "location=NYISO:DIRECT", "GET", headers)[0] == 403
        with served.desk.engines.records.reader() as reader:
            noted = [row for row in audit_log.rows(reader, tenant="refused-direct") if row.outcome == "denied"]
        assert (noted[-1].target, '"NYISO/' in noted[-1].detail) == ("markets.prices", True)
        assert len(noted) == 1 + ("rows", "latest", "history").index(verb)
