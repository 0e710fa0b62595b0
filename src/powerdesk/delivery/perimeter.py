"""What every request passes first: an id, the Host check, a bound on its body, the security headers, the metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from prometheus_client import Counter, Histogram
from starlette.datastructures import Headers

from powerdesk.delivery.rest import problems
from powerdesk.kernel import problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from powerdesk.kernel.clock import Clock
    from powerdesk.kernel.ids import IdSource

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "frame-ancestors 'none'; form-action 'self'"
)
BODY_BYTES = 4 * 2**20
"""What the body of a request may have; ten thousand entitlements need half of it."""
SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
_OURS = tuple(
    (name.lower().encode(), value.encode())
    for name, value in {**SECURITY_HEADERS, "Cache-Control": "private, no-store"}.items()
)
REQUESTS = Counter("powerdesk_requests_total", "Requests by route template, method and status class.",
                   ["route", "method", "status"])  # fmt: skip
SECONDS = Histogram(
    "powerdesk_request_seconds", "Seconds to answer, by route template.", ["route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)  # fmt: skip


class UnknownHostError(problem.Problem):
    """The Host header names neither a loopback address nor a host that the settings allow."""

    status = 421
    slug = "unknown-host"
    title = "This desk does not answer under that name"


class TooLargeError(problem.Problem):
    """A body is larger than this desk takes."""

    status = 413
    slug = "too-large"
    title = "The body is too large"


class Perimeter:
    """ASGI middleware around the whole application.

    `secure` says that browsers speak https to a proxy before it. `body_bytes` tells how large a body may be by the
    path of its request: some are read before anybody has asked who sends them.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        clock: Clock,
        ids: IdSource,
        host_allowed: Callable[[str], bool],
        body_bytes: Callable[[str], int] = lambda _path: BODY_BYTES,
        secure: bool = False,
    ) -> None:
        self._app = app
        self._clock = clock
        self._ids = ids
        self._host_allowed = host_allowed
        self._body_bytes = body_bytes
        self._secure = secure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = self._ids.new("req")
        scope["powerdesk.request_id"] = request_id
        if self._secure:
            scope["scheme"] = "https"
        started = self._clock.monotonic_s()
        status = 500

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = _with_ours(message["headers"], request_id)
            await send(message)

        try:
            host = Headers(scope=scope).get("host", "")
            if self._host_allowed(host):
                await self._bounded(scope, receive, send_with_headers)
            else:
                await _refuse(scope, _unknown_host(host), send_with_headers)
        finally:
            route = getattr(scope.get("route"), "path", "unmatched")
            REQUESTS.labels(route, scope["method"], f"{status // 100}xx").inc()
            SECONDS.labels(route).observe(self._clock.monotonic_s() - started)

    async def _bounded(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request up to the size its body may have; whatever the application makes of more is 413."""
        most = self._body_bytes(scope["path"])
        size, answered, excess = 0, False, TooLargeError(
            found=f"more than {most} bytes", allowed=f"{most} bytes", remedy="send less at once, in several requests"
        )  # fmt: skip

        async def receive_bounded() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > most:
                raise excess
            return message

        async def send_unless_over(message: Message) -> None:
            nonlocal answered
            if answered or size <= most:
                answered = True
                await send(message)

        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdigit() and int(declared) > most:
            await _refuse(scope, excess, send)
            return
        try:
            await self._app(scope, receive_bounded, send_unless_over)
        except TooLargeError:
            if answered:
                raise
        if size > most and not answered:
            await _refuse(scope, excess, send)


def _with_ours(headers: Iterable[tuple[bytes, bytes]], request_id: str) -> list[tuple[bytes, bytes]]:
    """Return an answer's headers with its id, and with ours that it does not set itself: no cache keeps it either."""
    own = list(headers)
    names = {name.lower() for name, _ in own}
    return [*own, (b"x-request-id", request_id.encode()), *(each for each in _OURS if each[0] not in names)]


def _unknown_host(host: str) -> UnknownHostError:
    return UnknownHostError(
        found=f"Host {host[:80]!r}",
        allowed="loopback names and the setting public_hosts",
        remedy="add the name to public_hosts",
    )


async def _refuse(scope: Scope, error: problem.Problem, send: Send) -> None:
    request_id = scope["powerdesk.request_id"]
    body = msgspec.json.encode(problems.problem_body(error, instance=scope["path"], request_id=request_id))
    headers = [(b"content-type", problems.MEDIA_TYPE.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
