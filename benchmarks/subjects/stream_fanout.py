"""How many messages of 200 bytes a second reach 200 clients through the desk's one port, and what each costs.

Ours: the hub's group, session and socket path behind the acceptor, lossless policy, every update a message of its own.
Peer: a Starlette WebSocket route on uvicorn with the `websockets` package, same payload, same clients; it is left out
where that package is not installed (it is no dependency of the desk). The clients are plain sockets in a process of
their own that count frames by header and size, so that they take little of the machine. CPU time is of the server
process alone: it says what a message costs where other work disturbs the clock.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import selectors
import socket
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import uvloop

sys.path.insert(0, str(Path(__file__).parents[1]))
import harness

sys.path[:0] = [str(Path(__file__).parents[2] / "tests" / "unit" / part) for part in ("delivery/stream", "store")]

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

SUBJECT = "stream_fanout"
CLIENTS = 200
UPDATES = 2_000
PAYLOAD_BYTES = 200
RUNS = 5
PATIENCE_S = 120.0
PACED_UPDATES = 16
READ_BYTES = 256 * 1024
HEADER = b"\x81\x7e" + PAYLOAD_BYTES.to_bytes(2)
UPDATE = HEADER + b'{"t":"upd",'
"""How each update begins on the wire; nothing else there contains it."""


@dataclass(frozen=True, slots=True)
class Run:
    """Messages a second by the clock, and microseconds of CPU that each took of the serving process."""

    rate: float
    cpu_us: float


def measure() -> Iterator[harness.Measurement]:
    """Yield messages per second in total, and CPU per message."""
    ours = [uvloop.run(_ours()) for _ in range(RUNS)]
    has_peer = importlib.util.find_spec("websockets") is not None
    theirs = [uvloop.run(_peer()) for _ in range(RUNS)] if has_peer else []
    peer = "uvicorn with websockets-sansio" if has_peer else None
    case = f"{CLIENTS} clients, {PAYLOAD_BYTES} bytes"
    yield harness.Measurement(
        case=case,
        values=tuple(run.rate for run in ours),
        unit="messages/s",
        peer=peer,
        peer_values=tuple(run.rate for run in theirs),
        target=100_000,
        higher_is_better=True,
    )
    yield harness.Measurement(
        case=f"{case}, CPU of the server",
        values=tuple(run.cpu_us for run in ours),
        unit="us/message",
        peer=peer,
        peer_values=tuple(run.cpu_us for run in theirs),
    )


async def _timed(port: int, publish: Callable[[], Awaitable[None]]) -> Run:
    """Start the clients, publish when all are ready, and stop the clock when the last of them has all."""
    arguments = ("clients", str(port), str(UPDATES))
    child = await asyncio.create_subprocess_exec(sys.executable, __file__, *arguments, stdout=asyncio.subprocess.PIPE)
    assert child.stdout is not None
    assert (await child.stdout.readline()).strip() == b"ready"
    began, cpu_began_s = time.perf_counter(), time.process_time()
    await publish()
    line = await child.stdout.readline()
    took_s, cpu_s = time.perf_counter() - began, time.process_time() - cpu_began_s
    count = CLIENTS * UPDATES
    assert json.loads(line) == {"updates": count}
    await child.wait()
    return Run(rate=count / took_s, cpu_us=cpu_s / count * 1e6)


async def _ours() -> Run:
    from stream_cases import TICKS, HandClock, close, open_store, serving  # noqa: PLC0415 - the clients need none of it

    from powerdesk.delivery.stream.hub import HubLimits  # noqa: PLC0415 - the clients need none of it
    from powerdesk.delivery.stream.reading import Selected  # noqa: PLC0415 - the clients need none of it

    with tempfile.TemporaryDirectory() as folder:
        clock = HandClock()
        store = open_store(Path(folder), clock)
        limits = HubLimits(sockets_per_principal=CLIENTS, queue_bytes=64 * 1024 * 1024)
        async with serving(store, clock, limits=limits, send_bytes=None) as served:

            async def publish() -> None:
                (group,) = served.hub._channels[TICKS.id].groups.values()  # noqa: SLF001 - measures beneath the reads
                rows = pa.table({"market": ["AAA"]})
                for number in range(1, UPDATES + 1):
                    head = len(f'{{"t":"upd","sid":"{group.spec.sid}","seq":{number},"prev":{number - 1},"columns":}}')
                    part = json.dumps({"x": ["x" * (PAYLOAD_BYTES - head - 11)]}).encode()
                    group.take(Selected(rows=rows, parts=(part,)), position=number, told=number)
                    if number % PACED_UPDATES == 0:
                        while not all(each.sink.writable for each in served.hub.sessions):  # noqa: ASYNC110 - the sinks have no event to wait on
                            await asyncio.sleep(0.001)
                    await asyncio.sleep(0)

            run = await _timed(served.port, publish)
        close(store)
        return run


async def _peer() -> Run:
    import uvicorn  # noqa: PLC0415 - only the peer needs it
    from starlette.applications import Starlette  # noqa: PLC0415 - only the peer needs it
    from starlette.routing import WebSocketRoute  # noqa: PLC0415 - only the peer needs it

    open_sockets: list[Any] = []
    over = asyncio.Event()

    async def route(websocket: Any) -> None:
        await websocket.accept()
        await websocket.receive_text()
        await websocket.receive_text()
        await websocket.send_text('{"t":"ack"}')
        open_sockets.append(websocket)
        await over.wait()

    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    app = Starlette(routes=[WebSocketRoute("/v1/stream", route)])
    config = uvicorn.Config(app, ws="websockets-sansio", lifespan="off", log_config=None, ws_per_message_deflate=False)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[bound]))
    text = '{"t":"upd","x":"' + "x" * (PAYLOAD_BYTES - 18) + '"}'

    async def publish() -> None:
        for _ in range(UPDATES):
            for websocket in open_sockets:
                await websocket.send_text(text)

    try:
        return await _timed(bound.getsockname()[1], publish)
    finally:
        over.set()
        server.should_exit = True
        await serving


@dataclass
class _Client:
    """One socket and the updates that came by it."""

    socket: socket.socket
    updates: int = 0
    ready: bool = False
    last: bytes = b""
    """The last update, as far as it came."""
    _rest: bytes = b""

    @property
    def done(self) -> bool:
        """Tell whether the last update is here to its last byte."""
        return len(self.last) >= len(HEADER) + PAYLOAD_BYTES

    def take(self) -> None:
        """Read what came and count the updates in it."""
        came = self.socket.recv(READ_BYTES)
        assert came, "the server closed"
        data = self._rest + came
        self.updates += data.count(UPDATE)
        if self.last:
            self.last += came
        elif self.updates == UPDATES:
            self.last = data[data.rfind(UPDATE) :]
        self.ready = self.ready or b'{"t":"ack"' in data
        self._rest = data[-len(UPDATE) + 1 :]

    def check(self) -> None:
        """Assert that all updates came and the last of them is the last that was sent."""
        last = json.loads(self.last[len(HEADER) : len(HEADER) + PAYLOAD_BYTES])
        assert (self.updates, last.get("seq", UPDATES)) == (UPDATES, UPDATES)


def _connected(port: int) -> _Client:
    """Return a client that has said hello and subscribed."""
    found = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
    found.sendall(
        b"GET /v1/stream HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += found.recv(1)
    assert answer.startswith(b"HTTP/1.1 101"), answer
    for text in (
        b'{"t":"hello","proto":1,"token":"all"}',
        b'{"t":"sub","id":1,"channel":"test.ticks","policy":"block"}',
    ):
        found.sendall(bytes((0x81, 0x80 | len(text), 0, 0, 0, 0)) + text)  # a mask of zeros changes nothing
    return _Client(found)


def _clients(port: int) -> None:
    """Connect, say when all are subscribed, and say how many updates came when each client has all."""
    clients = [_connected(port) for _ in range(CLIENTS)]
    waiting = selectors.DefaultSelector()
    for client in clients:
        waiting.register(client.socket, selectors.EVENT_READ, client)
    over_s = time.monotonic() + PATIENCE_S
    told = False
    while not all(client.done for client in clients):
        assert time.monotonic() < over_s, "the updates did not come in time"
        for key, _ in waiting.select(1.0):
            key.data.take()
        if not told and all(client.ready for client in clients):
            told = True
            print("ready", flush=True)
        elif told:
            time.sleep(0.002)  # fewer and larger reads
    for client in clients:
        client.check()
    print(json.dumps({"updates": sum(client.updates for client in clients)}), flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["clients"]:
        UPDATES = int(sys.argv[3])
        _clients(int(sys.argv[2]))
    else:
        for found in measure():
            print(json.dumps(harness.line_of(subject=SUBJECT, measurement=found)))
