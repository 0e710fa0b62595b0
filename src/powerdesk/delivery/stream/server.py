"""The stream over WebSocket: a picows listener per connection in front of a session."""

from __future__ import annotations

import asyncio
import functools
import http.cookies
import logging
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

import msgspec
from picows import (
    WSAutoPingStrategy,
    WSCloseCode,
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
)
from picows.picows import WSProtocol  # type: ignore[attr-defined]  # its stub leaves the protocol out

from powerdesk.delivery.stream import messages
from powerdesk.delivery.stream.gate import Credential
from powerdesk.delivery.stream.outbox import Outbox
from powerdesk.delivery.stream.session import Session, TooManySocketsError
from powerdesk.kernel import problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from powerdesk.delivery.stream.frames import Frame
    from powerdesk.delivery.stream.hub import Hub

_log = logging.getLogger(__name__)
HIGH_WATER_BYTES = 512 * 1024
LOW_WATER_BYTES = 64 * 1024
GATHERED_BYTES = 64 * 1024
"""Bytes that wait for company at most; more go to the transport, which tells when the client is slow."""
PING_IDLE_S = 20.0
PING_REPLY_S = 20.0
UPGRADE_S = 10.0
MAX_REASON_BYTES = 120
CLOSE_S = 5.0
UNSUPPORTED_DATA = 1003


class ForeignOriginError(problem.Problem):
    """A page of another site tries to open the stream, or the desk is called by a name it does not have."""

    status = 403
    slug = "foreign-origin"
    title = "The stream is not open to pages of other sites"


def protocol_factory(
    hub: Hub, *, secure: bool = False
) -> Callable[[str, Callable[[], None]], asyncio.BufferedProtocol]:
    """Return what makes one protocol object per accepted connection; the acceptor hands it upgrade requests.

    `secure` says whether the browser speaks https to this desk (here or at a reverse proxy): its Origin then has it
    too. The factory takes the client's address, and what to call when the connection is gone.
    """
    quiet = logging.getLogger("powerdesk.stream.sockets")
    quiet.setLevel(logging.ERROR)  # picows logs each connection at INFO and each pause of writing at WARNING

    outbox = Outbox()

    def upgrade(address: str, request: WSUpgradeRequest) -> WSUpgradeResponseWithListener | WSListener:
        try:
            credential = _credential(request, address=address, secure=secure)
            _check_name(hub, credential)
            if len(hub.sessions) >= hub.limits.sockets:
                raise TooManySocketsError(
                    found=f"{len(hub.sessions)} open streams", allowed=f"{hub.limits.sockets}", remedy="try later"
                )
        except problem.Problem as error:
            return WSUpgradeResponseWithListener(_refusal(error), None)
        return StreamListener(hub, credential, outbox)

    def make(address: str, on_lost: Callable[[], None]) -> asyncio.BufferedProtocol:
        listen = functools.partial(upgrade, address)
        protocol: Any = StreamProtocol(
            None, None, False, listen, quiet, True, UPGRADE_S, True, PING_IDLE_S, PING_REPLY_S,
            WSAutoPingStrategy.PING_WHEN_IDLE, False, messages.MAX_MESSAGE_BYTES, None, 4096,
        )  # fmt: skip
        protocol.on_lost = on_lost
        buffered: asyncio.BufferedProtocol = protocol
        return buffered

    return make


class StreamProtocol(WSProtocol):  # type: ignore[misc]  # picows declares no type for its protocol
    """The library's protocol, which also tells when its connection is gone."""

    on_lost: Callable[[], None]

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell it."""
        super().connection_lost(exc)
        self.on_lost()


class StreamListener(WSListener):
    """Passes frames of one socket to its session, and the session's frames to the socket."""

    def __init__(self, hub: Hub, credential: Credential, outbox: Outbox) -> None:
        super().__init__()
        self._hub = hub
        self._outbox = outbox
        self._credential = credential
        self._transport: WSTransport | None = None
        self._session: Session | None = None
        self.writable = True
        """False while more than HIGH_WATER_BYTES wait for the client."""
        self._gathered: list[bytes] = []
        self._gathered_bytes = 0

    @property
    def queued_bytes(self) -> int:
        """Bytes that the socket has not taken."""
        if self._transport is None:
            return 0
        waiting: int = self._transport.underlying_transport.get_write_buffer_size()
        return waiting + self._gathered_bytes

    def send(self, frame: Frame) -> None:
        """Let a frame leave with the others of the moment, in order."""
        if not self._gathered:
            self._outbox.mark(self)
        self._gathered.append(frame.wire)
        self._gathered_bytes += len(frame.wire)
        if self._gathered_bytes > GATHERED_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what was gathered; what the socket does not take is queued. After a close frame nothing may follow."""
        gathered, self._gathered, self._gathered_bytes = self._gathered, [], 0
        transport = self._transport
        if not gathered or transport is None or transport.is_disconnected or transport.is_close_frame_sent:
            return
        transport.underlying_transport.write(gathered[0] if len(gathered) == 1 else b"".join(gathered))

    def close(self, code: int, reason: str) -> None:
        """Send a close frame after what is queued, and cut the connection when the client does not answer."""
        transport = self._transport
        if transport is None or transport.is_disconnected:
            return
        self.flush()
        transport.send_close(cast("WSCloseCode", code), reason.encode()[:MAX_REASON_BYTES])
        transport.disconnect()
        asyncio.get_running_loop().call_later(CLOSE_S, _cut, transport)

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Begin a session: the client has to say hello."""
        self._transport = transport
        transport.underlying_transport.set_write_buffer_limits(high=HIGH_WATER_BYTES, low=LOW_WATER_BYTES)
        self._session = Session(hub=self._hub, sink=self, credential=self._credential)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Take one frame."""
        if frame.msg_type == WSMsgType.CLOSE:
            self.flush()
            transport.send_close(frame.get_close_code(), b"")
            transport.disconnect()
        elif frame.msg_type == WSMsgType.PING:
            if self.writable:  # who sends pings and reads no answers is owed none: they would wait without bound
                transport.send_pong(frame.get_payload_as_bytes())
        elif self._session is None or frame.msg_type == WSMsgType.PONG:
            return
        elif frame.msg_type == WSMsgType.TEXT and frame.fin:
            self._session.received(frame.get_payload_as_bytes())
        else:
            self._session.bye("text-frames-only", code=UNSUPPORTED_DATA)

    def on_ws_disconnected(self, transport: WSTransport) -> None:  # noqa: ARG002 - the base class names it
        """Let the session go."""
        if self._session is not None:
            self._session.lost()

    def pause_writing(self) -> None:
        """Note that the client is slow."""
        self.writable = False
        if self._session is not None:
            self._session.blocked()

    def resume_writing(self) -> None:
        """Send what waited."""
        self.writable = True
        if self._session is not None:
            self._session.drained()


def _cut(transport: WSTransport) -> None:
    if not transport.is_disconnected:
        transport.disconnect(False)  # picows takes `graceful` by position


def _credential(request: WSUpgradeRequest, *, address: str, secure: bool) -> Credential:
    headers: Any = request.headers
    host, origin = headers.get("Host", ""), headers.get("Origin")
    scheme, _, bearer = headers.get("Authorization", "").partition(" ")
    credential = Credential(
        host=host,
        origin=origin,
        cookie=headers.get("Cookie"),
        bearer=bearer.strip() or None if scheme.lower() == "bearer" else None,
        address=address,
        agent=headers.get("User-Agent", "")[:200],
    )
    expected = f"{'https' if secure else 'http'}://{host}"
    if origin is not None and (urlsplit(origin).netloc.lower() != host.lower() or (secure and origin != expected)):
        raise ForeignOriginError(
            found=f"Origin {origin[:80]!r}", allowed=expected, remedy="open the stream from the desk's own pages"
        )
    if (
        credential.cookie is not None
        and origin is None
        and credential.bearer is None
        and _has_session(credential.cookie)
    ):
        raise ForeignOriginError(
            found="a session cookie without Origin", allowed=expected, remedy="use a key outside of a browser"
        )
    return credential


def _has_session(cookie: str) -> bool:
    return "pd_session" in http.cookies.SimpleCookie(cookie)


def _check_name(hub: Hub, credential: Credential) -> None:
    if not hub.gate.known_host(credential.host):
        raise ForeignOriginError(
            found=f"Host {credential.host[:80]!r}",
            allowed="loopback names and the setting public_hosts",
            remedy="add the name to public_hosts",
        )


def _refusal(error: problem.Problem) -> WSUpgradeResponse:
    body = msgspec.json.encode(messages.fault(error))
    headers = {"Content-Type": "application/problem+json"}
    response: WSUpgradeResponse = WSUpgradeResponse.create_error_response(error.status, body, headers)
    return response
