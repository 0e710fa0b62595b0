"""One port: HTTP and the stream side by side, whatever the first bytes are."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import socket  # noqa: TID251 - names of options
import ssl
from typing import TYPE_CHECKING, Any, cast

import pytest
import running_desk
import trustme
from hypothesis import given
from hypothesis import strategies as st
from stream_cases import connect, desk, dial, run

from powerdesk.app.acceptor import AcceptorLimits, GuardedHttp
from powerdesk.app.admission import Admission, PortFullError, TooManyConnectionsError
from servers.waiting import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from stream_cases import Desk

UPGRADE = (
    b"GET /v1/stream HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


def at_desk(folder: Path, body: Callable[[Desk], Awaitable[None]], *, fast: bool = True, **options: Any) -> None:
    async def work() -> None:
        async with desk(folder, **options) as served:
            await body(served)

    run(work(), fast=fast)


@contextlib.asynccontextmanager
async def raw(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Open a plain connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    """Read one HTTP answer that has a length."""
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE_S)
    status, *lines = head.decode().strip().split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    return int(status.split(" ")[1]), headers, await reader.readexactly(int(headers.get("content-length", "0")))


async def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send the half of a request and return once the application waits for the other half."""
    writer.write(b"POST /slow HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\na")
    assert (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE_S)).startswith(b"HTTP/1.1 100")


@pytest.mark.parametrize("fast", [True, False])
def test_port__serves_http_and_the_stream(tmp_path: Path, *, fast: bool) -> None:
    async def body(served: Desk) -> None:
        client = await connect(served)
        async with raw(served.port) as (reader, writer):
            for _ in range(2):  # the connection is kept
                writer.write(b"POST /v1/x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc")
                status, headers, found = await answer(reader)
                assert (status, found) == (200, b"POST /v1/x 3")
                assert "server" not in headers
                assert headers["date"].endswith("GMT")
        client.send({"t": "ping"})
        assert (await client.hear())["t"] == "pong"

    at_desk(tmp_path, body, fast=fast)


@pytest.mark.parametrize("fast", [True, False])
def test_answers__leave_without_waiting_for_the_clients_receipt_of_their_first_piece(
    tmp_path: Path, *, fast: bool
) -> None:
    async def body(served: Desk) -> None:
        before = connections()  # what other tests left to the collector
        async with raw(served.port) as (reader, writer):
            writer.write(b"GET /one HTTP/1.1\r\nHost: a\r\n\r\n")
            await answer(reader)
            (ours,) = (each for each in connections() if each not in before)
            assert ours.transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)

    at_desk(tmp_path, body, fast=fast)


@pytest.mark.parametrize("fast", [True, False])
def test_first_bytes__may_come_one_by_one_or_with_what_follows(tmp_path: Path, *, fast: bool) -> None:
    async def body(served: Desk) -> None:
        async with raw(served.port) as (reader, writer):
            for byte in UPGRADE:
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(0)
            status, headers, _ = await answer(reader)
            assert (status, headers["sec-websocket-accept"]) == (101, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
        async with raw(served.port) as (reader, writer):
            hello = b'{"t":"hello","proto":1,"token":"all"}'
            writer.write(UPGRADE + bytes([0x81, 0x80 | len(hello), 0, 0, 0, 0]) + hello)
            assert (await answer(reader))[0] == 101
            assert b'"welcome"' in await asyncio.wait_for(reader.read(400), PATIENCE_S)
        async with raw(served.port) as (reader, writer):
            writer.write(b"GET /one HTTP/1.1\r\nHost: a\r\n\r\nGET /two HTTP/1.1\r\nHost: a\r\n\r\n")
            assert [(await answer(reader))[2] for _ in range(2)] == [b"GET /one 0", b"GET /two 0"]

    at_desk(tmp_path, body, fast=fast)


def test_paths__beside_the_stream_and_requests_without_upgrade_are_http(tmp_path: Path) -> None:
    async def body(served: Desk) -> None:
        for path in ("/v1/stream/sse", "/v1/streams", "/v1/stream", "/v1/stream?x=1", "/v1/strea", "/"):
            async with raw(served.port) as (reader, writer):
                writer.write(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
                status, _, found = await answer(reader)
                assert (status, found) == (200, f"GET {path.partition('?')[0]} 0".encode())
        client = await dial(served.url + "?v=1")
        client.send({"t": "hello", "proto": 1, "token": "all"})
        assert (await client.hear())["t"] == "welcome"

    at_desk(tmp_path, body)


@pytest.mark.parametrize("data", [b"\x00\xff" * 40, b"GET\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00"])
def test_garbage__is_refused_and_closed(tmp_path: Path, data: bytes) -> None:
    async def body(served: Desk) -> None:
        async with raw(served.port) as (reader, writer):
            writer.write(data)
            found = await asyncio.wait_for(reader.read(), PATIENCE_S)
            assert found.startswith(b"HTTP/1.1 400")
        await asyncio.wait_for(served.acceptor.idle(), PATIENCE_S)

    at_desk(tmp_path, body)


@pytest.mark.parametrize("data", [b"", b"GET /v1/str", UPGRADE[:-2], b"GET / HTTP/1.1\r\nHost: a\r\nX: "])
def test_clients__that_do_not_say_what_they_want_are_dropped(tmp_path: Path, data: bytes) -> None:
    async def body(served: Desk) -> None:
        async with raw(served.port) as (reader, writer):
            writer.write(data)
            with contextlib.suppress(ConnectionResetError):
                assert await asyncio.wait_for(reader.read(), PATIENCE_S) == b""
        await asyncio.wait_for(served.acceptor.idle(), PATIENCE_S)

    at_desk(tmp_path, body, port_limits=AcceptorLimits(first_bytes_s=0.1, headers_s=0.1))


def test_headers__without_end_are_refused(tmp_path: Path) -> None:
    async def body(served: Desk) -> None:
        for start, status in ((UPGRADE[:-2], b"431"), (b"GET / HTTP/1.1\r\n", b"400")):
            async with raw(served.port) as (reader, writer):
                writer.write(start + b"X-Filler: aaaa\r\n" * 400)
                assert (await asyncio.wait_for(reader.read(), PATIENCE_S))[9:12] == status

    at_desk(tmp_path, body, port_limits=AcceptorLimits(header_bytes=4096))


def connections() -> list[GuardedHttp]:
    return [each for each in gc.get_objects() if isinstance(each, GuardedHttp)]


def test_trailers__are_let_go(tmp_path: Path) -> None:
    async def body(served: Desk) -> None:
        before = connections()  # what other tests left to the collector
        async with raw(served.port) as (reader, writer):
            writer.write(b"POST /slow HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n")
            for _ in range(50):
                writer.write(b"X-Filler: aaaa\r\n" * 400)
                await writer.drain()
                await asyncio.sleep(0)
            (ours,) = (each for each in connections() if each not in before)
            assert len(ours.headers) == 2
            writer.write(b"\r\n")
            assert (await answer(reader))[2] == b"POST /slow 2"

    at_desk(tmp_path, body)


def test_bodies__that_come_too_slowly_are_dropped(tmp_path: Path) -> None:
    async def body(served: Desk) -> None:
        async with raw(served.port) as (reader, writer):
            writer.write(b"POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n")
            with contextlib.suppress(ConnectionError):
                while not reader.at_eof():
                    writer.write(b"a")
                    await writer.drain()
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(reader.read(1), 0.02)
            assert reader.at_eof() or reader.exception() is not None
        await asyncio.wait_for(served.acceptor.idle(), PATIENCE_S)

    at_desk(tmp_path, body, port_limits=AcceptorLimits(pace_s=0.1, slowest_bytes_per_s=10_000))


def test_answers__that_nobody_takes_end_the_connection(tmp_path: Path) -> None:
    async def body(served: Desk) -> None:
        async with raw(served.port) as (_, writer):
            transport = cast("asyncio.Transport", writer.transport)
            transport.pause_reading()
            writer.write(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
            while not served.acceptor.open_connections:  # noqa: ASYNC110 - the loop accepts it in a few turns
                await asyncio.sleep(0)
            await asyncio.wait_for(served.acceptor.idle(), PATIENCE_S)
            assert served.acceptor.open_connections == 0

    at_desk(tmp_path, body, port_limits=AcceptorLimits(first_bytes_s=5.0, pace_s=0.1))


def test_connections__beyond_the_cap_are_refused(tmp_path: Path) -> None:
    async def body(served: Desk) -> None:
        client = await connect(served)
        async with raw(served.port) as (reader, _):
            assert (await answer(reader))[0] == 503
        await client.close()
        await asyncio.wait_for(served.acceptor.idle(), PATIENCE_S)
        await connect(served)

    at_desk(tmp_path, body, port_limits=AcceptorLimits(connections=1))


def test_connections__of_one_address_beyond_its_bound_are_refused_as_a_problem(tmp_path: Path) -> None:
    async def body(served: Desk) -> None:
        async with raw(served.port) as (reader, writer):
            async with raw(served.port) as (second, _):
                status, headers, found = await answer(second)
                assert (status, headers["content-type"]) == (429, "application/problem+json")
                assert int(headers["retry-after"]) > 0
                told = json.loads(found)
                assert told["type"] == "/docs/problems/too-many-connections"
                assert "127.0.0.1" in told["found"]
            writer.write(b"GET /one HTTP/1.1\r\nHost: a\r\n\r\n")  # who is in is served
            assert (await answer(reader))[0] == 200
        await asyncio.wait_for(served.acceptor.idle(), PATIENCE_S)
        async with raw(served.port) as (reader, writer):
            writer.write(b"GET /two HTTP/1.1\r\nHost: a\r\n\r\n")
            assert (await answer(reader))[0] == 200

    at_desk(tmp_path, body, port_limits=AcceptorLimits(connections_of_address=1))


PROXY = None
"""What a trusted proxy's connection counts as."""


@given(
    st.lists(
        st.tuples(st.integers(0, 7), st.sampled_from(["10.0.0.1", "2001:db8::1", "2001:db8::2", PROXY])), max_size=40
    )
)
def test_admission__counts_what_is_open_and_nothing_else(acts: list[tuple[int, str | None]]) -> None:
    known, mine = Admission(most=5, of_address=2), dict[Any, str | None]()
    transports: list[Any] = [object() for _ in range(8)]
    for number, address in acts:
        transport = transports[number]
        if transport in mine:
            known.leave(transport)
            del mine[transport]
            continue
        whose = None if address is None else address[:9]
        own = sum(1 for each in mine.values() if each is not None and each == whose)
        try:
            known.admit(transport, address=address)
        except PortFullError:
            assert len(mine) == 5
        except TooManyConnectionsError:
            assert own == 2
        else:
            assert len(mine) < 5
            assert own < 2
            mine[transport] = whose
        assert set(known) == set(mine)
    for transport in transports:
        known.leave(transport)
    assert len(known) == 0
    assert not known._of_address


def test_a_proxys_streams__count_by_the_client_that_they_are_for() -> None:
    known = Admission(most=9, of_address=1)
    one, two, other = (cast("Any", object()) for _ in range(3))
    for transport in (one, two, other):
        known.admit(transport, address=PROXY)
    known.know(one, address="10.0.0.1")
    known.know(one, address="10.0.0.1")
    known.know(other, address="10.0.0.2")
    with pytest.raises(TooManyConnectionsError):
        known.know(two, address="10.0.0.1")
    known.leave(one)
    known.know(two, address="10.0.0.1")


def test_stop__lets_requests_end_and_says_bye(tmp_path: Path) -> None:
    async def body(served: Desk) -> None:
        client = await connect(served)
        idle, busy = raw(served.port), raw(served.port)
        async with idle as (silent, _), busy as (reader, writer):
            await begin(reader, writer)
            stopping = asyncio.create_task(served.acceptor.stop())
            assert (await client.until("bye"))["reason"] == "stopping"
            assert await asyncio.wait_for(silent.read(), PATIENCE_S) == b""
            writer.write(b"b")
            status, headers, found = await answer(reader)
            assert (status, headers["connection"], found) == (200, "close", b"POST /slow 2")
            await asyncio.wait_for(stopping, PATIENCE_S)
        with pytest.raises(OSError, match=r"refused|Connect"):
            await asyncio.open_connection("127.0.0.1", served.port)

    at_desk(tmp_path, body, port_limits=AcceptorLimits(stop_s=PATIENCE_S))


def test_stop__cuts_what_does_not_end(tmp_path: Path) -> None:
    async def body(served: Desk) -> None:
        async with raw(served.port) as (reader, writer):
            await begin(reader, writer)
            await asyncio.wait_for(served.acceptor.stop(), PATIENCE_S)
            with contextlib.suppress(ConnectionResetError):
                await asyncio.wait_for(reader.read(), PATIENCE_S)
            assert served.acceptor.open_connections <= 1

    at_desk(tmp_path, body, port_limits=AcceptorLimits(stop_s=0.2))


@pytest.mark.parametrize("fast", [True, False])
def test_tls__carries_http_and_the_stream_on_the_same_port(tmp_path: Path, *, fast: bool) -> None:
    served_by, client = _tls()

    async def body(served: Desk) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port, ssl=client)
        for _ in range(2):  # the connection is kept
            writer.write(b"POST /v1/x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc")
            assert (await answer(reader))[2] == b"POST /v1/x 3"
        writer.close()
        heard = await dial(served.url.replace("ws:", "wss:"), tls=client)
        heard.send({"t": "hello", "proto": 1, "token": "all"})
        assert (await heard.hear())["t"] == "welcome"
        heard.send({"t": "ping"})
        assert (await heard.hear())["t"] == "pong"
        await heard.close()

    at_desk(tmp_path, body, fast=fast, tls=served_by)


def test_tls__drops_those_who_do_not_shake_hands(tmp_path: Path) -> None:
    served_by, _ = _tls()

    async def body(served: Desk) -> None:
        for data in (b"", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"):
            async with raw(served.port) as (reader, writer):
                writer.write(data)
                with contextlib.suppress(ConnectionResetError):
                    assert b"HTTP" not in await asyncio.wait_for(reader.read(), PATIENCE_S)
        await asyncio.wait_for(served.acceptor.idle(), PATIENCE_S)

    at_desk(tmp_path, body, tls=served_by, port_limits=AcceptorLimits(first_bytes_s=0.2))


def _tls() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return contexts of a server and of a client that trusts it."""
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(server)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(client)
    return server, client


@pytest.mark.parametrize(
    ("trusted", "forwarded", "kind"),
    [
        ("", {}, "welcome"),
        ("", {"X-Forwarded-For": "203.0.113.9"}, "welcome"),
        ("127.0.0.1", {}, "welcome"),
        ("127.0.0.1", {"X-Forwarded-For": "::1"}, "welcome"),
        ("127.0.0.1", {"X-Forwarded-For": "203.0.113.9"}, "err"),
        ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1, 203.0.113.9"}, "err"),
        ("127.0.0.1", {"X-Forwarded-For": "not an address"}, "err"),
    ],
    ids=str,
)
def test_the_operators_token__counts_on_the_stream_from_this_machine_only_as_over_http(
    tmp_path: Path, trusted: str, forwarded: dict[str, str], kind: str
) -> None:
    with running_desk.running(tmp_path, trusted_proxies=trusted) as served:
        token = served.desk.ownership.token
        over_http = served.client(Authorization=f"Bearer {token}", **forwarded).get("/v1/tenants")
        assert over_http.status_code == (200 if kind == "welcome" else 401)
        hello = f'{{"t":"hello","proto":1,"token":"{token}"}}'.encode()
        heard = running_desk.talk(served.base, [hello], headers=forwarded, until=("welcome", "err"))
        assert heard[-1]["t"] == kind
