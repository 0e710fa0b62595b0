"""Read the credential that came with an HTTP request or a WebSocket handshake, and guard it against other sites."""

from __future__ import annotations

import hmac
import ipaddress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import urlsplit

from powerdesk.access import keys
from powerdesk.access.policies import SignInRequiredError
from powerdesk.access.types import OPERATOR, Channel, PrincipalKind
from powerdesk.kernel.problem import Problem

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection

    from powerdesk.access.authenticator import Authenticator
    from powerdesk.access.types import Credential, Principal

COOKIE = "pd_session"
CSRF_HEADER = "x-csrf-token"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class CrossSiteError(Problem):
    """A request with a cookie that another site may have caused."""

    status: ClassVar[int] = 403
    slug: ClassVar[str] = "cross-site"
    title: ClassVar[str] = "This request did not come from the hub"


@dataclass(frozen=True, slots=True)
class Presented:
    """Who asks, and how they proved it. `token` is the session token of a cookie, None for keys and the operator."""

    principal: Principal
    credential: Credential | None = None
    token: str | None = field(default=None, repr=False)


def present(
    connection: HTTPConnection, *, authenticator: Authenticator, pepper: keys.Pepper, operator_token: str | None
) -> Presented:
    """Prove the credential of a connection, Authorization before the cookie; a 401 or 403 Problem otherwise.

    The operator token counts only from a loopback address. A cookie counts only with the right Origin where one is
    sent (always for WebSockets), and unsafe methods must repeat the CSRF token of GET /v1/me.
    """
    scheme, _, bearer = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and bearer:
        return present_bearer(
            bearer.strip(),
            authenticator=authenticator,
            operator_token=operator_token if from_loopback(connection) else None,
        )
    token = connection.cookies.get(COOKIE)
    if not token:
        raise SignInRequiredError(
            found="no credential",
            allowed="the session cookie, or Authorization: Bearer with an API key",
            remedy="sign in, or send a key",
        )
    check_origin(connection)
    credential = authenticator.session(token)
    method = connection.scope.get("method", "GET")
    if method not in SAFE_METHODS:
        _check_csrf(connection, token, pepper)
    return Presented(credential.principal, credential, token)


def present_bearer(text: str, *, authenticator: Authenticator, operator_token: str | None) -> Presented:
    """Prove a key or, where `operator_token` is given, the operator's token; also for `hello.token` of the stream."""
    if operator_token is not None and hmac.compare_digest(text.encode(), operator_token.encode()):
        return Presented(OPERATOR)
    credential = authenticator.key(text)
    return Presented(credential.principal, credential)


def channel_of(principal: Principal, *, surface: Channel) -> Channel:
    """Return the channel of a request: it follows from the credential, then from the surface that was asked.

    A browser session acts in the hub, whatever it asks, except that a file it takes away is a download. Everybody
    else acts by the surface (api for REST, stream for the stream, ...).
    """
    if principal.kind is PrincipalKind.USER:
        return Channel.DOWNLOAD if surface is Channel.DOWNLOAD else Channel.HUB
    return surface


def check_origin(connection: HTTPConnection) -> None:
    """Refuse what another site caused: a foreign Origin, or none at a WebSocket handshake."""
    origin = connection.headers.get("origin")
    if origin is not None or connection.scope["type"] == "websocket":
        require_own_page(origin=origin, host=connection.headers.get("host", ""))


def require_own_page(*, origin: str | None, host: str) -> None:
    """Raise CrossSiteError (403) unless the Origin is that of a page of this host."""
    if origin is None or urlsplit(origin).netloc.lower() != host.lower():
        raise CrossSiteError(
            found="no Origin" if origin is None else f"Origin {origin[:100]}",
            allowed=f"pages of {host[:100]}",
            remedy="open the hub itself, or use an API key",
        )


def _check_csrf(connection: HTTPConnection, token: str, pepper: keys.Pepper) -> None:
    sent = connection.headers.get(CSRF_HEADER, "")
    if not hmac.compare_digest(sent.encode(), keys.csrf_token(token, pepper).encode()):
        raise CrossSiteError(
            found="a wrong X-CSRF-Token" if sent else "no X-CSRF-Token",
            allowed="the csrf of GET /v1/me",
            remedy="read /v1/me again and repeat its token",
        )


def from_loopback(connection: HTTPConnection) -> bool:
    """Tell whether the connection comes from this very machine."""
    return connection.client is not None and is_loopback(connection.client.host)


def neighbourhood(address: str) -> str:
    """Return what failures and tries are counted by: an IPv4 address, or the /64 network that one subscriber has."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address[:100]
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    mapped = found.ipv4_mapped
    return str(mapped or ipaddress.IPv6Network((int(found) >> 64 << 64, 64)))


def is_loopback(address: str) -> bool:
    """Tell whether the text is an address of this very machine."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
