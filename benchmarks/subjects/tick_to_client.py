"""How long a price takes from the call that publishes it to a client that has it.

Durable write, projection, read, encoding, socket, up to the last byte in the client, which decodes no more than the
head: twenty subscribers share one process here and have one each in life.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import picows
import uvloop

sys.path.insert(0, str(Path(__file__).parents[1]))
import harness

sys.path[:0] = [str(Path(__file__).parents[2] / "tests" / "unit" / part) for part in ("delivery/stream", "store")]

if TYPE_CHECKING:
    from collections.abc import Iterator

SUBJECT = "tick_to_client"
CLIENTS = 20
RUNS = 15
READY = b"ready"
_NUMBERS = re.compile(rb'{"t":"upd","sid":"[^"]*","seq":([0-9]+),"prev":([0-9]+)')
CASES = {"1 location": 1, "60 locations": 60, "18500 locations": 18_500}


def measure() -> Iterator[harness.Measurement]:
    """Yield, per size of an interval: each tick's p95 over subscribers, in all and after the rows were readable."""
    for case, locations in CASES.items():
        whole, after_write = uvloop.run(_run(locations))
        size = f"p95 of {CLIENTS} subscribers, {case}"
        yield harness.Measurement(case=f"{size}, publish to client", values=whole, unit="ms")
        yield harness.Measurement(case=f"{size}, readable to client", values=after_write, unit="ms", target=100.0)


async def _run(locations: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    from store_cases import batch, row  # noqa: PLC0415 - the clients need none of it
    from stream_cases import Counting, desk  # noqa: PLC0415 - the clients need none of it

    ids = Counting()
    with tempfile.TemporaryDirectory() as folder:
        async with desk(Path(folder), send_bytes=None) as served:
            child = await asyncio.create_subprocess_exec(
                sys.executable, __file__, "clients", str(served.port),
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=2**20,
            )  # fmt: skip
            assert child.stdout is not None
            assert child.stdin is not None
            assert (await child.stdout.readline()).strip() == READY
            whole, after_write = [], []
            for run in range(RUNS + 3):
                where = [f"AAA:{ids.new('n') if locations == 1 else number}" for number in range(locations)]
                rows = batch(*(row(run, float(n % 90), location=each) for n, each in enumerate(where)))
                began = time.perf_counter()
                commit = await served.put(rows)
                readable = time.perf_counter()
                heard = json.loads(await asyncio.wait_for(child.stdout.readline(), 30))
                assert heard["seq"] == commit
                if run >= 3:
                    last = float(np.percentile(heard["at"], 95))
                    whole.append((last - began) * 1000)
                    after_write.append(max(0.0, last - readable) * 1000)
            child.stdin.close()
            await child.wait()
    return tuple(whole), tuple(after_write)


class _Subscriber(picows.WSListener):
    """Notes when each commit has come whole."""

    ready = 0
    heard: dict[int, list[float]] = {}  # noqa: RUF012 - one process-wide table

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        transport.send(picows.WSMsgType.TEXT, b'{"t":"hello","proto":1,"token":"all"}')
        transport.send(picows.WSMsgType.TEXT, b'{"t":"sub","id":1,"channel":"test.ticks"}')

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        del transport
        head = bytes(frame.get_payload_as_memoryview()[:120])
        if head.startswith(b'{"t":"ack"'):
            _Subscriber.ready += 1
            if _Subscriber.ready == CLIENTS:
                print(READY.decode(), flush=True)
        elif (found := _NUMBERS.match(head)) and found[1] != found[2]:
            at = _Subscriber.heard.setdefault(int(found[1]), [])
            at.append(time.perf_counter())  # CLOCK_MONOTONIC on Linux: the same clock in both processes
            if len(at) == CLIENTS:
                print(json.dumps({"seq": int(found[1]), "at": at}), flush=True)


async def _clients(port: int) -> None:
    await asyncio.gather(*(picows.ws_connect(_Subscriber, f"ws://127.0.0.1:{port}/v1/stream") for _ in range(CLIENTS)))
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    if sys.argv[1:2] == ["clients"]:
        uvloop.run(_clients(int(sys.argv[2])))
    else:
        for found in measure():
            print(json.dumps(harness.line_of(subject=SUBJECT, measurement=found)))
