"""The short way to routes that are asked for hundreds of times a second.

The framework's layers (nested routers, solved dependencies, exit stacks, telemetry, two nets for exceptions) cost more
CPU than a read of one location. A route marked `direct` is declared in the application like any other, where it is
enumerated, documented and given its policy. Here its own function is called, behind the same policy, and what it
raises is answered by the same functions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from starlette.requests import Request
from starlette.routing import compile_path

from powerdesk.delivery.rest import problems

if TYPE_CHECKING:
    import re
    from collections.abc import Awaitable, Callable, Iterable

    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Scope, Send

F = TypeVar("F", bound="Callable[..., Awaitable[Response]]")
MARK = "powerdesk_direct"


@dataclass(frozen=True, slots=True)
class Way:
    """A route as served here: its template, its methods, and the function that answers."""

    path: str
    methods: frozenset[str]
    pattern: re.Pattern[str]
    endpoint: Callable[..., Awaitable[Response]]


def direct(endpoint: F) -> F:
    """Mark the function of a route: it takes the request and its path's parameters as texts, and returns a Response."""
    setattr(endpoint, MARK, True)
    return endpoint


def ways(routes: Iterable[Any]) -> tuple[Way, ...]:
    """Return those of an application's routes whose function is marked."""
    return tuple(
        Way(route.path, frozenset(route.methods), compile_path(route.path)[0], route.endpoint)
        for route in routes
        if getattr(getattr(route, "endpoint", None), MARK, False)
    )


class Direct:
    """ASGI application: marked routes at once, everything else by `app`. `enforce` lets a request pass or raises."""

    def __init__(self, app: ASGIApp, *, ways: Iterable[Way], enforce: Callable[[Request], Awaitable[None]]) -> None:
        self._app = app
        self._ways = tuple(ways)
        self._enforce = enforce

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        way, arguments = self._way(scope)
        if way is None:
            await self._app(scope, receive, send)
            return
        scope["route"], scope["path_params"] = way, arguments
        request = Request(scope, receive)
        try:
            await self._enforce(request)
            response = await way.endpoint(request, **arguments)
        except Exception as error:  # noqa: BLE001 - the edge: a problem is answered, anything else logged and answered
            response = problems.answer(error, request)
        await response(scope, receive, send)

    def _way(self, scope: Scope) -> tuple[Way | None, dict[str, str]]:
        if scope["type"] == "http":
            for way in self._ways:
                if scope["method"] in way.methods and (found := way.pattern.match(scope["path"])) is not None:
                    return way, found.groupdict()
        return None, {}
