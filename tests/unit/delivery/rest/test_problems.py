"""Every error is a problem that says what was found, what is allowed and what to do, under the request's id."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpx  # noqa: TID251 - speaks to the application in process
import pytest

from powerdesk.access import policies
from powerdesk.access.operations import limiting
from powerdesk.access.types import Channel, Entitlement
from powerdesk.app import gateway
from powerdesk.delivery import perimeter

if TYPE_CHECKING:
    from running_desk import RunningDesk

ROWS = "/v1/datasets/markets.prices/rows"
MEMBERS = {"type", "title", "status", "detail", "instance", "request_id", "found", "allowed", "remedy", "errors"}
CASES: dict[str, tuple[int, str, str, dict[str, Any]]] = {
    "bad parameters": (400, "GET", f"{ROWS}?limit=x", {}),
    "bad cursor": (400, "GET", f"{ROWS}?cursor=x", {}),
    "bad download": (400, "POST", "/v1/downloads", {"content": b"{"}),
    "bad body": (400, "POST", "/v1/backfills", {"json": {"feed": 1}}),
    "unknown path": (404, "GET", "/v1/nothing", {}),
    "unknown dataset": (404, "GET", "/v1/datasets/nothing/rows", {}),
    "unknown lineage": (404, "GET", "/v1/lineage/nothing", {}),
    "unknown payload": (404, "GET", "/v1/payloads/" + "0" * 64, {}),
    "unknown feed": (404, "POST", "/v1/feeds/nothing/pause", {}),
    "unknown user": (404, "POST", "/v1/users/nobody/unlock", {}),
    "unknown key": (404, "DELETE", "/v1/keys/nothing", {}),
    "wrong method": (405, "POST", "/health", {}),
    "malformed body": (422, "POST", "/v1/keys", {"json": {"name": "x", "scopes": "api", "more": 1}}),
    "malformed parameter": (422, "GET", "/v1/locations?limit=x", {}),
    "unreadable file": (422, "POST", "/v1/imports/nyiso", {"content": b"nonsense"}),
    "bad link": (403, "GET", "/v1/downloads/x", {}),
    "no SSE channel": (400, "GET", "/v1/stream/sse", {}),
}


def assert_problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    body: dict[str, Any] = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, body["status"]) == (status, status), body
    assert set(body) >= MEMBERS
    assert body["request_id"] == answer.headers["x-request-id"] != ""
    assert body["type"].startswith("/docs/problems/")
    assert all(body[name] for name in ("title", "detail", "found", "allowed", "remedy"))
    assert all(set(fault) == {"pointer", "found", "allowed", "remedy"} for fault in body["errors"])
    return body


@pytest.mark.parametrize("case", CASES)
def test_errors__are_problems(operator: httpx.Client, case: str) -> None:
    status, method, path, options = CASES[case]
    body = assert_problem(operator.request(method, path, **options), status)
    assert body["instance"] == path.partition("?")[0]


def test_a_missing_credential__is_401_and_says_how_to_sign_in(served: RunningDesk) -> None:
    answer = served.client().get(ROWS)
    assert_problem(answer, 401)
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_a_refusal__names_each_missing_entitlement(served: RunningDesk) -> None:
    served.tenant("little", [Entitlement("SIM", "*", "api")])
    client = served.bearer(served.key("little", Channel.API).secret)
    body = assert_problem(client.get(ROWS), 403)
    missing = [{"market": market, "product": "prices", "channel": "api"} for market in ("CAISO", "MISO", "NYISO")]
    assert body["entitlement"] == missing


def test_malformed_bodies__never_repeat_what_was_sent(served: RunningDesk) -> None:
    body = {"name": "admin", "password": ["correct horse"], "extra": "battery staple"}
    answer = served.client().post("/v1/session", json=body)
    found = assert_problem(answer, 422)
    assert {fault["pointer"] for fault in found["errors"]} == {"body/password", "body/extra"}
    assert "horse" not in answer.text
    assert "staple" not in answer.text


def test_an_error_of_ours__is_a_problem_without_its_traceback(served: RunningDesk) -> None:
    app = gateway.application(served.desk)

    def fail() -> None:
        raise RuntimeError("the secret is swordfish")

    app.add_api_route("/boom", fail, methods=["GET"])
    app.state.policies.declare(kind=policies.Kind.ROUTE, name="GET /boom", policy=policies.PUBLIC)
    desk = served.desk
    guarded = perimeter.Perimeter(app, clock=desk.clock, ids=desk.ids, host_allowed=desk.gate.host_allowed)

    async def call() -> httpx.Response:
        transport = httpx.ASGITransport(guarded, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.get("/boom")

    answer = asyncio.run(call())
    assert_problem(answer, 500)
    assert "swordfish" not in answer.text
    assert answer.headers["x-frame-options"] == "DENY"


def test_what_only_counts_or_judges_rows__is_counted_like_a_read(served: RunningDesk) -> None:
    served.tenant("curious", [Entitlement("SIM", "*", "api")], plan="trial")
    secret = served.key("curious", Channel.API).secret
    client, params = served.bearer(secret), {"market": "SIM"}
    principal = served.desk.access.authenticator.key(secret).principal
    limiting.spend(served.desk.engines.cache, principal=principal, product="prices", calls=598)
    assert client.get(ROWS, params={**params, "estimate": "true"}).status_code == 200
    assert client.get("/v1/datasets/markets.prices/quality", params=params).status_code == 200
    for path, asked in ((ROWS, {**params, "estimate": "true"}), ("/v1/datasets/markets.prices/quality", params)):
        assert_problem(client.get(path, params=asked), 429)
    made = client.post("/v1/downloads", json={"dataset": "markets.prices", "query": params})
    assert made.status_code == 429


def test_refusals__name_so_many_markets_and_are_audited_so_often(served: RunningDesk) -> None:
    served.tenant("stranger", [])
    secret = served.key("stranger", Channel.API).secret
    client = served.bearer(secret)
    many = {"market": ",".join(f"M{number}" for number in range(5_000))}
    answer = client.get(ROWS, params=many)
    assert_problem(answer, 403)
    assert len(answer.content) < 50_000
    principal = served.desk.access.authenticator.key(secret).principal
    for _ in range(limiting.DENIALS.amount - 1):
        limiting.admit_denial(served.desk.engines.cache, principal=principal)
    for path in (ROWS, "/v1/payloads", "/v1/keys"):
        assert_problem(client.get(path, params={"market": "SIM"} if path == ROWS else {}), 429)


def test_limits__are_said_with_every_answer_and_with_429(served: RunningDesk) -> None:
    served.tenant("busy", [Entitlement("SIM", "*", "api")], plan="trial")
    secret = served.key("busy", Channel.API).secret
    client, params = served.bearer(secret), {"market": "SIM", "limit": 1}
    first = client.get(ROWS, params=params)
    assert first.headers["ratelimit-policy"] == '"calls";q=600;w=60, "rows";q=2000000;w=3600'
    assert first.headers["ratelimit"].startswith('"calls";r=599;')
    principal = served.desk.access.authenticator.key(secret).principal
    limiting.spend(served.desk.engines.cache, principal=principal, product="prices", calls=599)
    answer = client.get(ROWS, params=params)
    body = assert_problem(answer, 429)
    assert 1 <= int(answer.headers["retry-after"]) <= 61  # the window, and the step in which it is counted
    assert body["retry_after"] > 0
    assert answer.headers["ratelimit"].startswith('"calls";r=0;')
    assert client.get("/v1/datasets/markets.load/rows", params=params).status_code == 200  # another product
