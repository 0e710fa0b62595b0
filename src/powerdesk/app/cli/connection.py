"""How a verb reaches the desk: the running owner over loopback, a remote desk by key, or one opened in this process."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote, urlsplit

import httpx
import msgspec

from powerdesk.app import engines, ownership, settings
from powerdesk.kernel.problem import Finding, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from powerdesk.app.desk import Desk

LOOK_EVERY_S = 0.1
TIMEOUT = httpx.Timeout(connect=5.0, read=600.0, write=600.0, pool=5.0)


class AnsweredProblem(Problem):
    """A problem that the desk answered with, shown as it said it."""

    def __init__(self, body: dict[str, Any], status: int) -> None:
        super().__init__(
            found=str(body.get("found", body.get("detail", "an error"))),
            allowed=str(body.get("allowed", "")),
            remedy=str(body.get("remedy", "")),
            findings=tuple(
                Finding(str(e["pointer"]), str(e["found"]), str(e["allowed"]), str(e["remedy"]))
                for e in body.get("errors", ())
            ),
        )
        self.answered_status = status
        self.answered_title = str(body.get("title", "The desk refused"))

    @property
    def status(self) -> int:  # type: ignore[override]  # the desk's own status, not a class fact
        """The status the desk answered with."""
        return self.answered_status

    @property
    def title(self) -> str:  # type: ignore[override]  # the desk's own title, not a class fact
        """The title the desk answered with."""
        return self.answered_title


class UnreachableError(Problem):
    """No desk answers at the address."""

    status = 503
    slug = "unreachable"
    title = "The desk cannot be reached"


class NotRunningError(Problem):
    """The verb needs a running desk and none owns the folder."""

    status = 503
    slug = "not-running"
    title = "No desk is running"


class NoDeskError(Problem):
    """The folder that a reading verb names has never held a desk."""

    status = 404
    slug = "no-desk"
    title = "No desk has been there"


class AddressError(Problem):
    """What --url gives is no address."""

    status = 400
    slug = "bad-address"
    title = "The address cannot be used"


class Answering(Protocol):
    """Something that answers one HTTP request."""

    def send(self, request: httpx.Request) -> httpx.Response:
        """Return the answer, read whole."""
        ...


@dataclass(frozen=True, slots=True)
class Reached:
    """A desk that answers; `base` is its address."""

    base: str
    headers: dict[str, str]
    answering: Answering = field(repr=False)
    running: bool = True

    def call(
        self,
        method: str,
        path: str,
        *,
        params: dict[str, Any] | None = None,
        body: Any = None,
        data: bytes | None = None,
    ) -> httpx.Response:
        """Return the answer; raise AnsweredProblem when the desk refuses."""
        content = data if data is not None else (None if body is None else msgspec.json.encode(body))
        headers = {**self.headers} if body is None else {**self.headers, "Content-Type": "application/json"}
        given = {name: value for name, value in (params or {}).items() if value is not None}
        request = httpx.Request(method, self.base + path, params=given, content=content, headers=headers)
        response = self.answering.send(request)
        if response.is_error:
            raise AnsweredProblem(_body(response), response.status_code)
        return response

    def get(self, path: str, **params: Any) -> Any:
        """Return the JSON answer of a GET."""
        return self.call("GET", path, params=params).json()

    def post(self, path: str, body: Any = None, **params: Any) -> Any:
        """Return the JSON answer of a POST, None when it has no body."""
        response = self.call("POST", path, params=params, body=body)
        return response.json() if response.content else None


def _body(response: httpx.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except ValueError:
        return {"found": f"HTTP {response.status_code}", "remedy": "is this address a Powerdesk?"}
    return body if isinstance(body, dict) else {}


class _Network:
    """Answers over the network."""

    def __init__(self, client: httpx.Client, base: str) -> None:
        self._client = client
        self._base = base

    def send(self, request: httpx.Request) -> httpx.Response:
        """Send over the network; raise UnreachableError when nobody answers."""
        try:
            return self._client.send(request)
        except httpx.TransportError as error:
            raise UnreachableError(
                found=f"{self._base}: {error}",
                allowed="a running desk",
                remedy="check the address; `powerdesk up` starts one",
            ) from error


class _InProcess:
    """Answers from a desk opened in this process."""

    def __init__(self, desk: Desk) -> None:
        from powerdesk.app import gateway  # noqa: PLC0415 - the web framework loads only when needed

        self._app = gateway.create(desk)

    def send(self, request: httpx.Request) -> httpx.Response:
        """Answer without a socket."""
        return asyncio.run(self._send(request))

    async def _send(self, request: httpx.Request) -> httpx.Response:
        transport = httpx.ASGITransport(app=self._app, raise_app_exceptions=True)
        async with httpx.AsyncClient(transport=transport, timeout=TIMEOUT) as client:
            response = await client.send(request)
            await response.aread()
            return response


@contextlib.contextmanager
def reach(
    *,
    data: Path | None,
    url: str | None = None,
    key: str | None = None,
    need_running: bool = False,
    reading: bool = False,
) -> Iterator[Reached]:
    """Yield the desk: remote when `url` is given, else the folder's owner, else one opened here for the moment.

    A verb that is only `reading` makes no desk where none has lived: the folder is then mistyped.
    """
    if url is not None:
        _check_address(url)
        with httpx.Client(timeout=TIMEOUT) as client:
            headers = {"Authorization": f"Bearer {key}"} if key else {}
            yield Reached(url.rstrip("/"), headers, _Network(client, url))
        return
    chosen = settings.load({} if data is None else {"data": str(data)})
    owner = ownership.find(chosen.data)
    if owner is not None:
        with httpx.Client(timeout=TIMEOUT, verify=trusted(owner)) as client:
            yield Reached(owner.url, {"Authorization": f"Bearer {owner.token}"}, _Network(client, owner.url))
        return
    if need_running:
        raise NotRunningError(
            found=f"nobody owns {chosen.data}", allowed="a running desk", remedy="start it with `powerdesk up`"
        )
    if engines.is_shared(chosen.bus.url):
        raise NotRunningError(
            found=f"nobody owns {chosen.data}, and its engines are shared with other processes",
            allowed="a running gateway",
            remedy="name the gateway's folder with --data, or its address with --url and --key",
        )
    if reading and not engines.is_lived_in(chosen):
        raise NoDeskError(
            found=f"{chosen.data.absolute()}, where no desk has been",
            allowed="the data folder of a desk",
            remedy="name it with --data or POWERDESK_DATA; `powerdesk up` makes one",
        )
    from powerdesk.app import desk as desks  # noqa: PLC0415 - engines load only when a desk opens

    with desks.opened(chosen) as desk:
        headers = {"Authorization": f"Bearer {desk.ownership.token}"}
        yield Reached(f"http://localhost:{chosen.port}", headers, _InProcess(desk), running=False)


def _check_address(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise AddressError(found=repr(url), allowed="http://HOST:PORT or https://HOST", remedy="correct --url")


def segment(text: str) -> str:
    """Return a text as one segment of a path, whatever it holds."""
    return quote(text, safe="").replace(".", "%2E") if set(text) <= {"."} else quote(text, safe="")


def trusted(owner: ownership.Owner) -> ssl.SSLContext | bool:
    """Trust exactly the certificate that the owner announced: on loopback it need not carry that name."""
    if owner.certificate is None:
        return True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(owner.certificate)
    return context


def stopped(*, data: Path | None, within_s: float) -> bool:
    """Wait until nobody owns the folder; False when somebody still does after that time."""
    chosen = settings.load({} if data is None else {"data": str(data)})
    pause = threading.Event()
    for _ in range(round(within_s / LOOK_EVERY_S)):
        if ownership.find(chosen.data) is None:
            return True
        pause.wait(LOOK_EVERY_S)
    return False
