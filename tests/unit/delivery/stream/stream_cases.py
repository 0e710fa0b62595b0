"""A desk that streams, on a loopback port, and a client that keeps a table from what it is sent."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import itertools
import socket  # noqa: TID251 - the loopback server of these tests
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec
import picows
import uvloop
from desk_cases import HandClock, catch_up, close, put
from schema_cases import Described
from store_cases import PRICES

from powerdesk.access.types import Channel, Entitlement, Grants, Principal, PrincipalKind
from powerdesk.app.acceptor import Acceptor, AcceptorLimits
from powerdesk.delivery.stream import asyncapi, server
from powerdesk.delivery.stream.hub import Hub, HubLimits
from powerdesk.engines.embedded import bus, objects, records, tables
from powerdesk.kernel import problem
from powerdesk.store import operations, queries
from powerdesk.store.dataset import Licence
from powerdesk.store.progress import Progress
from powerdesk.store.queries import Asker
from powerdesk.store.types import Request
from servers.waiting import PATIENCE_S

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
    from pathlib import Path

    from powerdesk.access.types import Missing
    from powerdesk.delivery.stream.gate import Credential
    from powerdesk.store.queries import Store

TICKS = dataclasses.replace(
    PRICES,
    id="test.ticks",
    licences=(
        Licence("test", "AAA", "made up", redistribute=True, derive=True, attribution="nobody"),
        Licence("test", "BBB", "made up", redistribute=True, derive=True, attribution="nobody"),
        Licence("better", "BBB", "made up", redistribute=True, derive=True, attribution="nobody"),
    ),
    sources=("better", "test"),
)
EVERYBODY = "all"
DESCRIBED = Described(asyncapi.document({TICKS.id: TICKS}), dataset=TICKS.id)
"""What every message that a test hears is held to."""
Message = dict[str, Any]


class UnknownTokenError(problem.Problem):
    """The token names nobody."""

    status = 401
    slug = "sign-in-required"
    title = "Sign in first"


class Doorkeeper:
    """Knows askers by token; grants can be changed and tokens ended while sockets are open."""

    def __init__(self) -> None:
        self.askers: dict[str, Asker] = {"all": asker("all", "*")}
        self.reads: list[tuple[str, str, int]] = []
        self.denials: list[tuple[Missing, ...]] = []
        self.spent: list[tuple[str, str, int]] = []
        self._callbacks: list[Callable[[], None]] = []

    def known_host(self, host: str) -> bool:
        """Tell whether the host is loopback."""
        return host.partition(":")[0] in ("127.0.0.1", "localhost")

    def admit(self, credential: Credential) -> Asker:
        """Look the token up."""
        token = credential.bearer or (credential.cookie or "").removeprefix("pd_session=")
        if token not in self.askers:
            raise UnknownTokenError(found="an unknown token", allowed="one that was issued", remedy="sign in")
        return self.askers[token]

    def renew(self, given: Asker) -> Asker:
        """Look the session up."""
        for known in self.askers.values():
            if known.principal.session == given.principal.session:
                return known
        raise UnknownTokenError(found="an ended credential", allowed="one in force", remedy="sign in again")

    def on_change(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Remember the callback."""
        self._callbacks.append(callback)
        return lambda: self._callbacks.remove(callback)

    def afford(self, given: Asker, *, product: str) -> None:
        """Let everybody in; these tests have no rate."""

    def spend(self, given: Asker, *, product: str, rows: int) -> None:
        """Remember the call; these tests have no rate."""
        self.spent.append((given.principal.id, product, rows))

    def note_read(self, given: Asker, *, what: str, rows: int) -> None:
        """Remember the read."""
        self.reads.append((given.principal.id, what, rows))

    def note_denial(self, given: Asker, *, what: str, missing: Sequence[Missing]) -> None:
        """Remember the denial."""
        del given, what
        self.denials.append(tuple(missing))

    def set(self, token: str, given: Asker | None) -> None:
        """Change what a token is worth and tell those who listen."""
        if given is None:
            del self.askers[token]
        else:
            self.askers[token] = given
        for callback in tuple(self._callbacks):
            callback()


def asker(name: str, *markets: str, channel: Channel = Channel.STREAM, valid_to: Any = None) -> Asker:
    """Return a key's asker granted these markets ('*' for all)."""
    lines = tuple(Entitlement(market, "*", "*", valid_to=valid_to) for market in markets)
    kind = PrincipalKind.USER if channel is Channel.HUB else PrincipalKind.KEY
    principal = Principal(
        id=name,
        kind=kind,
        tenant="t",
        name=name,
        channels=frozenset(Channel),
        grants=Grants(version=1, entitlements=lines),
        session=name,
    )
    return Asker(principal=principal, channel=channel)


class Counting:
    """Ids that count."""

    def __init__(self) -> None:
        self._number = itertools.count(1)

    def new(self, prefix: str) -> str:
        """Return the next id."""
        return f"{prefix}_{next(self._number)}"


@dataclass
class Desk:
    """A store, its hub, and the port they are served on."""

    store: Store
    clock: HandClock
    gate: Doorkeeper
    hub: Hub
    acceptor: Acceptor
    port: int
    batches: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def url(self) -> str:
        """The stream's address."""
        return f"ws://127.0.0.1:{self.port}/v1/stream"

    async def put(self, rows: Any, *, source: str = "test") -> int:
        """Accept and project rows on another thread; return their commit."""
        batch_id = f"batch-{next(self.batches)}-{source}"
        work = lambda: put(self.store, rows, batch_id=batch_id, dataset=TICKS, source=source)  # noqa: E731 - one expression, used in the lines below only
        return (await asyncio.get_running_loop().run_in_executor(None, work)).commit

    def table(self, *, within: Mapping[str, tuple[str, ...]] | None = None) -> dict[tuple[str, ...], float | None]:
        """Return what the server holds to be in force now: price by (location, interval_start)."""
        cut = queries.snapshot(self.store, as_of=self.clock.now(), commit=queries.accepted(self.store))
        request = Request(dataset=TICKS.id, within=within or {})
        rows = queries.rows(self.store, operations.HOUSE, request=request, cut=cut).rows.to_pylist()
        return {
            (row["location"], row["interval_start"].strftime("%Y-%m-%dT%H:%M:%SZ")): row["price_per_mwh"]
            for row in rows
        }


async def tiny_app(scope: Any, receive: Any, send: Any) -> None:
    """Answer any request with its path and the length of its body, /large with 8 MiB."""
    length, more = 0, True
    while more:
        message = await receive()
        length += len(message.get("body", b""))
        more = message.get("more_body", False)
    body = bytes(2**23) if scope["path"] == "/large" else f"{scope['method']} {scope['path']} {length}".encode()
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def listening(*, send_bytes: int | None = None) -> socket.socket:
    """Return a bound loopback socket on a free port, whose connections have that much kernel buffer."""
    found = socket.socket()
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if send_bytes is not None:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_bytes)
    found.bind(("127.0.0.1", 0))
    return found


def open_store(folder: Path, clock: HandClock) -> Store:
    """Open a store of ticks on the embedded engines; nothing in it needs Records."""
    blobs = objects.LocalObjects(folder / "objects")
    store = queries.Store(
        tables=tables.DuckTables(folder / "hot.duckdb", blobs),
        bus=bus.LogBus(folder / "bus", clock=clock),
        records=records.SqliteRecords(folder / "records.sqlite", clock=clock, migrations=folder),
        objects=blobs,
        clock=clock,
        progress=Progress(),
        datasets={TICKS.id: TICKS},
        calculations={},
        dependencies=lambda: "lock",
    )
    operations.define(store)
    catch_up(store)
    return store


@contextlib.asynccontextmanager
async def serving(
    store: Store,
    clock: HandClock,
    *,
    gate: Doorkeeper | None = None,
    limits: HubLimits | None = None,
    port_limits: AcceptorLimits | None = None,
    pause: Any = asyncio.sleep,
    send_bytes: int | None = 16 * 1024,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Desk]:
    """Serve a store on a loopback port."""
    keeper = gate or Doorkeeper()
    hub = Hub(store=store, gate=keeper, epoch="folder-1", ids=Counting(), limits=limits, pause=pause)
    await hub.start()
    bound = listening(send_bytes=send_bytes)
    acceptor = Acceptor(
        sockets=[bound],
        asgi_app=tiny_app,
        stream_factory=server.protocol_factory(hub),
        stop_stream=hub.stop,
        tls=tls,
        limits=port_limits,
    )
    await acceptor.start()
    try:
        yield Desk(store, clock, keeper, hub, acceptor, bound.getsockname()[1])
    finally:
        await acceptor.stop()


@contextlib.asynccontextmanager
async def desk(folder: Path, **options: Any) -> AsyncIterator[Desk]:
    """Open a store in a folder and serve it."""
    clock = HandClock()
    store = open_store(folder, clock)
    try:
        async with serving(store, clock, **options) as served:
            yield served
    finally:
        close(store)


class _Ear(picows.WSListener):
    def __init__(self, queue: asyncio.Queue[Message]) -> None:
        super().__init__()
        self.queue = queue
        self.closed: int | None = None

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        if frame.msg_type == picows.WSMsgType.TEXT:
            self.queue.put_nowait(msgspec.json.decode(frame.get_payload_as_bytes()))
        elif frame.msg_type == picows.WSMsgType.CLOSE:
            self.closed = int(frame.get_close_code())
            transport.send_close(frame.get_close_code())
            transport.disconnect()

    def on_ws_disconnected(self, transport: picows.WSTransport) -> None:
        del transport
        self.queue.put_nowait({"t": "closed", "code": self.closed})


class Client:
    """A socket, the messages it got, and the table it keeps per subscription."""

    def __init__(self, transport: picows.WSTransport, ear: _Ear) -> None:
        self.transport = transport
        self.ear = ear
        self.seq: dict[str, int] = {}
        self.tables: dict[str, dict[tuple[str, ...], float | None]] = {}
        self.resume: str | None = None
        self.faults: list[str] = []
        self.updates = 0
        self.denied: list[Message] = []

    def send(self, message: Message | bytes) -> None:
        """Send a message, or bytes as they are."""
        data = message if isinstance(message, bytes) else msgspec.json.encode(message)
        self.transport.send(picows.WSMsgType.TEXT, data)

    async def hear(self) -> Message:
        """Return the next message, applied to the tables."""
        message = await asyncio.wait_for(self.ear.queue.get(), PATIENCE_S)
        self.apply(message)
        return message

    async def until(self, *kinds: str) -> Message:
        """Return the next message of one of the kinds."""
        while True:
            message = await self.hear()
            if message["t"] in kinds:
                return message
            if message["t"] in ("closed", "err"):
                raise AssertionError(f"waited for {kinds}, got {message}")

    def apply(self, message: Message) -> None:
        """Do what every client must: check the sequence, replace by snapshots, overwrite by updates."""
        if message["t"] != "closed":
            DESCRIBED.check(message)
        sid = message.get("sid", "")
        if message["t"] == "ack":
            self.seq[sid] = message["seq"]
            self.tables.setdefault(sid, {})
            self.denied = message["denied"]
        elif message["t"] == "snap":
            self._overwrite(sid, message["columns"])
            self.seq[sid] = message["seq"]
        elif message["t"] == "gap":
            self.resume = None  # what was kept is void; so is the token, until a snapshot is complete
            self.tables[sid].clear()
            self.seq[sid] = message["to"]
        elif message["t"] == "upd":
            self.updates += 1
            if self.seq[sid] != message["prev"]:
                self.faults.append(f"{sid}: prev {message['prev']} after {self.seq[sid]}")
            self.seq[sid] = message["seq"]
            self._overwrite(sid, message["columns"])
        if message.get("resume"):
            self.resume = message["resume"]

    def _overwrite(self, sid: str, columns: dict[str, list[Any]]) -> None:
        keys = zip(columns["location"], columns["interval_start"], strict=True)
        self.tables[sid].update(zip(keys, columns["price_per_mwh"], strict=True))

    async def close(self) -> None:
        """Vanish."""
        self.transport.disconnect(graceful=False)
        await self.transport.wait_disconnected()


async def dial(url: str, *, headers: Mapping[str, str] | None = None, tls: ssl.SSLContext | None = None) -> Client:
    """Connect without saying hello."""
    queue: asyncio.Queue[Message] = asyncio.Queue()
    transport, ear = await picows.ws_connect(
        lambda: _Ear(queue), url, extra_headers=headers, socket_factory=_narrow, ssl_context=tls
    )
    return Client(transport, ear)


def _narrow(where: Any) -> socket.socket:
    """Return a socket whose kernel buffer is small, so that a slow reader is noticed soon."""
    del where
    found = socket.socket()
    found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
    return found


async def connect(served: Desk, *, token: str = EVERYBODY, resume: str | None = None) -> Client:
    """Connect and say hello."""
    client = await dial(served.url)
    client.send({"t": "hello", "proto": 1, "token": token, **({} if resume is None else {"resume": resume})})
    welcome = await client.hear()
    assert welcome["t"] == "welcome", welcome
    return client


async def subscribe(client: Client, **options: Any) -> Message:
    """Subscribe and return the ack (or the err)."""
    client.send({"t": "sub", "id": 7, "channel": TICKS.id, **options})
    while True:
        message = await client.hear()
        if message["t"] in ("ack", "err"):
            return message


def run(work: Coroutine[Any, Any, None], *, fast: bool = True) -> None:
    """Run to the end on uvloop, or on plain asyncio."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop if fast else asyncio.new_event_loop) as runner:
        runner.run(work)
