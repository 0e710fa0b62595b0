"""The routes of access over HTTP, and the attacks that come that way: CSRF, foreign sites, leaked keys, tenants."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import httpx  # noqa: TID251 - speaks to the app in memory, no network
import pytest
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.requests import HTTPConnection

from powerdesk.access import connections, policies, routes
from powerdesk.access.operations import minting
from powerdesk.access.queries import audit_log, directory
from powerdesk.access.types import OPERATOR, Channel
from powerdesk.kernel.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

PASSWORD = "seven brown otters"
OPERATOR_TOKEN = "operator-token-for-tests"
READ = (("MISO", "prices", "hub"), ("MISO", "prices", "api"), ("CAISO", "prices", "hub"))


class Visitor(httpx.AsyncClient):
    """A browser or program that asks one thing after another."""

    runner: asyncio.Runner

    def ask(self, method: str, path: str, **asked: Any) -> httpx.Response:
        """Ask and wait for the answer."""
        return self.runner.run(self.request(method, path, **asked))


class Desk:
    """The routes in an app, with the error shape that delivery gives them."""

    def __init__(self, house: Any, runner: asyncio.Runner) -> None:
        self.house = house
        self.runner = runner
        self.policies = policies.Policies()
        app = FastAPI()

        @app.exception_handler(Problem)
        def problem(_request: Request, error: Problem) -> JSONResponse:
            return JSONResponse({"slug": error.slug, "retry_after": error.retry_after_s}, status_code=error.status)

        @app.exception_handler(RequestValidationError)
        def invalid(_request: Request, _error: RequestValidationError) -> JSONResponse:
            return JSONResponse({"slug": "bad-request"}, status_code=422)

        def present(request: Request) -> connections.Presented:
            return connections.present(
                request,
                authenticator=house.services.authenticator,
                pepper=house.services.pepper,
                operator_token=OPERATOR_TOKEN,
            )

        app.include_router(
            routes.router(
                routes.AccessRoutes(
                    services=house.services,
                    policies=self.policies,
                    present=present,
                    catalogue=lambda: (("CAISO", "MISO"), ("prices",)),
                    version="0.0.0",
                )
            )
        )
        self.app = app

    def visitor(self, base_url: str = "http://testserver", client: tuple[str, int] = ("10.0.0.9", 1)) -> Visitor:
        """Open a browser or program."""
        visitor = Visitor(transport=httpx.ASGITransport(self.app, client=client), base_url=base_url)
        visitor.runner = self.runner
        return visitor

    def signed_in(self, name: str) -> Visitor:
        """Open a browser, sign in, and send the CSRF token from now on."""
        browser = self.visitor()
        assert browser.ask("POST", "/v1/session", json={"name": name, "password": PASSWORD}).status_code == 204
        browser.headers["X-CSRF-Token"] = browser.ask("GET", "/v1/me").json()["csrf"]
        return browser

    def key(self, user: Any, *scopes: Channel) -> minting.Minted:
        """Make a key for a person."""
        with self.house.services.change() as unit:
            act = self.house.services.act(OPERATOR)
            return minting.create(
                unit, act, name="robot", scopes=scopes or (Channel.API,), expires_at=None, owner=user.id
            )


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as made:
        yield made


@pytest.fixture
def desk(house: Any, runner: asyncio.Runner) -> Desk:
    house.tenant("t", *READ)
    return Desk(house, runner)


def test_sign_in__sets_a_cookie_that_scripts_and_other_sites_cannot_use(desk: Desk) -> None:
    desk.house.user("ada")
    answer = desk.visitor().ask("POST", "/v1/session", json={"name": "ada", "password": PASSWORD})
    cookie = answer.headers["set-cookie"].lower()
    assert answer.status_code == 204
    assert cookie.startswith("pd_session=")
    assert all(word in cookie for word in ("httponly", "samesite=lax", "path=/", "max-age=604800"))
    assert "secure" not in cookie
    secure = desk.visitor("https://testserver").ask("POST", "/v1/session", json={"name": "ada", "password": PASSWORD})
    assert "secure" in secure.headers["set-cookie"].lower()


def test_sign_in__refused_is_401_with_retry_after_when_locked(desk: Desk) -> None:
    desk.house.user("ada")
    answers = [desk.visitor().ask("POST", "/v1/session", json={"name": "ada", "password": "x"}) for _ in range(5)]
    assert {answer.status_code for answer in answers} == {401}
    assert answers[0].json() == {"slug": "sign-in-failed", "retry_after": None}
    assert answers[-1].json() == {"slug": "sign-in-failed", "retry_after": 2.0}
    assert all("set-cookie" not in answer.headers for answer in answers)


def test_sign_in__storm_from_one_address_is_limited(desk: Desk) -> None:
    visitor = desk.visitor()
    codes = [visitor.ask("POST", f"/sign-in/code{number}").status_code for number in range(62)]
    assert codes == [410] * 60 + [429] * 2


@pytest.mark.parametrize("body", [{}, {"name": "ada"}, {"name": "", "password": "x"}, {"name": "a", "password": 5}, []])
def test_sign_in__malformed_is_422(desk: Desk, body: Any) -> None:
    assert desk.visitor().ask("POST", "/v1/session", json=body).status_code == 422


def test_me__says_who_asks(desk: Desk) -> None:
    view = desk.house.user("ada", "analyst", "risk")
    answer = desk.signed_in("ada").ask("GET", "/v1/me")
    body = answer.json()
    assert answer.headers["cache-control"] == "no-store"
    assert body["user"] == {
        "id": view.id,
        "name": "ada",
        "kind": "user",
        "tenant": "t",
        "roles": ["analyst", "risk"],
    }
    assert body["channels"] == ["download", "hub"]
    assert [(e["market"], e["product"], e["channel"]) for e in body["entitlements"]] == list(READ)
    assert (body["server_time"], body["version"], body["first_run"]) == ("2026-03-01T12:00:00Z", "0.0.0", False)
    assert len(body["csrf"]) == 64


def test_one_time_link__is_not_used_up_by_a_preview_and_works_once(desk: Desk) -> None:
    code = desk.house.link(desk.house.user("ada").id)
    browser = desk.visitor()
    for _ in range(3):
        page = browser.ask("GET", f"/sign-in/{code}")
        assert page.status_code == 200
        assert '<form method="post">' in page.text
        assert code not in page.text
        assert (page.headers["cache-control"], page.headers["referrer-policy"]) == ("no-store", "same-origin")
        assert "set-cookie" not in page.headers
    used = browser.ask("POST", f"/sign-in/{code}")
    assert (used.status_code, used.headers["location"]) == (303, "/")
    assert browser.ask("GET", "/v1/me").json()["may_set_password_without_old"] is True
    replayed = desk.visitor().ask("POST", f"/sign-in/{code}")
    assert replayed.status_code == 410
    assert "set-cookie" not in replayed.headers


def test_first_run__password_is_set_through_the_link(desk: Desk) -> None:
    view = desk.house.user("ada", password=None)
    browser = desk.visitor()
    browser.ask("POST", f"/sign-in/{desk.house.link(view.id)}")
    me = browser.ask("GET", "/v1/me").json()
    assert me["first_run"] is True
    token = {"X-CSRF-Token": me["csrf"]}
    weak = browser.ask("POST", "/v1/me/password", json={"current": None, "new": "short"}, headers=token)
    assert (weak.status_code, weak.json()["slug"]) == (422, "weak-password")
    assert (
        browser.ask("POST", "/v1/me/password", json={"current": None, "new": PASSWORD}, headers=token).status_code
        == 204
    )
    again = browser.ask("POST", "/v1/me/password", json={"current": None, "new": "nine green herons"}, headers=token)
    assert (again.status_code, again.json()["slug"]) == (403, "wrong-password")
    assert browser.ask("GET", "/v1/me").json()["first_run"] is False


UNSAFE = [
    ("DELETE", "/v1/session", None),
    ("POST", "/v1/me/password", {"current": PASSWORD, "new": "nine green herons"}),
    ("DELETE", "/v1/sessions/x", None),
    ("POST", "/v1/keys", {"name": "k", "scopes": ["api"]}),
    ("POST", "/v1/keys/x/rotate", {"overlap_hours": 1}),
    ("DELETE", "/v1/keys/x", None),
    ("PUT", "/v1/entitlements/t", {"grants": []}),
    ("POST", "/v1/entitlements/t/changes", {"add": []}),
    ("POST", "/v1/entitlements/t/preview", {"add": []}),
]


@pytest.mark.parametrize(("method", "path", "body"), UNSAFE)
def test_csrf__unsafe_requests_with_a_cookie_need_the_token(desk: Desk, method: str, path: str, body: Any) -> None:
    desk.house.user("ada", "tenant-admin")
    browser = desk.signed_in("ada")
    del browser.headers["X-CSRF-Token"]
    for headers in ({}, {"X-CSRF-Token": ""}, {"X-CSRF-Token": "0" * 64}):
        answer = browser.ask(method, path, json=body, headers=headers)
        assert (answer.status_code, answer.json()["slug"]) == (403, "cross-site")
    assert browser.ask("GET", "/v1/me").status_code == 200


def test_csrf__the_cases_cover_every_unsafe_route_that_needs_a_credential(desk: Desk) -> None:
    declared = [
        re.sub(r"\{[^}]*\}", "[^/]+", name)
        for _, name, policy in desk.policies
        if not name.startswith("GET") and policy is not policies.PUBLIC
    ]
    tried = [f"{method} {path}" for method, path, _ in UNSAFE]
    assert [name for name in declared if not any(re.fullmatch(name, one) for one in tried)] == []
    assert len(declared) >= 6


def test_csrf__token_of_another_session_does_not_fit(desk: Desk) -> None:
    desk.house.user("ada")
    desk.house.user("mallory")
    browser = desk.signed_in("ada")
    stolen = desk.signed_in("mallory").headers["X-CSRF-Token"]
    answer = browser.ask("POST", "/v1/keys", json={"name": "k", "scopes": ["api"]}, headers={"X-CSRF-Token": stolen})
    assert (answer.status_code, answer.json()["slug"]) == (403, "cross-site")


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://testserver.evil.example", "http://testserver:81"]
)
def test_origin__of_another_site_is_refused_with_a_cookie_and_at_sign_in(desk: Desk, origin: str) -> None:
    desk.house.user("ada")
    browser = desk.signed_in("ada")
    assert browser.ask("GET", "/v1/me", headers={"Origin": origin}).status_code == 403
    body = {"name": "ada", "password": PASSWORD}
    assert desk.visitor().ask("POST", "/v1/session", json=body, headers={"Origin": origin}).status_code == 403
    code = desk.house.link(queries_user(desk))
    assert desk.visitor().ask("POST", f"/sign-in/{code}", headers={"Origin": origin}).status_code == 403
    assert browser.ask("GET", "/v1/me", headers={"Origin": "http://testserver"}).status_code == 200


def queries_user(desk: Desk) -> str:
    with desk.house.services.records.reader() as reader:
        view = directory.user_by_name(reader, name="ada")
    assert view is not None
    return view.id


def test_keys__from_creation_to_revocation(desk: Desk) -> None:
    desk.house.user("ada")
    browser = desk.signed_in("ada")
    made = browser.ask("POST", "/v1/keys", json={"name": "robot", "scopes": ["api", "stream"], "expires_at": None})
    assert made.status_code == 201
    assert made.headers["cache-control"] == "no-store"
    key, secret = made.json()["key"], made.json()["secret"]
    program = desk.visitor()
    program.headers["Authorization"] = f"Bearer {secret}"
    assert program.ask("GET", "/v1/me").json()["user"]["kind"] == "key"
    assert program.ask("GET", "/v1/me").json()["csrf"] == ""
    rotated = browser.ask("POST", f"/v1/keys/{key['id']}/rotate", json={"overlap_hours": 1})
    assert rotated.status_code == 201
    assert program.ask("GET", "/v1/me").status_code == 200
    listed = browser.ask("GET", "/v1/keys").json()["keys"]
    assert {k["id"]: k["state"] for k in listed} == {key["id"]: "live", rotated.json()["key"]["id"]: "live"}
    assert secret not in browser.ask("GET", "/v1/keys").text
    assert browser.ask("DELETE", f"/v1/keys/{key['id']}").status_code == 204
    assert program.ask("GET", "/v1/me").status_code == 401


@pytest.mark.parametrize(
    "body",
    [
        {"name": "k", "scopes": []},
        {"name": "k", "scopes": ["hub"]},
        {"name": "k", "scopes": ["telepathy"]},
        {"name": "", "scopes": ["api"]},
        {"name": "k", "scopes": ["api"], "expires_at": "2027-01-01T00:00:00"},
        {"name": "k", "scopes": ["api"], "expires_at": "2020-01-01T00:00:00Z"},
        {"name": "k", "scopes": ["api"], "expires_at": "0001-01-01T00:00:00+14:00"},
        {"name": "k", "scopes": ["api"], "expires_at": "9999-12-31T23:59:59-14:00"},
        {"name": "k", "scopes": ["api"], "owner": "somebody"},
    ],
)
def test_keys__that_cannot_be_are_422(desk: Desk, body: Any) -> None:
    desk.house.user("ada")
    assert desk.signed_in("ada").ask("POST", "/v1/keys", json=body).status_code == 422


@pytest.mark.parametrize("hours", ["NaN", "Infinity", "-1", "721", "null", '"2"x'])
def test_rotation__with_an_odd_overlap_is_422(desk: Desk, hours: str) -> None:
    view = desk.house.user("ada")
    browser = desk.signed_in("ada")
    answer = browser.ask(
        "POST",
        f"/v1/keys/{desk.key(view).key.id}/rotate",
        content=f'{{"overlap_hours": {hours}}}',
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == 422


def test_entitlements__with_offsets_are_kept_and_shown_in_utc(desk: Desk) -> None:
    desk.house.user("boss", "tenant-admin", "operator")
    browser = desk.signed_in("boss")
    line = {"market": "M", "product": "p", "channel": "hub", "valid_from": "2026-03-01T07:00:00-05:00"}
    assert browser.ask("PUT", "/v1/entitlements/t", json={"grants": [line]}).status_code == 204
    (shown,) = browser.ask("GET", "/v1/entitlements").json()["grants"]
    assert shown["valid_from"] == "2026-03-01T12:00:00Z"


def test_leaked_key__of_an_admin_cannot_make_credentials_or_change_grants(desk: Desk) -> None:
    view = desk.house.user("boss", "tenant-admin")
    program = desk.visitor()
    program.headers["Authorization"] = f"Bearer {desk.key(view, *[Channel.API]).secret}"
    for method, path, body in UNSAFE:
        assert program.ask(method, path, json=body).status_code == 403, path
    assert program.ask("GET", "/v1/keys").status_code == 403
    assert program.ask("GET", "/v1/sessions").status_code == 403
    with desk.house.services.records.reader() as reader:
        denied = [row.target for row in audit_log.rows(reader) if row.outcome == "denied"]
    assert len(denied) == len(UNSAFE) + 2


def test_sessions__are_listed_and_ended_within_reach(desk: Desk) -> None:
    for name, role in (("ada", "viewer"), ("bea", "viewer"), ("boss", "tenant-admin")):
        desk.house.user(name, role)
    desk.house.user("alien", "tenant-admin", tenant="other")
    ada, bea, boss, alien = (desk.signed_in(name) for name in ("ada", "bea", "boss", "alien"))
    mine = [s for s in ada.ask("GET", "/v1/sessions").json()["sessions"] if s["current"]]
    assert len(mine) == 1
    assert {s["user"] for s in ada.ask("GET", "/v1/sessions").json()["sessions"]} == {"ada"}
    assert {s["user"] for s in boss.ask("GET", "/v1/sessions").json()["sessions"]} == {"ada", "bea", "boss"}
    for other in (bea, alien):
        assert other.ask("DELETE", f"/v1/sessions/{mine[0]['id']}").status_code == 404
    assert boss.ask("DELETE", f"/v1/sessions/{mine[0]['id']}").status_code == 204
    assert ada.ask("GET", "/v1/me").status_code == 401


def test_sign_out__ends_the_session_and_forgets_the_cookie(desk: Desk) -> None:
    desk.house.user("ada")
    browser = desk.signed_in("ada")
    token = browser.cookies["pd_session"]
    assert browser.ask("DELETE", "/v1/session").status_code == 204
    thief = desk.visitor()
    thief.cookies.set("pd_session", token)
    assert thief.ask("GET", "/v1/me").status_code == 401


def test_entitlements__show_the_pilot_and_change_at_once(desk: Desk) -> None:
    desk.house.user("boss", "tenant-admin", "operator")
    browser = desk.signed_in("boss")
    body = browser.ask("GET", "/v1/entitlements").json()
    allowed = {(v["market"], v["channel"]) for v in body["verdicts"] if v["allowed"]}
    programs = {"api", "stream", "excel", "graphql", "flight", "sdk"}
    assert allowed == {("CAISO", "hub"), ("MISO", "hub"), *(("MISO", channel) for channel in programs)}
    assert all(v["why"] for v in body["verdicts"])
    assert len(body["verdicts"]) == 2 * len(Channel)
    assert {g["tenant"] for g in body["grants"]} == {"t"}
    line = {"market": "CAISO", "product": "prices", "channel": "api"}
    assert browser.ask("PUT", "/v1/entitlements/t", json={"grants": [line]}).status_code == 204
    after = {
        (v["market"], v["channel"]) for v in browser.ask("GET", "/v1/entitlements").json()["verdicts"] if v["allowed"]
    }
    assert after == {("CAISO", channel) for channel in programs}


@pytest.mark.parametrize(
    "widened",
    [
        {"add": [{"market": "CAISO", "product": "prices", "channel": "api"}]},
        {"add": [{"market": "*", "product": "prices", "channel": "hub"}]},
        {"add": [{"market": "CAISO", "product": "*", "channel": "hub"}]},
        {"remove": [{"market": "CAISO", "product": "prices", "channel": "stream", "deny": True}]},
    ],
)
def test_a_tenant_admin__gives_the_own_tenant_nothing_that_it_did_not_have(desk: Desk, widened: dict[str, Any]) -> None:
    desk.house.user("boss", "tenant-admin")
    desk.house.user("house", "tenant-admin", "operator")
    house, browser = desk.signed_in("house"), desk.signed_in("boss")
    had = [
        {"market": "CAISO", "product": "prices", "channel": "hub"},
        {"market": "MISO", "product": "*", "channel": "*", "valid_to": "2126-01-01T00:00:00Z"},
        {"market": "CAISO", "product": "prices", "channel": "stream", "deny": True},
    ]
    assert house.ask("PUT", "/v1/entitlements/t", json={"grants": had}).status_code == 204
    before = browser.ask("GET", "/v1/entitlements").json()["grants"]
    answer = browser.ask("POST", "/v1/entitlements/t/changes", json=widened)
    assert (answer.status_code, answer.json()["slug"]) == (403, "forbidden")
    added, removed = widened.get("add", []), widened.get("remove", [])
    whole = [line for line in had if line not in removed] + added
    assert browser.ask("PUT", "/v1/entitlements/t", json={"grants": whole}).status_code == 403
    assert browser.ask("GET", "/v1/entitlements").json()["grants"] == before
    narrower = [
        {"market": "MISO", "product": "prices", "channel": "api", "valid_to": "2125-01-01T00:00:00Z"},
        {"market": "CAISO", "product": "*", "channel": "*", "deny": True},
    ]
    assert browser.ask("PUT", "/v1/entitlements/t", json={"grants": narrower}).status_code == 204
    assert house.ask("POST", "/v1/entitlements/t/changes", json={"add": added}).status_code == 204


def test_entitlement_lines__are_added_and_taken_beside_those_of_others(desk: Desk) -> None:
    desk.house.user("boss", "tenant-admin")
    browser = desk.signed_in("boss")
    before = browser.ask("GET", "/v1/entitlements").json()["grants"]
    taken = {name: before[0][name] for name in before[0] if name != "tenant"}
    denied = {"market": "MISO", "product": "*", "channel": "hub", "deny": True}
    change = {"add": [denied, denied], "remove": [taken]}
    assert browser.ask("POST", "/v1/entitlements/t/changes", json=change).status_code == 204
    after = browser.ask("GET", "/v1/entitlements").json()["grants"]
    assert after[:-1] == before[1:]
    assert (after[-1]["product"], after[-1]["deny"]) == ("*", True)
    again = browser.ask("POST", "/v1/entitlements/t/changes", json=change)
    assert (again.status_code, again.json()["slug"]) == (409, "entitlement-gone")
    assert browser.ask("GET", "/v1/entitlements").json()["grants"] == after


def test_entitlement_preview__tells_what_turns_now_and_later_and_changes_nothing(desk: Desk) -> None:
    desk.house.user("boss", "tenant-admin")
    browser = desk.signed_in("boss")
    before = browser.ask("GET", "/v1/entitlements").json()
    first = {"market": "CAISO", "product": "prices", "channel": "download", "valid_to": "2126-01-01T00:00:00Z"}
    later = {"market": "MISO", "product": "*", "channel": "hub", "valid_from": "2125-01-01T00:00:00Z", "deny": True}
    answer = browser.ask("POST", "/v1/entitlements/t/preview", json={"add": [first, later]})
    moved = [(m["at"][:4], m["market"], m["channel"], m["allowed"]) for m in answer.json()["moved"]]
    now = before["verdicts"] and browser.ask("GET", "/v1/me").json()["server_time"][:4]
    assert moved == [
        (now, "CAISO", "download", True),
        ("2125", "CAISO", "download", True),
        ("2125", "MISO", "hub", False),
        ("2126", "MISO", "hub", False),
    ]
    assert browser.ask("GET", "/v1/entitlements").json()["grants"] == before["grants"]


@pytest.mark.parametrize("verb", ["changes", "preview"])
def test_entitlement_lines__refuse_strangers_and_lines_that_mean_nothing(desk: Desk, verb: str) -> None:
    desk.house.user("alien", "tenant-admin", tenant="other")
    desk.house.user("ada", "viewer")
    desk.house.user("boss", "tenant-admin")
    path = f"/v1/entitlements/t/{verb}"
    assert desk.signed_in("alien").ask("POST", path, json={"add": []}).status_code == 404
    assert desk.signed_in("ada").ask("POST", path, json={"add": []}).status_code == 403
    nonsense = {"market": "MISO", "product": "prices", "channel": "fax"}
    answer = desk.signed_in("boss").ask("POST", path, json={"add": [nonsense]})
    assert (answer.status_code, answer.json()["slug"]) == (422, "bad-entitlement")


def test_entitlements__of_another_tenant_are_out_of_reach(desk: Desk) -> None:
    desk.house.user("alien", "tenant-admin", tenant="other")
    desk.house.user("ada", "viewer")
    assert desk.signed_in("alien").ask("PUT", "/v1/entitlements/t", json={"grants": []}).status_code == 404
    assert desk.signed_in("ada").ask("PUT", "/v1/entitlements/t", json={"grants": []}).status_code == 403
    assert {g["tenant"] for g in desk.signed_in("alien").ask("GET", "/v1/entitlements").json()["grants"]} == set()


def test_sign_in__storm_from_one_network_is_limited_like_one_from_one_address(desk: Desk) -> None:
    storm = [desk.visitor(client=(f"2001:db8::{number:x}", 1)) for number in range(61)]
    codes = [visitor.ask("POST", f"/sign-in/code{number}").status_code for number, visitor in enumerate(storm)]
    assert codes == [410] * 60 + [429]
    assert desk.visitor(client=("2001:db8:0:1::1", 1)).ask("POST", "/sign-in/code").status_code == 410


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("10.0.0.9", "10.0.0.9"),
        ("::ffff:10.0.0.9", "10.0.0.9"),
        ("2001:db8::9", "2001:db8::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("testclient", "testclient"),
    ],
)
def test_tries__are_counted_by_what_one_subscriber_has(address: str, counted: str) -> None:
    assert connections.neighbourhood(address) == counted


@pytest.mark.parametrize(("address", "status"), [("127.0.0.1", 200), ("::1", 200), ("10.0.0.9", 401), ("odd", 401)])
def test_operator_token__counts_from_this_machine_only(desk: Desk, address: str, status: int) -> None:
    program = desk.visitor(client=(address, 1))
    answer = program.ask("GET", "/v1/me", headers={"Authorization": f"Bearer {OPERATOR_TOKEN}"})
    assert answer.status_code == status
    assert program.ask("GET", "/v1/me", headers={"Authorization": f"Bearer {OPERATOR_TOKEN}x"}).status_code == 401


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer ", "Basic YTpi", "Bearer pd_live_x", "Bearer \u00e9", "bearer " + "x" * 5_000]
)
def test_authorization__malformed_is_401(desk: Desk, header: str) -> None:
    answer = desk.visitor().ask("GET", "/v1/me", headers={"Authorization": header.encode("latin-1")})
    assert answer.status_code == 401


def test_websocket__with_a_cookie_needs_the_origin() -> None:
    sent = [(b"host", b"desk.example:8600"), (b"cookie", b"pd_session=x")]
    for origin, refused in ((None, True), (b"https://evil.example", True), (b"https://desk.example:8600", False)):
        headers = sent if origin is None else [*sent, (b"origin", origin)]
        connection = HTTPConnection({"type": "websocket", "headers": headers, "path": "/v1/stream"})
        if refused:
            with pytest.raises(connections.CrossSiteError):
                connections.check_origin(connection)
        else:
            connections.check_origin(connection)


@pytest.mark.parametrize(
    ("surface", "by_session", "by_key"),
    [
        (Channel.API, Channel.HUB, Channel.API),
        (Channel.STREAM, Channel.HUB, Channel.STREAM),
        (Channel.DOWNLOAD, Channel.DOWNLOAD, Channel.DOWNLOAD),
        (Channel.HUB, Channel.HUB, Channel.HUB),
    ],
)
def test_channel__follows_the_credential(surface: Channel, by_session: Channel, by_key: Channel) -> None:
    user = replace(OPERATOR, kind=policies.PrincipalKind.USER)
    key = replace(OPERATOR, kind=policies.PrincipalKind.KEY)
    assert connections.channel_of(user, surface=surface) is by_session
    assert connections.channel_of(key, surface=surface) is by_key


def test_every_route__has_declared_its_policy_and_refuses_nobody_unless_public(desk: Desk) -> None:
    examined = 0
    for _, name, policy in desk.policies:
        method, _, path = name.partition(" ")
        answer = desk.visitor().ask(method, path.replace("{", "").replace("}", ""), json={})
        if policy is policies.PUBLIC:
            assert answer.status_code != 401 or answer.json()["slug"] == "sign-in-failed"
        else:
            assert (answer.status_code, answer.json()["slug"]) == (401, "sign-in-required")
        examined += 1
    served = {
        f"{method} {path}"
        for path, methods in desk.app.openapi()["paths"].items()
        for method in (m.upper() for m in methods)
    }
    declared = {name for _, name, _ in desk.policies}
    assert served <= declared
    assert declared - served == {"GET /sign-in/{code}", "POST /sign-in/{code}"}
    assert examined == 16
