"""A real Kafka broker that dies, stalls, and hands partitions from one consumer to another."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

import psutil
import pytest

from powerdesk.app.clock import SystemClock
from powerdesk.engines.ports import faults
from powerdesk.engines.ports.bus import Outgoing
from servers import needed
from servers.kafka import Kafka
from servers.waiting import PATIENCE_S, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from powerdesk.engines.ports.bus import Bus, Consumer, Message

pytestmark = [pytest.mark.services, pytest.mark.slow]
T = TypeVar("T")
TOPIC = "made.things.v1"
STALL_S = 10.0
MEGABYTES_MAX = 200
READERS, QUESTIONS = 8, 400
FEW = 4
"""Threads that libraries may start once; a thread for each of the calls that are given up would be more."""


@pytest.fixture
def broker() -> Iterator[Kafka]:
    with needed.own(Kafka) as server:
        yield server


def opened(server: Kafka, *, timeout_s: float = 10.0) -> Bus:
    from powerdesk.engines.scaled import bus, bus_address  # noqa: PLC0415 - an extra that a laptop may lack

    address = bus_address.parse(f"{server.url}?timeout_s={timeout_s:g}&partitions=keyed:4")
    return bus.KafkaBus(address, clock=SystemClock())


def impatient(server: Kafka, *, timeout_s: float) -> Bus:
    """Return an impatient bus whose topic is there with a message: a busy machine may take longer to begin."""
    patient = opened(server, timeout_s=PATIENCE_S)
    patient.publish(TOPIC, [Outgoing("a", b"1")])
    patient.close()
    return opened(server, timeout_s=timeout_s)


class Publishing:
    """Publishes numbered messages until told to stop, each again until it is acknowledged, and counts what it met."""

    def __init__(self, bus: Bus, name: str) -> None:
        self.acknowledged: dict[str, int] = {}
        self.problems: list[faults.EngineUnavailableError] = []
        self.stop = threading.Event()
        self._bus = bus
        self._name = name
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        number = 0
        while not self.stop.is_set():
            key = f"{self._name}-{number}"
            try:
                (self.acknowledged[key],) = self._bus.publish(TOPIC, [Outgoing(key, b"x" * 1000)])
                number += 1
            except faults.EngineUnavailableError as problem:
                self.problems.append(problem)
                self.stop.wait(0.05)


def whole(bus: Bus, topic: str = TOPIC, partition: int = 0) -> list[Message]:
    """Return every message of a partition."""
    found: list[Message] = []
    while page := bus.read(topic, after=found[-1].position if found else 0, limit=1000, partition=partition):
        found += page
    return found


def proved(bus: Bus, publishers: list[Publishing]) -> None:
    """Fail unless each acknowledged message lies where its acknowledgement said, and none came twice without cause."""
    found = whole(bus)
    positions = [message.position for message in found]
    assert positions == sorted(set(positions))
    lying = {message.position: message.key for message in found}
    for publisher in publishers:
        assert publisher.acknowledged
        assert {key: lying.get(position) for key, position in publisher.acknowledged.items()} == {
            key: key for key in publisher.acknowledged
        }
    unknown = sum(isinstance(met, faults.OutcomeUnknownError) for one in publishers for met in one.problems)
    repeated = sum(count - 1 for count in Counter(message.key for message in found).values())
    assert repeated <= unknown  # only what was reported as unknown was published again


def ended(publishers: list[Publishing]) -> None:
    for publisher in publishers:
        publisher.stop.set()
    for publisher in publishers:
        publisher.thread.join(PATIENCE_S)
        assert not publisher.thread.is_alive()


def test_kill__in_mid_load_loses_and_doubles_nothing_acknowledged(broker: Kafka) -> None:
    bus = opened(broker)
    consumer = bus.consume(TOPIC, group="effects")
    effects: Counter[str] = Counter()
    done, failures = threading.Event(), []

    def consume() -> None:
        while not done.is_set():
            try:
                for message in consumer.poll(timeout_s=0.25):
                    effects[message.key] += 1
                    consumer.commit(message)
            except faults.EngineUnavailableError as problem:
                failures.append(problem)
                done.wait(0.1)

    consuming = threading.Thread(target=consume)
    consuming.start()
    publishers = [Publishing(bus, f"p{n}") for n in range(4)]
    for _ in range(2):
        before = sum(len(one.acknowledged) for one in publishers)
        until(lambda: sum(len(one.acknowledged) for one in publishers) > before + 200, what="load")  # noqa: B023 - used up within its round
        broker.kill()
        broker.start()
    before = sum(len(one.acknowledged) for one in publishers)
    until(lambda: sum(len(one.acknowledged) for one in publishers) > before + 200, what="going on by itself")
    ended(publishers)
    keys = {key for one in publishers for key in one.acknowledged}
    until(lambda: keys <= effects.keys(), what="every effect")
    done.set()
    consuming.join(PATIENCE_S)

    proved(bus, publishers)
    bus.close()


def test_down__says_so_in_time_and_comes_back_without_opening_again(broker: Kafka) -> None:
    bus = impatient(broker, timeout_s=2.0)
    consumer = until(lambda: _answer(lambda: bus.consume(TOPIC, group="g")), what="joining")
    message = consumer.poll(timeout_s=PATIENCE_S)[0]
    broker.kill()

    uses: tuple[Callable[[], object], ...] = (
        lambda: bus.publish(TOPIC, [Outgoing("b", b"2")]),
        lambda: bus.end(TOPIC),
        lambda: bus.read(TOPIC, after=0, limit=1),
        lambda: bus.committed(TOPIC, group="g"),
        lambda: bus.truncate(TOPIC, before=2),
        lambda: consumer.commit(message),
        lambda: opened(broker, timeout_s=1.0),
    )
    with ThreadPoolExecutor(len(uses)) as at_once:  # each waits for its time-out
        for begun in [at_once.submit(use) for use in uses]:
            failed = begun.exception(PATIENCE_S)
            assert isinstance(failed, faults.EngineUnavailableError)
            assert "; allowed: " in str(failed)

    broker.start()
    until(lambda: _answer(lambda: bus.publish(TOPIC, [Outgoing("c", b"3")])), what="publishing again")
    until(lambda: _answer(lambda: consumer.commit(_polled(consumer)) or True), what="committing again")
    bus.close()
    patient = opened(broker, timeout_s=PATIENCE_S)
    assert patient.committed(TOPIC, group="g") >= 1
    assert whole(patient)[0].key == "a"
    patient.close()


def _polled(consumer: Consumer) -> Message:
    """Return the next message; a member that lost its place meets what it had not committed again."""
    found = consumer.poll(timeout_s=1.0)
    if not found:
        raise faults.EngineUnavailableError(found="nothing yet", allowed="a message", remedy="poll again")
    return found[0]


def _answer(use: Callable[[], T]) -> T | None:
    try:
        return use()
    except faults.EngineUnavailableError:
        return None


def test_stall__of_ten_seconds_piles_up_neither_threads_nor_memory(broker: Kafka) -> None:
    bus = impatient(broker, timeout_s=5.0)
    publishers = [Publishing(bus, f"p{n}") for n in range(8)]
    until(lambda: all(one.acknowledged for one in publishers), what="load")
    this = psutil.Process()
    threads, megabytes = this.num_threads(), this.memory_info().rss / 1e6
    broker.pause()
    threading.Event().wait(STALL_S)
    assert this.num_threads() <= threads + FEW
    assert this.memory_info().rss / 1e6 - megabytes < MEGABYTES_MAX
    assert all(one.problems for one in publishers)
    broker.resume()
    before = sum(len(one.acknowledged) for one in publishers)
    until(lambda: sum(len(one.acknowledged) for one in publishers) > before + 100, what="going on by itself")
    ended(publishers)

    proved(bus, publishers)
    bus.close()


class Member:
    """Consumes until told to stop; what it does is keyed, so that doing it again changes nothing."""

    def __init__(self, bus: Bus, effects: dict[str, Message]) -> None:
        self.seen: list[Message] = []
        self.stop = threading.Event()
        self._bus = bus
        self._effects = effects
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        consumer = self._bus.consume("keyed", group="effects")
        while not self.stop.is_set():
            for message in consumer.poll(timeout_s=0.1, limit=20):
                self.seen.append(message)
                self._effects.setdefault(message.key, message)
                try:
                    consumer.commit(message)
                except faults.EngineUnavailableError:  # the partition moved: what is not committed comes again
                    consumer.close()
                    consumer = self._bus.consume("keyed", group="effects")
                    break
        consumer.close()

    def leave(self) -> None:
        """Stop consuming and leave the group."""
        self.stop.set()
        self.thread.join(PATIENCE_S)
        assert not self.thread.is_alive()


def test_rebalance__of_two_consumers_does_each_effect_once_by_its_key(broker: Kafka) -> None:
    bus, keys = opened(broker), [f"key-{n}" for n in range(4000)]
    effects: dict[str, Message] = {}
    members = [Member(bus, effects)]

    def heard_by_the_second() -> bool:
        """Publish one more, so that there is something for whoever has joined."""
        keys.append(f"key-{len(keys)}")
        bus.publish("keyed", [Outgoing(keys[-1], b"")])
        return bool(members[1].seen)

    for start in range(0, 4000, 100):
        bus.publish("keyed", [Outgoing(key, b"") for key in keys[start : start + 100]])
        if start == 1000:
            until(lambda: len({found.partition for found in members[0].seen}) == 4, what="reading all alone")
            members.append(Member(bus, effects))
            until(heard_by_the_second, what="the second member's first message")
        if start == 2000:
            members[0].leave()
            members.append(Member(bus, effects))
    until(lambda: len(effects) == len(keys), what="every effect")
    for member in members:
        member.leave()

    lying = {(found.partition, found.position): found.key for part in range(4) for found in whole(bus, "keyed", part)}
    assert len(lying) == len(keys)
    assert {key: (found.partition, found.position) for key, found in effects.items()} == {
        key: place for place, key in lying.items()
    }
    assert all(member.seen for member in members)
    bus.close()
