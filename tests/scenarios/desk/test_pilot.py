"""The first pilot: who sees which market on which channel, every cell against an oracle of a few lines.

The pilot's tenant has MISO in full (hub, api, download) and CAISO for people only (hub, download). SIM is another
tenant's, and nobody but the operator has a line for NYISO.
"""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa
import pyarrow.csv as pcsv
import pyarrow.parquet as pq
import pytest
import running_desk
from running_desk import DAY, NOON, prices

from powerdesk.access.types import Channel, Entitlement
from powerdesk.store import lineage, operations, queries
from powerdesk.store.types import Request, Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx  # noqa: TID251 - only its type

MARKETS = ("CAISO", "MISO", "NYISO", "SIM")
PILOT = {"MISO": {"hub", "api", "download"}, "CAISO": {"hub", "download"}}
OTHERS = {"SIM": {"hub", "api", "download"}}
ROWS_EACH = 4
SCOPES = (Channel.API, Channel.STREAM, Channel.DOWNLOAD)
KEYS = {f"key with {scope}": (scope,) for scope in SCOPES} | {"key with all": SCOPES}
WHO = ("browser", *KEYS, "operator", "another tenant's key", "expired key", "revoked key")
BULK = ("csv", "arrow", "parquet")
ROWS = "/v1/datasets/markets.prices/rows"


def oracle(who: str, surface: str) -> set[str] | None:
    """Return the markets that a principal may take from a surface; None when it is nobody."""
    if who in ("expired key", "revoked key"):
        return None
    if who == "operator":
        return set(MARKETS)
    if who == "browser":
        needed = {"download"} if surface == "download" else {"hub"}
        return {market for market, lines in PILOT.items() if needed <= lines}
    granted = OTHERS if who == "another tenant's key" else PILOT
    if who in KEYS and Channel(surface) not in KEYS[who]:
        return set()
    needed = {"api", "download"} if surface == "download" else {"api"}
    return {market for market, lines in granted.items() if needed <= lines}


def lines(granted: dict[str, set[str]]) -> list[Entitlement]:
    return [Entitlement(market, "*", channel) for market, channels in granted.items() for channel in sorted(channels)]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[running_desk.RunningDesk]:
    with running_desk.running(tmp_path_factory.mktemp("pilot")) as desk:
        for market in MARKETS:
            assert desk.accept(prices(market, "A", "B")).new == ROWS_EACH
        yield desk


@pytest.fixture(scope="module")
def askers(served: running_desk.RunningDesk) -> dict[str, httpx.Client]:
    served.tenant("pilot", lines(PILOT))
    served.tenant("other", lines(OTHERS))
    found = {who: served.bearer(served.key("pilot", *scopes).secret) for who, scopes in KEYS.items()}
    expired = served.key("pilot", *SCOPES, expires_at=NOON + timedelta(minutes=1))
    revoked = served.key("pilot", *SCOPES)
    found["browser"] = served.browser("pilot")
    found["operator"] = served.operator()
    found["another tenant's key"] = served.bearer(served.key("other", *SCOPES).secret)
    found["expired key"], found["revoked key"] = served.bearer(expired.secret), served.bearer(revoked.secret)
    served.revoke(revoked.key)
    served.clock.move(timedelta(minutes=2))
    return found


def markets_of(answer: httpx.Response) -> list[str]:
    found: list[str] = answer.json()["columns"]["market"]
    return found


def refused_markets(answer: httpx.Response) -> set[str]:
    return {item["market"] for item in answer.json()["entitlement"]}


def left_out(answer: httpx.Response) -> set[str]:
    return {item["market"] for item in answer.json()["left_out"]}


def assert_refused(answer: httpx.Response, allowed: set[str] | None, markets: set[str]) -> None:
    """Assert that the answer is a refusal that names exactly what is missing."""
    if allowed is None:
        assert answer.status_code == 401, answer.text
    else:
        assert answer.status_code == 403, answer.text
        assert refused_markets(answer) == markets - allowed


@pytest.mark.parametrize("read", ["rows", "latest", "history"])
@pytest.mark.parametrize("who", WHO)
def test_reads__give_the_granted_markets_and_no_other(askers: dict[str, httpx.Client], who: str, read: str) -> None:
    allowed, client, path = oracle(who, "api"), askers[who], f"/v1/datasets/markets.prices/{read}"
    each = {"rows": ROWS_EACH, "history": ROWS_EACH, "latest": 2}[read]
    for market in MARKETS:
        answer = client.get(path, params={"market": market})
        if allowed is not None and market in allowed:
            assert (answer.status_code, markets_of(answer), left_out(answer)) == (200, [market] * each, set())
        else:
            assert_refused(answer, allowed, {market})
    whole = client.get(path)
    if allowed == set(MARKETS):
        assert sorted(markets_of(whole)) == sorted(MARKETS * each)
    else:
        assert_refused(whole, allowed, set(MARKETS))
    partial = client.get(path, params={"allow_partial": "true"})
    if allowed is None:
        assert partial.status_code == 401
    else:
        assert sorted(markets_of(partial)) == sorted([*allowed] * each)
        assert left_out(partial) == set(MARKETS) - allowed


@pytest.mark.parametrize("who", WHO)
def test_estimate_and_quality__speak_of_the_granted_markets_only(askers: dict[str, httpx.Client], who: str) -> None:
    allowed, client = oracle(who, "api"), askers[who]
    estimate = client.get(ROWS, params={"estimate": "true", "allow_partial": "true"})
    quality = client.get("/v1/datasets/markets.prices/quality", params={"start": DAY.isoformat()})
    if allowed is None:
        assert (estimate.status_code, quality.status_code) == (401, 401)
        return
    assert estimate.json()["rows"] == ROWS_EACH * len(allowed)
    assert {group["group"][0] for group in quality.json()["groups"]} == allowed
    assert {gap["market"] for gap in quality.json()["gaps"]} <= allowed
    assert left_out(quality) == set(MARKETS) - allowed
    for market in set(MARKETS) - allowed:
        assert_refused(client.get(ROWS, params={"estimate": "true", "market": market}), allowed, {market})


@pytest.mark.parametrize("who", WHO)
def test_locations_named__count_as_their_market(askers: dict[str, httpx.Client], who: str) -> None:
    allowed = oracle(who, "api")
    for market in MARKETS:
        answer = askers[who].get(ROWS, params={"location": f"{market}:A"})
        if allowed is not None and market in allowed:
            assert markets_of(answer) == [market, market]
        else:
            assert_refused(answer, allowed, {market})


@pytest.mark.parametrize("who", ["browser", "key with all", "another tenant's key"])
def test_a_foreign_location_under_an_own_market__finds_nothing(askers: dict[str, httpx.Client], who: str) -> None:
    for own, foreign in itertools.permutations(MARKETS, 2):
        answer = askers[who].get(ROWS, params={"market": own, "location": f"{foreign}:A"})
        assert answer.status_code in (401, 403) or markets_of(answer) == []


def bulk_markets(content: bytes, name: str) -> list[str]:
    """Return the market column of a file."""
    if name == "csv":
        table = pcsv.read_csv(pa.BufferReader(content))
    elif name == "parquet":
        table = pq.read_table(pa.BufferReader(content))
    else:
        table = pa.ipc.open_stream(content).read_all()
    found: list[str] = table.column("market").to_pylist()
    return found


@pytest.mark.parametrize("who", WHO)
def test_bulk_formats__are_for_keys_and_hold_granted_markets_only(askers: dict[str, httpx.Client], who: str) -> None:
    allowed = oracle(who, "api")
    for name in BULK:
        answer = askers[who].get(ROWS, params={"format": name, "allow_partial": "true"})
        if allowed is None:
            assert answer.status_code == 401
        elif who == "browser":
            assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, "format")
        else:
            assert sorted(bulk_markets(answer.content, name)) == sorted([*allowed] * ROWS_EACH)


def test_a_browser__sees_display_sized_pages_only(askers: dict[str, httpx.Client]) -> None:
    assert askers["browser"].get(ROWS, params={"market": "CAISO", "limit": 5000}).status_code == 200
    refused = askers["browser"].get(ROWS, params={"market": "CAISO", "limit": 5001})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (400, "limit")
    bulk = askers["browser"].get(ROWS, params={"market": "CAISO"}, headers={"Accept": "text/csv"})
    assert (bulk.status_code, bulk.json()["allowed"]) == (406, "application/json")


@pytest.mark.parametrize("who", WHO)
def test_downloads__hold_the_granted_markets_and_no_other(
    askers: dict[str, httpx.Client], served: running_desk.RunningDesk, who: str
) -> None:
    allowed, stranger = oracle(who, "download"), served.client()
    for market, name in zip(MARKETS, itertools.cycle(BULK), strict=False):
        body = {"dataset": "markets.prices", "query": {"market": market}, "format": name}
        made = askers[who].post("/v1/downloads", json=body)
        if allowed is not None and market in allowed:
            assert made.status_code == 201, made.text
            assert bulk_markets(stranger.get(made.json()["url"]).content, name) == [market] * ROWS_EACH
        else:
            assert_refused(made, allowed, {market})
    for name in BULK:
        body = {"dataset": "markets.prices", "query": {"allow_partial": "true"}, "format": name}
        partial = askers[who].post("/v1/downloads", json=body)
        if allowed is None:
            assert partial.status_code == 401
        else:
            fetched = stranger.get(partial.json()["url"])
            assert sorted(bulk_markets(fetched.content, name)) == sorted([*allowed] * ROWS_EACH)


def streamed(messages: list[dict[str, Any]]) -> list[str]:
    """Return the market of every row heard."""
    return [market for message in messages if "columns" in message for market in message["columns"]["market"]]


def hear(served: running_desk.RunningDesk, client: httpx.Client, over: str, market: str | None) -> list[dict[str, Any]]:
    """Subscribe by one of the two ways and return what came up to the end of the snapshot, or the refusal."""
    if over == "events":
        params = {"channel": "markets.prices", "from": "snapshot"} | ({} if market is None else {"market": market})
        heard: list[dict[str, Any]] = []
        with client.stream("GET", "/v1/stream/sse", params=params) as answer:
            if answer.is_error:
                return [{"t": "err", "problem": msgspec.json.decode(answer.read())}]
            for line in answer.iter_lines():
                if line.startswith("data:"):
                    heard.append(msgspec.json.decode(line[5:]))
                    if heard[-1]["t"] in ("snap_end", "err", "bye"):
                        break
        return heard
    chosen: dict[str, list[str]] = {} if market is None else {"market": [market]}
    sub = {"t": "sub", "id": 1, "channel": "markets.prices", "filter": chosen, "from": "snapshot"}
    token = client.headers.get("authorization", "").removeprefix("Bearer ")
    hello = {"t": "hello", "proto": 1} | ({"token": token} if token else {})
    cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    headers = {"Cookie": cookie, "Origin": served.base} if cookie else {}
    messages = [msgspec.json.encode(hello), msgspec.json.encode(sub)]
    return running_desk.talk(served.base, messages, headers=headers, until=("snap_end", "err", "bye"))


@pytest.mark.parametrize("over", ["events", "socket"])
@pytest.mark.parametrize("who", WHO)
def test_the_stream__carries_the_granted_markets_and_no_other(
    askers: dict[str, httpx.Client], served: running_desk.RunningDesk, who: str, over: str
) -> None:
    allowed = oracle(who, "stream")
    for market in (*MARKETS, None):
        heard = hear(served, askers[who], over, market)
        asked = set(MARKETS) if market is None else {market}
        kinds = [message["t"] for message in heard]
        if allowed is None:
            assert heard[-1]["t"] in ("err", "bye", "closed")
            assert "ack" not in kinds
        elif asked & allowed:
            ack = next(message for message in heard if message["t"] == "ack")
            assert {item["market"] for item in ack["denied"]} == asked - allowed
            assert sorted(streamed(heard)) == sorted([*(asked & allowed)] * 2)
        else:
            assert streamed(heard) == []
            assert "err" in kinds or {item["market"] for item in heard[-2]["denied"]} == asked


@pytest.fixture(scope="module")
def made_of_all(served: running_desk.RunningDesk) -> str:
    """Return the id of a calculation that read one input from each market."""
    store, cut = served.desk.store, Snapshot(as_of=NOON, commit=len(MARKETS))
    inputs = []
    for market in MARKETS:
        request = Request(dataset="markets.prices", within={"market": (market,)})
        rows = queries.rows(store, operations.HOUSE, request=request, cut=cut).rows
        inputs.append(lineage.input_of(request, cut, rows, market))
    made = lineage.Lineage(
        kind=lineage.Kind.CALCULATION, name="mean", version=1, dataset="markets.prices", inputs=tuple(inputs)
    )
    with served.desk.engines.records.unit() as unit:
        return operations.note_lineage(unit, lineage=made, now=served.clock.now())


@pytest.mark.parametrize("who", WHO)
def test_lineage__shows_readable_inputs_and_counts_the_others(
    askers: dict[str, httpx.Client], made_of_all: str, who: str
) -> None:
    allowed, answer = oracle(who, "api"), askers[who].get(f"/v1/lineage/{made_of_all}")
    if allowed is None:
        assert answer.status_code == 401
    elif not allowed:
        assert answer.status_code == 403
    else:
        assert {read["name"] for read in answer.json()["inputs"]} == allowed
        assert answer.json()["hidden_inputs"] == len(MARKETS) - len(allowed)


@pytest.mark.parametrize("who", WHO)
def test_locations__are_told_of_readable_markets_only(askers: dict[str, httpx.Client], who: str) -> None:
    allowed, answer = oracle(who, "api"), askers[who].get("/v1/locations", params={"limit": 20_000})
    if allowed is None:
        assert answer.status_code == 401
    else:
        assert {place["market"] for place in answer.json()["locations"]} & set(MARKETS) == allowed


@pytest.mark.parametrize("who", WHO)
def test_jobs__are_told_to_those_who_run_the_desk(askers: dict[str, httpx.Client], who: str) -> None:
    status = 401 if oracle(who, "api") is None else 200 if who == "operator" else 403
    assert askers[who].get("/v1/jobs").status_code == status
