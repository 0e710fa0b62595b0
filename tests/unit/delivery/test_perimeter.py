"""What every answer carries, and what is refused before a route is reached."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import running_desk

from powerdesk.delivery import perimeter

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx  # noqa: TID251 - only its type


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 200),
        ("/health", 200),
        ("/v1/me", 401),
        ("/nothing", 404),
        ("/assets/nothing.js", 404),
        ("/sign-in/x", 200),
    ],
)
def test_every_answer__has_an_id_and_the_security_headers(
    served: running_desk.RunningDesk, path: str, status: int
) -> None:
    answer = served.client().get(path)
    assert answer.status_code == status
    assert answer.headers["x-request-id"].startswith("req_")
    for name, value in perimeter.SECURITY_HEADERS.items():
        assert answer.headers[name] == value or (name, path) == ("Referrer-Policy", "/sign-in/x")


def test_an_unknown_address__shows_people_a_page_and_programs_a_problem(served: running_desk.RunningDesk) -> None:
    for accept, path, media_type in (
        ("text/html", "/nothing", "text/html"),
        ("*/*", "/nothing", "application/problem+json"),
        ("text/html", "/v1/nothing", "application/problem+json"),
    ):
        answer = served.client(Accept=accept).get(path)
        assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (404, media_type)


def test_answers_that_say_nothing_of_caches__are_kept_by_none(served: running_desk.RunningDesk) -> None:
    client = served.client()
    assert client.get("/v1/me").headers["cache-control"] == "private, no-store"
    assert client.get("/").headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    ("path", "status"),
    [("/v1/session", 413), ("/v1/downloads", 413), ("/v1/users", 413), ("/sign-in/x", 410), ("/nothing", 404)],
)
@pytest.mark.parametrize("in_chunks", [False, True])
def test_a_body_without_end__is_refused_before_it_is_read_into_memory(
    served: running_desk.RunningDesk, path: str, status: int, *, in_chunks: bool
) -> None:
    def parts() -> Iterator[bytes]:
        for _ in range(64):
            yield b"[" * 2**17

    body = parts() if in_chunks else b"[" * (perimeter.BODY_BYTES + 1)
    asking = served.client() if path == "/v1/session" else served.operator()
    answer = asking.post(path, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == (status if in_chunks else 413)
    if answer.status_code == 413:
        assert answer.json()["type"] == "/docs/problems/too-large"
        assert f"{perimeter.BODY_BYTES} bytes" in answer.json()["allowed"]
    assert served.client().get("/health").status_code == 200


def test_a_recorded_file__may_be_larger_than_what_people_write(served: running_desk.RunningDesk) -> None:
    answer = served.operator().post("/v1/imports/nyiso", content=b"x" * (perimeter.BODY_BYTES + 1))
    assert answer.status_code == 422


def test_the_content_policy__admits_nothing_inline() -> None:
    assert "unsafe" not in perimeter.CONTENT_SECURITY_POLICY
    assert "default-src 'self'" in perimeter.CONTENT_SECURITY_POLICY


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8600", "localhost.evil.example", "127.0.0.1.evil.example", "[::2]", ":", ""]
)
def test_other_names__are_refused(served: running_desk.RunningDesk, host: str) -> None:
    answer = served.client(Host=host).get("/health")
    assert (answer.status_code, answer.json()["type"]) == (421, "/docs/problems/unknown-host")
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1:8600", "[::1]:8600"])
def test_loopback_names__are_answered(served: running_desk.RunningDesk, host: str) -> None:
    assert served.client(Host=host).get("/health").status_code == 200


def test_a_proxy_that_speaks_https__gets_secure_cookies_and_links(tmp_path: Path) -> None:
    options = {"secure_cookies": True, "public_hosts": "desk.example"}
    with running_desk.running(tmp_path, **options) as served:
        link = served.desk.sign_in_link(served.base)
        made = served.client(Host="desk.example").post(link)
        assert "secure" in made.headers["set-cookie"].lower()
        operator = served.operator()
        operator.headers["Host"] = "desk.example"
        assert operator.post("/v1/sign-in-links", json={}).json()["link"].startswith("https://desk.example/sign-in/")


def test_a_link_asked_for_on_loopback__is_never_https_on_the_desks_own_port(tmp_path: Path) -> None:
    with running_desk.running(tmp_path / "bare", secure_cookies=True) as served:
        link = served.operator().post("/v1/sign-in-links", json={}).json()["link"]
        assert link.startswith(f"{served.base}/sign-in/")
    with running_desk.running(tmp_path / "public", secure_cookies=True, public_hosts="desk.example") as served:
        link = served.operator().post("/v1/sign-in-links", json={}).json()["link"]
        assert link.startswith("https://desk.example/sign-in/")


def test_cookies__are_kept_from_scripts_and_other_sites(served: running_desk.RunningDesk) -> None:
    made = served.client().post(served.desk.sign_in_link(served.base))
    cookie = made.headers["set-cookie"].lower()
    assert cookie.startswith("pd_session=")
    for flag in ("httponly", "samesite=lax", "path=/"):
        assert flag in cookie
    assert "secure" not in cookie  # plain http on loopback
    assert "domain" not in cookie


def test_a_one_time_link__works_once_and_looking_does_not_use_it_up(served: running_desk.RunningDesk) -> None:
    link, client = served.desk.sign_in_link(served.base), served.client()
    for _ in range(3):
        looked = client.get(link)
        assert (looked.status_code, "<button" in looked.text, "set-cookie" in looked.headers) == (200, True, False)
    used = client.post(link)
    assert (used.status_code, used.headers["location"]) == (303, "/")
    again = served.client().post(link)
    assert (again.status_code, "set-cookie" in again.headers) == (410, False)
    assert client.get("/v1/me").status_code == 200


def test_unsafe_methods__need_the_token_of_the_session(served: running_desk.RunningDesk) -> None:
    browser = served.browser("admin")
    token = browser.headers.pop("x-csrf-token")
    body = {"name": "mine", "scopes": ["api"]}
    for headers in ({}, {"X-CSRF-Token": "wrong"}, {"X-CSRF-Token": ""}):
        refused = browser.post("/v1/keys", json=body, headers=headers)
        assert (refused.status_code, refused.json()["type"]) == (403, "/docs/problems/cross-site")
    assert browser.post("/v1/keys", json=body, headers={"X-CSRF-Token": token}).status_code == 201


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:1"])
def test_other_sites__may_use_no_cookie(served: running_desk.RunningDesk, origin: str) -> None:
    browser = served.browser("admin")
    for method, path in (("GET", "/v1/me"), ("POST", "/v1/keys"), ("DELETE", "/v1/session")):
        refused = browser.request(method, path, headers={"Origin": origin})
        assert (refused.status_code, refused.json()["type"]) == (403, "/docs/problems/cross-site")
    assert browser.get("/v1/me", headers={"Origin": served.base}).status_code == 200


def test_metrics__count_by_route_and_are_for_operators(
    served: running_desk.RunningDesk, operator: httpx.Client
) -> None:
    served.client().get("/v1/lineage/some-secret-id")
    found = operator.get("/metrics")
    assert 'powerdesk_requests_total{method="GET",route="/v1/lineage/{lineage_id}",status="4xx"}' in found.text
    assert "some-secret-id" not in found.text
    assert served.client().get("/metrics").status_code == 401
