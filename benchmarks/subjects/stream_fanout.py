"""How many messages of 200 bytes a second reach 200 clients through the desk's one port.

Ours: the hub's group, session and socket path behind the acceptor, lossless policy, clients in a process of their own.
Peer: a Starlette WebSocket route on uvicorn with the `websockets` package, same payload, same clients; it is left out
where that package is not installed (it is no dependency of the desk).
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import socket
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import picows
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
READY = b"ready"


def measure() -> Iterator[harness.Measurement]:
    """Yield the one measurement: messages per second in total."""
    has_peer = importlib.util.find_spec("websockets") is not None
    yield harness.Measurement(
        case=f"{CLIENTS} clients, {PAYLOAD_BYTES} bytes",
        values=tuple(uvloop.run(_ours()) for _ in range(RUNS)),
        unit="messages/s",
        peer="uvicorn with websockets" if has_peer else None,
        peer_values=tuple(uvloop.run(_peer()) for _ in range(RUNS)) if has_peer else (),
        target=100_000,
        higher_is_better=True,
    )


async def _timed(port: int, path: str, publish: Callable[[], Awaitable[None]]) -> float:
    """Start the clients, publish when all are ready, and return messages per second until the last has all."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, __file__, "clients", str(port), path, stdout=asyncio.subprocess.PIPE
    )
    assert child.stdout is not None
    assert (await child.stdout.readline()).strip() == READY
    began = time.perf_counter()
    await publish()
    line = await child.stdout.readline()
    took_s = time.perf_counter() - began
    assert int(line) == CLIENTS * UPDATES
    await child.wait()
    return CLIENTS * UPDATES / took_s


async def _ours() -> float:
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
                    head = len(f'{{"t":"upd","sid":"{group.spec.sid}","seq":{number},"prev":{number},"columns":}}')
                    part = json.dumps({"x": ["x" * (PAYLOAD_BYTES - head - 10)]}).encode()
                    group.take(Selected(rows=rows, parts=(part,)), position=number, told=number)
                    while not all(session.sink.writable for session in served.hub.sessions):  # noqa: ASYNC110 - paced
                        await asyncio.sleep(0.001)
                    await asyncio.sleep(0)

            rate = await _timed(served.port, "/v1/stream", publish)
        close(store)
        return rate


async def _peer() -> float:
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
    config = uvicorn.Config(app, ws="websockets", lifespan="off", log_config=None, ws_per_message_deflate=False)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[bound]))
    text = '{"t":"upd","x":"' + "x" * (PAYLOAD_BYTES - 18) + '"}'

    async def publish() -> None:
        for _ in range(UPDATES):
            for websocket in open_sockets:
                await websocket.send_text(text)

    try:
        return await _timed(bound.getsockname()[1], "/v1/stream", publish)
    finally:
        over.set()
        server.should_exit = True
        await serving


class _Counter(picows.WSListener):
    """Counts updates of all sockets of the client process."""

    got = 0
    ready = 0
    done: asyncio.Event

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        transport.send(picows.WSMsgType.TEXT, b'{"t":"hello","proto":1,"token":"all"}')
        sub = b'{"t":"sub","id":1,"channel":"test.ticks","policy":"block"}'
        transport.send(picows.WSMsgType.TEXT, sub)

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        del transport
        head = bytes(frame.get_payload_as_memoryview()[:11])
        if head == b'{"t":"upd",':
            _Counter.got += 1
            if _Counter.got == CLIENTS * UPDATES:
                _Counter.done.set()
        elif head.startswith(b'{"t":"ack"'):
            _Counter.ready += 1
            if _Counter.ready == CLIENTS:
                print(READY.decode(), flush=True)


async def _clients(port: int, path: str) -> None:
    _Counter.done = asyncio.Event()
    await asyncio.gather(*(picows.ws_connect(_Counter, f"ws://127.0.0.1:{port}{path}") for _ in range(CLIENTS)))
    await asyncio.wait_for(_Counter.done.wait(), 120)
    print(_Counter.got, flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["clients"]:
        uvloop.run(_clients(int(sys.argv[2]), sys.argv[3]))
    else:
        for found in measure():
            print(json.dumps(harness.line_of(subject=SUBJECT, measurement=found)))
