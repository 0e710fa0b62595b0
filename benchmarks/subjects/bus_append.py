"""Durable publishing to the embedded bus: batches of 1 000 small messages, and single messages from 8 threads.

Peer: the same bytes written and flushed by plain file calls, one flush per publish, as one writes by hand.
"""

from __future__ import annotations

import os
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from harness import Measurement
from powerdesk.app.clock import SystemClock
from powerdesk.engines.embedded import files
from powerdesk.engines.embedded.bus import LogBus
from powerdesk.engines.ports.bus import Outgoing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SUBJECT = "bus_append"
RUNS = 5
BATCH, BATCHES = 1_000, 100
THREADS, SINGLES = 8, 250
VALUE = b"x" * 100


def per_second(count: int, work: Callable[[], None]) -> tuple[float, ...]:
    """Return the rates of several runs."""
    rates = []
    for _ in range(RUNS):
        began = time.perf_counter()
        work()
        rates.append(count / (time.perf_counter() - began))
    return tuple(rates)


def in_threads(work: Callable[[], None]) -> None:
    """Run `work` in THREADS threads and wait for all."""
    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def figure(case: str, ours: tuple[float, ...], peer: tuple[float, ...], target: float) -> Measurement:
    """Return the rates of one case; ratio is ours / peer, so above 1 means we are faster."""
    return Measurement(
        case=case,
        values=ours,
        unit="messages/s",
        peer="plain file, one flush per publish",
        peer_values=peer,
        target=target,
        higher_is_better=True,
    )


def measure() -> Iterator[Measurement]:
    """Yield the figures of every case."""
    batch = [Outgoing(f"key-{n}", VALUE, {"kind": "made"}) for n in range(BATCH)]
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "peer").open("wb", buffering=0) as file:
        bus, lock = LogBus(Path(folder) / "bus", clock=SystemClock()), threading.Lock()

        def by_hand(data: bytes, times: int) -> None:
            for _ in range(times):
                with lock:
                    os.write(file.fileno(), data)
                    files.flush_data(file.fileno())

        def batches() -> None:
            for _ in range(BATCHES):
                bus.publish("batches", batch)

        def singles() -> None:
            for _ in range(SINGLES):
                bus.publish("singles", batch[:1])

        ours = per_second(BATCH * BATCHES, batches)
        peer = per_second(BATCH * BATCHES, lambda: by_hand(VALUE * BATCH, BATCHES))
        yield figure(f"batches of {BATCH}", ours, peer, 100_000)
        ours = per_second(THREADS * SINGLES, lambda: in_threads(singles))
        peer = per_second(THREADS * SINGLES, lambda: in_threads(lambda: by_hand(VALUE, SINGLES)))
        yield figure(f"single messages from {THREADS} threads", ours, peer, 1_000)
        bus.close()
