"""Downloads: a link is a signed, short-lived right that is judged again when it is used."""

from __future__ import annotations

import base64
import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from running_desk import prices

from powerdesk.access.operations import accounts, entitling
from powerdesk.access.queries import audit_log
from powerdesk.access.types import OPERATOR, Channel, Entitlement
from powerdesk.delivery import downloads

if TYPE_CHECKING:
    import httpx  # noqa: TID251 - only its type
    from running_desk import RunningDesk

SCOPES = (Channel.API, Channel.DOWNLOAD)


def grants(*markets: str) -> list[Entitlement]:
    return [Entitlement(market, "*", channel) for market in markets for channel in ("hub", "api", "download")]


def regrant(served: RunningDesk, tenant: str, *markets: str) -> None:
    with served.desk.access.change() as unit:
        entitling.replace(unit, served.desk.access.act(OPERATOR), tenant=tenant, grants=grants(*markets))


@pytest.fixture(scope="module")
def filled(served: RunningDesk) -> RunningDesk:
    for market in ("CAISO", "NYISO"):
        served.accept(prices(market, "D"))
    return served


def order(client: httpx.Client, **query: str) -> httpx.Response:
    return client.post("/v1/downloads", json={"dataset": "markets.prices", "query": query, "format": "csv"})


def test_a_file__is_what_the_answer_says(filled: RunningDesk) -> None:
    said = order(filled.operator(), location="CAISO:D").json()
    fetched = filled.client().get(said["url"])
    assert hashlib.sha256(fetched.content).hexdigest() == said["sha256"]
    assert (len(fetched.content), said["rows"]) == (said["bytes"], 2)
    assert any("California ISO" in line for line in said["licence"])
    assert fetched.headers["content-disposition"] == 'attachment; filename="markets.prices.csv"'
    assert fetched.headers["cache-control"] == "private, no-store"


def test_links__end_after_a_quarter_of_an_hour(filled: RunningDesk) -> None:
    url = order(filled.operator(), location="CAISO:D").json()["url"]
    filled.clock.move(timedelta(minutes=14, seconds=59))
    assert filled.client().get(url).status_code == 200
    filled.clock.move(timedelta(seconds=1))
    late = filled.client().get(url)
    assert (late.status_code, "expired" in late.json()["found"]) == (403, True)


def test_files__go_once_their_links_have_expired(filled: RunningDesk) -> None:
    store = filled.desk.store
    store.objects.put("downloads/fe/fe01", b"made by a former release")
    url = order(filled.operator(), location="NYISO:D").json()["url"]
    downloads.forget(store, cancelled=lambda: False)
    assert filled.client().get(url).status_code == 200
    assert not store.objects.exists("downloads/fe/fe01")
    filled.clock.move(timedelta(hours=2))
    assert downloads.forget(store, cancelled=lambda: True) == 0
    assert downloads.forget(store, cancelled=lambda: False) > 0
    assert store.objects.list("downloads/") == ()


def test_altered_links__are_refused(filled: RunningDesk) -> None:
    url: str = order(filled.operator(), location="CAISO:D").json()["url"]
    folder, _, token = url.rpartition("/")
    raw = bytearray(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    for place in (0, 31, 32, len(raw) // 2, len(raw) - 1):
        changed = bytearray(raw)
        changed[place] ^= 1
        altered = base64.urlsafe_b64encode(changed).decode().rstrip("=")
        assert filled.client().get(f"{folder}/{altered}").status_code == 403
    for text in ("x", token[:-4], token + "AAAA", "é"):
        assert filled.client().get(f"{folder}/{text}").status_code == 403


def test_links__are_judged_by_the_rights_of_the_moment(filled: RunningDesk) -> None:
    filled.tenant("shrinking", grants("CAISO", "NYISO"))
    key = filled.bearer(filled.key("shrinking", *SCOPES).secret)
    whole = order(key, market="CAISO,NYISO").json()["url"]
    partial = order(key, allow_partial="true").json()["url"]
    less = order(key, market="NYISO").json()["url"]
    stranger = filled.client()
    assert [stranger.get(url).status_code for url in (whole, partial, less)] == [200, 200, 200]
    regrant(filled, "shrinking", "NYISO")
    refused = [stranger.get(url) for url in (whole, partial, less)]
    assert [answer.status_code for answer in refused] == [403, 403, 200]
    assert [item["market"] for item in refused[1].json()["entitlement"]] == ["CAISO"]


def test_links_of_people__end_with_the_account(filled: RunningDesk) -> None:
    user = filled.tenant("leaving", grants("CAISO"))
    browser = filled.browser("leaving")
    url = order(browser, market="CAISO").json()["url"]
    assert filled.client().get(url).status_code == 200
    with filled.desk.access.change() as unit:
        accounts.disable_user(unit, filled.desk.access.act(OPERATOR), user=user)
    assert filled.client().get(url).status_code == 403


def test_links_of_keys__end_with_the_key(filled: RunningDesk) -> None:
    filled.tenant("revoking", grants("CAISO"))
    minted = filled.key("revoking", *SCOPES)
    url = order(filled.bearer(minted.secret), market="CAISO").json()["url"]
    assert filled.client().get(url).status_code == 200
    filled.revoke(minted.key)
    assert filled.client().get(url).status_code == 403


def test_downloads__count_against_the_limits(filled: RunningDesk) -> None:
    filled.tenant("counting", grants("CAISO"), plan="trial")
    key = filled.bearer(filled.key("counting", *SCOPES).secret)
    order(key, market="CAISO")
    after = key.get("/v1/datasets/markets.prices/rows", params={"market": "CAISO", "limit": 1})
    assert after.headers["ratelimit"].startswith('"calls";r=598;')


def test_exports_and_denials__are_audited_before_the_answer(filled: RunningDesk) -> None:
    filled.tenant("watched", grants("CAISO"))
    key = filled.bearer(filled.key("watched", *SCOPES).secret)
    made = order(key, market="CAISO").json()
    order(key, market="NYISO")
    with filled.desk.engines.records.reader() as reader:
        *_, exported, denied = audit_log.rows(reader, tenant="watched")
    assert (exported.action, exported.outcome, exported.target) == ("export", "done", "markets.prices")
    assert made["sha256"] in exported.detail
    assert (denied.action, denied.outcome, denied.target) == ("read", "denied", "markets.prices")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"dataset": "markets.prices", "format": "xls"},
        {"dataset": "markets.prices", "query": {"limit": 1}},
        {"dataset": "markets.prices", "query": {"start": "2026-01-01"}},
        {"dataset": "markets.prices", "query": {"colour": "red"}},
        {"dataset": "markets.prices", "more": 1},
        [],
    ],
)
def test_orders_that_cannot_be_read__are_refused(filled: RunningDesk, body: object) -> None:
    assert filled.operator().post("/v1/downloads", json=body).status_code == 400
