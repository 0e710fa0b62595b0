"""One visible port: WebSocket upgrades of the stream go to the stream's protocol, everything else to uvicorn's.

Each connection begins with a front that reads until it can tell which of the two is asked for, then puts the chosen
protocol in its own place and gives it what was read. Nothing is peeked at on the socket, so the same code serves
uvloop, asyncio on Windows, and TLS.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from dataclasses import dataclass
from email.utils import formatdate
from typing import TYPE_CHECKING, Any, cast

import msgspec
from uvicorn.config import Config
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from powerdesk.app import admission
from powerdesk.delivery.rest import problems
from powerdesk.kernel import problem

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable, Sequence

STREAM_PREFIX = b"GET /v1/stream"
_END = b"\r\n\r\n"
_INTERNET = frozenset({socket.AF_INET, socket.AF_INET6})
_log = logging.getLogger(__name__)


class HeadersTooLargeError(problem.Problem):
    """The headers of a request are larger than this desk reads."""

    status = 431
    slug = "headers-too-large"
    title = "The headers are too large"


@dataclass(frozen=True, slots=True)
class AcceptorLimits:
    """Bounds of the port."""

    connections: int = 4_000
    connections_of_address: int = 1_000
    """Of one client: an IPv4 address or an IPv6 /64. Trusted proxies speak for many; their streams count by client."""
    first_bytes_s: float = 10.0
    """A connection that has not shown what it wants by then is dropped."""
    headers_s: float = 10.0
    """Time from the first byte of a request to the end of its headers."""
    header_bytes: int = 64 * 1024
    keep_alive_s: int = 15
    pace_s: float = 20.0
    """How often a request's body on its way, and an answer that waits for its reader, are looked at."""
    slowest_bytes_per_s: int = 512
    """A client that sends its body, or takes its answer, more slowly than this is dropped."""
    stop_s: float = 5.0
    backlog: int = 1024


class Acceptor:
    """Serves one ASGI application and one stream on bound sockets."""

    def __init__(
        self,
        *,
        sockets: Sequence[socket.socket],
        asgi_app: Any,
        stream_factory: Callable[[str, Callable[[], None]], asyncio.BufferedProtocol] | None = None,
        stop_stream: Callable[[], Awaitable[None]] | None = None,
        trusted_proxies: Sequence[str] = (),
        tls: ssl.SSLContext | None = None,
        limits: AcceptorLimits | None = None,
    ) -> None:
        self.limits = limits or AcceptorLimits()
        self._sockets = sockets
        self._stream_factory = stream_factory
        self._proxies = ProxyHeadersMiddleware(asgi_app, list(trusted_proxies)).trusted_hosts
        self._stop_stream = stop_stream
        self._tls = tls
        self._config = Config(
            asgi_app,
            http=HttpToolsProtocol,
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=bool(trusted_proxies),
            forwarded_allow_ips=list(trusted_proxies),
            server_header=False,
            timeout_keep_alive=self.limits.keep_alive_s,
        )
        self._config.load()
        self._state = ServerState()
        self._servers: list[asyncio.Server] = []
        self._open = admission.Admission(most=self.limits.connections, of_address=self.limits.connections_of_address)
        self._idle = asyncio.Event()
        self._idle.set()
        self.fronts: set[Front] = set()
        """Connections that have not shown what they want."""
        self._dating: asyncio.Task[None] | None = None

    @property
    def open_connections(self) -> int:
        """How many connections are open."""
        return len(self._open)

    async def idle(self) -> None:
        """Return when no connection is open."""
        await self._idle.wait()

    async def start(self) -> None:
        """Listen on the sockets."""
        loop = asyncio.get_running_loop()
        self._dating = loop.create_task(self._keep_date())
        for listening in self._sockets:
            server = await loop.create_server(
                lambda: Front(self),
                sock=listening,
                ssl=self._tls,
                ssl_handshake_timeout=None if self._tls is None else self.limits.first_bytes_s,
                backlog=self.limits.backlog,
            )
            self._servers.append(server)

    async def stop(self) -> None:
        """Accept no more, let requests in progress end, say bye on the stream; cut what is left after `stop_s`."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.limits.stop_s
        for server in self._servers:
            server.close()
        for connection in (*self._state.connections, *self.fronts):
            connection.shutdown()
        try:
            async with asyncio.timeout_at(deadline):
                if self._stop_stream is not None:
                    await self._stop_stream()
                while self._state.tasks:
                    await asyncio.wait(self._state.tasks)
                await self._idle.wait()
        except TimeoutError:
            _log.warning("%d connections were cut after %.0f s", len(self._open), self.limits.stop_s)
        for task in tuple(self._state.tasks):
            task.cancel()
        for transport in self._open:
            transport.abort()
        if self._dating is not None:
            self._dating.cancel()
        await asyncio.sleep(0)

    def admit(self, transport: asyncio.Transport) -> None:
        """Count a connection; raise a Problem when there are too many."""
        peer = _peer(transport)
        self._open.admit(transport, address=None if peer in self._proxies else peer)
        self._idle.clear()

    def leave(self, transport: asyncio.Transport) -> None:
        """Uncount a connection."""
        self._open.leave(transport)
        if not self._open:
            self._idle.set()

    def http(self, transport: asyncio.Transport) -> HttpToolsProtocol:
        """Return a protocol that serves the application."""
        return GuardedHttp(self._config, self._state, limits=self.limits, on_lost=lambda: self.leave(transport))

    @property
    def streams(self) -> bool:
        """Whether this port serves the stream; where not, the application answers its path like any other."""
        return self._stream_factory is not None

    def stream(self, transport: asyncio.Transport, seen: bytes) -> asyncio.BufferedProtocol:
        """Return a protocol that serves the stream to whoever sent these headers."""
        if self._stream_factory is None:
            raise AssertionError("found a stream on a port that serves none; ask `streams` first")
        address = self._address(transport, seen)
        self._open.know(transport, address=address)
        return self._stream_factory(address, lambda: self.leave(transport))

    def _address(self, transport: asyncio.Transport, seen: bytes) -> str:
        """Return where a client is: its socket's peer, or what a trusted proxy says, by uvicorn's rule for HTTP."""
        host = _peer(transport)
        if host not in self._proxies:
            return host
        forwarded = b", ".join(value for name, value in _headers(seen) if name == b"x-forwarded-for").decode("latin-1")
        named = self._proxies.get_trusted_client_address(forwarded)[0] if forwarded else ""
        return named or host

    async def _keep_date(self) -> None:
        while True:
            self._state.default_headers = [(b"date", formatdate(usegmt=True).encode())]
            await asyncio.sleep(1.0)


async def serve(acceptor: Acceptor, *, stop: asyncio.Event) -> None:
    """Serve until `stop` is set, then stop gracefully."""
    await acceptor.start()
    try:
        await stop.wait()
    finally:
        await acceptor.stop()


class Front(asyncio.Protocol):
    """Reads the beginning of a connection and hands it over."""

    def __init__(self, acceptor: Acceptor) -> None:
        self._acceptor = acceptor
        self._transport: asyncio.Transport | None = None
        self._seen = bytearray()
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Give the client a while to say what it wants."""
        self._transport = cast("asyncio.Transport", transport)
        _unhold(self._transport)
        try:
            self._acceptor.admit(self._transport)
        except problem.Problem as error:
            self._refuse(error)
            return
        self._acceptor.fronts.add(self)
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._acceptor.limits.first_bytes_s, self._transport.abort)

    def shutdown(self) -> None:
        """Let go of a client that has not said what it wants."""
        if self._transport is not None:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Forget a connection that went before it said what it wants."""
        self._settle()
        if self._transport is not None:
            self._acceptor.leave(self._transport)

    def data_received(self, data: bytes) -> None:
        """Read on until the request can be told apart."""
        self._seen += data
        if not (self._acceptor.streams and _may_be_stream(self._seen)):
            self._hand_over_to_http()
        elif _END in self._seen:
            if _is_upgrade(self._seen):
                self._hand_over_to_stream()
            else:
                self._hand_over_to_http()
        elif len(self._seen) > self._acceptor.limits.header_bytes:
            self._refuse(
                HeadersTooLargeError(
                    found=f"more than {self._acceptor.limits.header_bytes} bytes of headers",
                    allowed=f"{self._acceptor.limits.header_bytes} bytes",
                    remedy="send fewer or shorter headers",
                )
            )

    def _hand_over_to_http(self) -> None:
        transport = self._taken()
        protocol = self._acceptor.http(transport)
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        protocol.data_received(bytes(self._seen))

    def _hand_over_to_stream(self) -> None:
        transport = self._taken()
        try:
            protocol = self._acceptor.stream(transport, bytes(self._seen))
        except problem.Problem as error:
            self._refuse(error)
            return
        transport.pause_reading()  # uvloop chooses how to read when reading begins
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        _feed(protocol, bytes(self._seen))
        if not transport.is_closing():
            transport.resume_reading()

    def _taken(self) -> asyncio.Transport:
        self._settle()
        if self._transport is None:
            raise RuntimeError("data came before the connection was made")
        return self._transport

    def _settle(self) -> None:
        self._acceptor.fronts.discard(self)
        if self._timer is not None:
            self._timer.cancel()

    def _refuse(self, error: problem.Problem) -> None:
        transport = self._taken()
        body = msgspec.json.encode(problems.problem_body(error, instance="", request_id=""))
        retry = "" if error.retry_after_s is None else f"retry-after: {error.retry_after_s:.0f}\r\n"
        head = f"HTTP/1.1 {error.status} Refused\r\ncontent-type: {problems.MEDIA_TYPE}\r\n{retry}"
        transport.write(f"{head}content-length: {len(body)}\r\nconnection: close\r\n\r\n".encode() + body)
        transport.close()


class GuardedHttp(HttpToolsProtocol):
    """uvicorn's protocol with bounds on the size of headers, on their time, and on the pace of bodies and answers."""

    def __init__(
        self, config: Config, state: ServerState, *, limits: AcceptorLimits, on_lost: Callable[[], None]
    ) -> None:
        super().__init__(config, state, {})
        self._limits = limits
        self._on_lost = on_lost
        self._header_bytes: int | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._body_bytes = 0
        self._body_timer: asyncio.TimerHandle | None = None
        self._answer_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn declares it
        """Wait for headers from the first byte on."""
        super().connection_made(transport)
        self._expect_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        """Uncount the connection."""
        self._settle()
        for timer in (self._body_timer, self._answer_timer):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)
        self._on_lost()

    def data_received(self, data: bytes) -> None:
        """Parse what came; refuse headers without end."""
        super().data_received(data)
        if self._header_bytes is None:
            return
        self._header_bytes += len(data)
        if self._header_bytes > self._limits.header_bytes and not self.transport.is_closing():
            self.send_400_response("The request's headers are too large.")

    def on_message_begin(self) -> None:
        """Wait for the headers of the next request of the connection."""
        super().on_message_begin()
        self._expect_headers()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; what comes as a trailer, after the body, is nothing that anybody here asks for."""
        if self._header_bytes is not None:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Note that the headers have come; the body has to follow at some pace."""
        self._settle()
        super().on_headers_complete()
        self._body_bytes = 0
        self._body_timer = self.loop.call_later(self._limits.pace_s, self._look_at_body, 0)

    def on_body(self, body: bytes) -> None:
        """Count a part of the body."""
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Note that the body has come."""
        if self._body_timer is not None:
            self._body_timer.cancel()
            self._body_timer = None
        super().on_message_complete()

    def pause_writing(self) -> None:
        """Watch the pace of a client that is slower than what is written to it."""
        super().pause_writing()
        waiting = self.transport.get_write_buffer_size()
        self._answer_timer = self.loop.call_later(self._limits.pace_s, self._look_at_answer, waiting)

    def resume_writing(self) -> None:
        """Note that the client has taken what waited."""
        if self._answer_timer is not None:
            self._answer_timer.cancel()
            self._answer_timer = None
        super().resume_writing()

    def _look_at_body(self, had: int) -> None:
        """Drop a client that sends too slowly; one that waits for the application is not to blame."""
        if not self.flow.read_paused and self._too_slow(self._body_bytes - had):
            self.transport.abort()
            return
        self._body_timer = self.loop.call_later(self._limits.pace_s, self._look_at_body, self._body_bytes)

    def _look_at_answer(self, waited: int) -> None:
        """Drop a client that takes too slowly."""
        waiting = self.transport.get_write_buffer_size()
        if self._too_slow(waited - waiting):
            self.transport.abort()
            return
        self._answer_timer = self.loop.call_later(self._limits.pace_s, self._look_at_answer, waiting)

    def _too_slow(self, moved_bytes: int) -> bool:
        return moved_bytes < self._limits.slowest_bytes_per_s * self._limits.pace_s

    def _expect_headers(self) -> None:
        if self._timer is None:
            self._header_bytes = 0
            self._timer = self.loop.call_later(self._limits.headers_s, self.transport.abort)

    def _settle(self) -> None:
        self._header_bytes = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _unhold(transport: asyncio.Transport) -> None:
    """Have what is written leave at once: asyncio itself sees to that only on sockets that name their protocol.

    An answer is written in two pieces, and the second waited 40 ms for the client's receipt of the first.
    """
    connected = transport.get_extra_info("socket")
    if connected is not None and connected.family in _INTERNET:
        with contextlib.suppress(OSError):  # a client that has gone already; macOS says so here
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _peer(transport: asyncio.Transport) -> str:
    """Return the address of a connection's other end, empty where it has none."""
    peer = transport.get_extra_info("peername")
    return str(peer[0]) if isinstance(peer, tuple) else ""


def _may_be_stream(seen: bytes | bytearray) -> bool:
    """Tell whether what was read is, or may become, a request of exactly /v1/stream."""
    head = bytes(seen[: len(STREAM_PREFIX) + 1])
    if len(head) <= len(STREAM_PREFIX):
        return STREAM_PREFIX.startswith(head)
    return head[:-1] == STREAM_PREFIX and head[-1:] in b" ?"


def _is_upgrade(seen: bytes | bytearray) -> bool:
    """Tell whether the headers ask for a WebSocket."""
    return any(name == b"upgrade" and b"websocket" in value for name, value in _headers(seen))


def _headers(seen: bytes | bytearray) -> list[tuple[bytes, bytes]]:
    """Return the headers of a request that was read to their end, in lower case."""
    lines = bytes(seen).partition(_END)[0].lower().split(b"\r\n")[1:]
    return [(name.strip(), value.strip()) for name, _, value in (line.partition(b":") for line in lines)]


def _feed(protocol: asyncio.BufferedProtocol, data: bytes) -> None:
    """Give bytes that were read already to a protocol that reads into its own buffer."""
    while data:
        buffer = memoryview(cast("Any", protocol.get_buffer(len(data))))
        count = min(len(buffer), len(data))
        buffer[:count] = data[:count]
        protocol.buffer_updated(count)
        data = data[count:]
