"""Messages of 100 bytes to and from a real Kafka broker on this machine, by the Bus port and by the raw client.

Produced: acknowledged by the broker, batches of 1 000 from 4 threads. Consumed: by a group that commits each page.
Peer: confluent-kafka alone with the same acknowledgements, all messages queued at once, and consumed in pages of 1 000
with a commit after each.
"""

from __future__ import annotations

import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from confluent_kafka import Consumer, Producer

from harness import Measurement
from powerdesk.app.clock import SystemClock
from powerdesk.engines.ports.bus import Outgoing
from powerdesk.engines.scaled import bus_address
from powerdesk.engines.scaled.bus import KafkaBus
from servers.kafka import Kafka

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SUBJECT = "bus_kafka"
RUNS = 5
BATCH, THREADS, BATCHES = 1_000, 4, 50
COUNT = BATCH * THREADS * BATCHES
VALUE = b"x" * 100
TARGET = 80_000
WAIT_S = 30.0


def per_second(work: Callable[[int], None], *, count: int) -> tuple[float, ...]:
    """Return the rates of several runs, each told its number."""
    rates = []
    for run in range(RUNS):
        began = time.perf_counter()
        work(run)
        rates.append(count / (time.perf_counter() - began))
    return tuple(rates)


def figure(case: str, ours: tuple[float, ...], peer: tuple[float, ...], *, target: float | None) -> Measurement:
    """Return the rates of one case; ratio is ours / peer, so above 1 means we are faster."""
    return Measurement(
        case=case,
        values=ours,
        unit="messages/s",
        peer="confluent-kafka alone",
        peer_values=peer,
        target=target,
        higher_is_better=True,
    )


def published(bus: KafkaBus, topic: str) -> None:
    """Publish COUNT messages from THREADS threads."""
    batch = [Outgoing(f"key-{n}", VALUE) for n in range(BATCH)]

    def some() -> None:
        for _ in range(BATCHES):
            bus.publish(topic, batch)

    threads = [threading.Thread(target=some) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def consumed(bus: KafkaBus, topic: str, group: str) -> None:
    """Consume COUNT messages, committing after each page."""
    member, seen = bus.consume(topic, group=group), 0
    while seen < COUNT:
        page = member.poll(timeout_s=WAIT_S, limit=BATCH)
        member.commit(page[-1])
        seen += len(page)
    member.close()


def raw_published(servers: str, topic: str) -> None:
    """Do the same by the client alone."""
    failed: list[object] = []
    producer = Producer({"bootstrap.servers": servers, "enable.idempotence": True, "linger.ms": 1})
    for number in range(COUNT):
        while True:
            try:
                producer.produce(topic, VALUE, f"key-{number % BATCH}", on_delivery=lambda e, _: e and failed.append(e))
                break
            except BufferError:
                producer.poll(0.01)
    assert producer.flush(WAIT_S) == 0
    assert not failed


def raw_consumed(servers: str, topic: str, group: str) -> None:
    """Do the same by the client alone."""
    settings = {"enable.auto.commit": False, "auto.offset.reset": "earliest"}
    consumer = Consumer({"bootstrap.servers": servers, "group.id": group, **settings})
    consumer.subscribe([topic])
    seen = 0
    while seen < COUNT:
        page = consumer.consume(BATCH, 1.0)
        if page:
            consumer.commit(page[-1], asynchronous=False)
        seen += len(page)
    consumer.close()


def one_by_one(bus: KafkaBus, topic: str, times: int) -> None:
    """Publish single messages from THREADS threads."""

    def some() -> None:
        for _ in range(times):
            bus.publish(topic, [Outgoing("k", VALUE)])

    threads = [threading.Thread(target=some) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def measure() -> Iterator[Measurement]:
    """Yield the figures of every case."""
    with tempfile.TemporaryDirectory() as folder:
        server = Kafka(Path(folder), java=())
        server.start()
        bus = KafkaBus(bus_address.parse(server.url), clock=SystemClock())
        try:
            yield from cases(bus, server.servers)
        finally:
            bus.close()
            server.stop()


def cases(bus: KafkaBus, servers: str) -> Iterator[Measurement]:
    """Yield the figures against a running broker."""
    for topic in ("warm", "ours", "raw", "single"):
        bus.end(topic)
    published(bus, "warm")
    ours = per_second(lambda _: published(bus, "ours"), count=COUNT)
    peer = per_second(lambda _: raw_published(servers, "raw"), count=COUNT)
    yield figure(f"produced, batches of {BATCH} from {THREADS} threads", ours, peer, target=TARGET)
    ours = per_second(lambda run: consumed(bus, "warm", f"ours-{run}"), count=COUNT)
    peer = per_second(lambda run: raw_consumed(servers, "warm", f"raw-{run}"), count=COUNT)
    yield figure(f"consumed, a commit every {BATCH}", ours, peer, target=TARGET)
    ours = per_second(lambda _: one_by_one(bus, "single", 250), count=THREADS * 250)
    yield figure(f"single messages from {THREADS} threads", ours, (), target=None)
