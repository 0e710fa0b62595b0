"""The WebSocket side: who may open it, what must be said first, what ends it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import numpy as np
import picows
import pytest
from store_cases import batch, row
from stream_cases import TICKS, connect, desk, dial, run, subscribe

from powerdesk.delivery.stream import asyncapi, frames, messages, server, session
from powerdesk.delivery.stream.hub import HubLimits
from servers.waiting import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from stream_cases import Desk


def at_desk(folder: Path, body: Callable[[Desk], Awaitable[None]], **options: Any) -> None:
    async def work() -> None:
        async with desk(folder, **options) as served:
            await body(served)

    run(work())


def test_hello__by_token_header_or_cookie(tmp_path: Path) -> None:
    async def body(served: Desk) -> None:
        origin = f"http://127.0.0.1:{served.port}"
        for headers, extra in (
            ({}, {"token": "all"}),
            ({"Authorization": "Bearer all"}, {}),
            ({"Cookie": "pd_session=all", "Origin": origin}, {}),
        ):
            client = await dial(served.url, headers=headers)
            client.send({"t": "hello", "proto": 1, **extra})
            welcome = await client.hear()
            assert (welcome["t"], welcome["epoch"], welcome["heartbeat_ms"]) == ("welcome", "folder-1", 5000)
            assert welcome["limits"]["subscriptions"] == 64
            client.send({"t": "ping"})
            assert (await client.hear())["t"] == "pong"

    at_desk(tmp_path, body)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://evil.example", "Cookie": "pd_session=all"}, 403),
        ({"Origin": "null"}, 403),
        ({"Cookie": "other=1; pd_session=all"}, 403),
        ({"Host": "evil.example:80"}, 403),
    ],
)
def test_upgrade__is_refused_to_other_sites_and_names(tmp_path: Path, headers: dict[str, str], status: int) -> None:
    async def body(served: Desk) -> None:
        with pytest.raises(picows.WSHandshakeError) as caught:
            await dial(served.url, headers=headers)
        assert caught.value.response is not None
        assert int(caught.value.response.status) == status
        assert b"allowed" in (caught.value.raw_body or b"")
        assert not served.hub.sessions

    at_desk(tmp_path, body)


@pytest.mark.parametrize(
    ("first", "code", "slug"),
    [
        ({"t": "hello", "proto": 1}, 4401, "sign-in-required"),
        ({"t": "hello", "proto": 1, "token": "nobody"}, 4401, "sign-in-required"),
        ({"t": "hello", "proto": 9, "token": "all"}, 4400, "bad-stream-message"),
        ({"t": "sub", "id": 3, "channel": TICKS.id}, 4400, "bad-stream-message"),
    ],
)
def test_hello__that_fails_ends_the_socket_with_a_reason(
    tmp_path: Path, first: dict[str, Any], code: int, slug: str
) -> None:
    async def body(served: Desk) -> None:
        client = await dial(served.url)
        client.send(first)
        error = await client.hear()
        assert (error["t"], error["problem"]["type"]) == ("err", f"/docs/problems/{slug}")
        assert (await client.hear())["t"] == "bye"
        assert (await client.hear()) == {"t": "closed", "code": code}
        assert not served.hub.sessions

    at_desk(tmp_path, body)


def test_hello__is_not_waited_for_forever(tmp_path: Path) -> None:
    async def body(served: Desk) -> None:
        client = await dial(served.url)
        assert (await client.until("bye"))["reason"] == "no-hello"
        assert (await client.hear())["code"] == session.HELLO_TIMEOUT

    at_desk(tmp_path, body, limits=HubLimits(hello_s=0.1))


def test_sockets__per_principal_and_in_all_are_bounded(tmp_path: Path) -> None:
    async def body(served: Desk) -> None:
        await connect(served)
        second = await dial(served.url)
        second.send({"t": "hello", "proto": 1, "token": "all"})
        assert (await second.hear())["problem"]["status"] == 429
        assert (await second.until("bye"))["reason"] == "too-many-sockets"
        assert (await second.hear())["code"] == session.TOO_MANY
        await dial(served.url)
        with pytest.raises(picows.WSHandshakeError) as caught:
            await dial(served.url)
        assert caught.value.response is not None
        assert int(caught.value.response.status) == 429

    at_desk(tmp_path, body, limits=HubLimits(sockets=2, sockets_per_principal=1))


def test_frames__that_are_not_text_or_too_large_end_the_socket(tmp_path: Path) -> None:
    async def body(served: Desk) -> None:
        client = await connect(served)
        client.transport.send(picows.WSMsgType.BINARY, b"{}")
        assert (await client.until("closed"))["code"] == 1003
        client = await connect(served)
        client.send(b" " * (messages.MAX_MESSAGE_BYTES + 1))
        assert (await client.until("closed"))["code"] == 1009

    at_desk(tmp_path, body)


def test_pings__are_answered_and_never_pile_up_for_a_client_that_does_not_read(tmp_path: Path) -> None:
    async def body(served: Desk) -> None:
        client = await connect(served)
        client.transport.send_ping(b"there?")
        assert await client.transport.measure_roundtrip_time(1)
        client.transport.underlying_transport.pause_reading()
        (listener,) = (each.sink for each in served.hub.sessions)
        flood = (bytes([0x89, 0x80 | 125]) + bytes(4) + b"p" * 125) * 1_000
        most = 0
        for _ in range(100):
            client.transport.underlying_transport.write(flood)
            await asyncio.sleep(0.002)
            most = max(most, listener.queued_bytes)
        assert server.HIGH_WATER_BYTES // 2 < most < 2 * server.HIGH_WATER_BYTES
        client.transport.underlying_transport.abort()
        await client.until("closed")

    at_desk(tmp_path, body)


def test_messages__without_end_are_stopped(tmp_path: Path) -> None:
    async def body(served: Desk) -> None:
        client = await connect(served)
        for _ in range(200):
            client.send({"t": "sub", "id": 1, "channel": TICKS.id})
        assert (await client.until("bye"))["reason"] == "too-many-messages"
        assert (await client.hear())["code"] == session.TOO_MANY

    at_desk(tmp_path, body, limits=HubLimits(inbox=20))


def test_bad_messages__are_answered_and_harm_nobody(tmp_path: Path) -> None:
    async def body(served: Desk) -> None:
        chance = np.random.default_rng(1)
        bystander, client = await connect(served), await connect(served)
        await subscribe(bystander)
        seeds = (
            b'{"t":"sub","id":1,"channel":"test.ticks","from":"snapshot"}', b'{"t":"unsub","sid":"x"}',
            b'{"t":"hello","proto":1}', b'{"t":"sub","id":2,"channel":"test.ticks","replay":{"start":"","end":""}}',
            b'{"t":"sub","id":3,"channel":"test.ticks","from":{"as_of":"2026"}}',
        )  # fmt: skip
        for number in range(150):
            data = bytearray(seeds[number % len(seeds)])
            for _ in range(chance.integers(0, 4)):
                data[chance.integers(len(data))] = chance.integers(256)
            client.send(bytes(data))
            if number % 10 == 0:
                client.send({"t": "ping"})
                while (message := await client.hear())["t"] != "pong":
                    assert message["t"] in ("err", "ack", "snap", "snap_end", "hb")
        await served.put(batch(row(0, 1.0)))
        assert (await bystander.until("upd"))["columns"]["price_per_mwh"] == [1.0]

    at_desk(tmp_path, body)


@pytest.mark.parametrize("fast", [True, False])
def test_frames_of_one_moment__arrive_in_order_and_before_the_close(tmp_path: Path, *, fast: bool) -> None:
    sizes = [10, 200, server.GATHERED_BYTES, 10, 3 * server.GATHERED_BYTES, 70, 30_000, 30_000, 30_000, 5]

    async def body(served: Desk) -> None:
        client = await connect(served)
        ack = await subscribe(client)
        (one,) = served.hub.sessions
        assert isinstance(one, session.Session)
        for number, size in enumerate(sizes):
            part = b'{"location":[],"interval_start":[],"price_per_mwh":[],"stage":["' + b"x" * size + b'"]}'
            before = one.sink.queued_bytes
            one.send(frames.of_update(sid=ack["sid"], seq=number + 1, prev=number, part=part))
            if size < 1000:
                assert one.sink.queued_bytes > before  # what is gathered counts as queued
        one.bye("enough", code=session.SLOW)
        heard = [await client.hear() for _ in range(len(sizes) + 2)]
        assert [len(each["columns"]["stage"][0]) for each in heard[:-2]] == sizes
        assert not client.faults
        assert (heard[-2]["t"], heard[-1]) == ("bye", {"t": "closed", "code": session.SLOW})

    async def work() -> None:
        async with desk(tmp_path) as served:
            await body(served)

    run(work(), fast=fast)


def test_sockets__that_vanish_leave_nothing_behind(tmp_path: Path) -> None:
    async def body(served: Desk) -> None:
        for _ in range(5):
            client = await connect(served)
            client.send({"t": "sub", "id": 1, "channel": TICKS.id, "from": "snapshot"})
            await client.close()
        survivor = await connect(served)
        await subscribe(survivor)
        await served.put(batch(row(0, 1.0)))
        await survivor.until("upd")
        await survivor.close()
        await asyncio.wait_for(served.acceptor.idle(), PATIENCE_S)
        assert not served.hub.sessions
        assert not served.hub._channels

    at_desk(tmp_path, body)


def test_asyncapi__describes_every_message_dataset_and_close_code() -> None:
    found = asyncapi.document({TICKS.id: TICKS})
    named = found["components"]["messages"]
    assert {
        "hello",
        "sub",
        "unsub",
        "ping",
        "welcome",
        "ack",
        "upd",
        "bye",
        f"upd.{TICKS.id}",
        f"snap.{TICKS.id}",
    } <= set(named)
    assert len(named) == len(messages.CLIENT_MESSAGES) + len(messages.SERVER_MESSAGES) + 2
    schemas = found["components"]["schemas"]
    sub = schemas["Sub"]["properties"]
    assert sub["policy"]["enum"] == ["block", "conflate", "skip"]
    assert "from" in sub
    column = schemas[f"columns.{TICKS.id}"]["properties"]["price_per_mwh"]
    assert (column["x-unit"], column["items"]) == ("USD/MWh", {"type": ["number", "null"]})
    assert set(schemas[f"columns.{TICKS.id}"]["properties"]) >= {"published_at", "revision", "location"}
    refs = _refs(found)
    assert len(refs) > 40
    for ref in refs:
        node: Any = found
        for step in ref.removeprefix("#/").split("/"):
            node = node[step]
    assert set(found["x-close-codes"]) >= {"1001", "4401", "4403", "4409"}


def _refs(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [ref for value in node.values() for ref in _refs(value)]
    return [ref for value in node for ref in _refs(value)] if isinstance(node, list) else []
