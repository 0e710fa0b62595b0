"""What every Bus engine must do."""

from __future__ import annotations

import zlib
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event
from typing import TYPE_CHECKING

import pytest

from powerdesk.app.clock import SystemClock
from powerdesk.engines import consuming
from powerdesk.engines.embedded.bus import LogBus
from powerdesk.engines.ports import faults
from powerdesk.engines.ports.bus import Bus, Consumer, Message, Outgoing
from servers import needed
from servers.kafka import Kafka
from servers.waiting import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

TOPIC = "made.things.v1"


def on_log(place: Path) -> Bus:
    """Open the bus in a folder."""
    return LogBus(place, clock=SystemClock())


def on_kafka(place: Path) -> Bus:
    """Open a bus on the session's cluster; the place of a test gives it topics of its own."""
    from powerdesk.engines.scaled import bus, bus_address  # noqa: PLC0415 - an extra that a laptop may lack

    prefix = f"{zlib.crc32(str(place).encode()):08x}."
    address = bus_address.parse(f"{needed.needed(Kafka).url}?prefix={prefix}&partitions=keyed:3")
    return bus.KafkaBus(address, clock=SystemClock())


ADAPTERS: dict[str, Callable[[Path], Bus]] = {
    "log": lambda place: LogBus(place, clock=SystemClock()),
    "kafka": on_kafka,
}
"""Add an engine here and the whole suite runs against it. Opening the same place again must find the same messages."""
ENGINES = ("log", pytest.param("kafka", marks=pytest.mark.services))


@pytest.fixture(params=ENGINES)
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Bus]]:
    buses: list[Bus] = []

    def open_bus() -> Bus:
        buses.append(ADAPTERS[request.param](tmp_path / "bus"))
        return buses[-1]

    yield open_bus
    for bus in buses:
        bus.close()


@pytest.fixture
def bus(opened: Callable[[], Bus]) -> Bus:
    return opened()


def messages(*values: str) -> list[Outgoing]:
    return [Outgoing(key=value[:1], value=value.encode(), headers={"n": value}) for value in values]


def values(found: tuple[Message, ...]) -> list[str]:
    return [message.value.decode() for message in found]


def polled(consumer: Consumer, count: int) -> list[str]:
    """Return the values of the next messages, in as many polls as the engine takes to hand out `count`."""
    found: list[str] = []
    while len(found) < count and (some := consumer.poll(timeout_s=PATIENCE_S, limit=count - len(found))):
        found += values(some)
    return found


def test_publish__gives_positions_from_one_without_gap(bus: Bus) -> None:
    assert bus.end(TOPIC) == 0
    assert bus.publish(TOPIC, messages("a", "b")) == (1, 2)
    assert bus.publish(TOPIC, messages("c")) == (3,)
    assert bus.publish(TOPIC, []) == ()
    assert bus.end(TOPIC) == 3
    assert bus.begin(TOPIC) == 1


def test_read__gives_back_key_value_headers_and_position(opened: Callable[[], Bus]) -> None:
    first = opened()
    first.publish(TOPIC, [Outgoing("k", bytes(range(256)), {"ü": "é", "b": ""}), Outgoing("", b"")])
    first.close()

    assert opened().read(TOPIC, after=0, limit=9) == (
        Message(TOPIC, 1, "k", bytes(range(256)), {"ü": "é", "b": ""}),
        Message(TOPIC, 2, "", b"", {}),
    )


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_read__pages_from_any_position(bus: Bus, limit: int) -> None:
    for start in range(0, 20, 4):
        bus.publish(TOPIC, messages(*(f"{n}" for n in range(start, start + 4))))

    for after in range(21):
        assert values(bus.read(TOPIC, after=after, limit=limit)) == [
            f"{n}" for n in range(after, min(20, after + limit))
        ]


def test_topics__are_apart(bus: Bus) -> None:
    bus.publish("one", messages("a"))
    bus.publish("two", messages("b", "c"))

    assert values(bus.read("one", after=0, limit=9)) == ["a"]
    assert bus.end("two") == 2


@pytest.mark.parametrize("name", ["", "../up", "a/b", "A", ".a", "a.", "a b", "x" * 300])
def test_names__that_some_engine_cannot_keep_are_refused(bus: Bus, name: str) -> None:
    with pytest.raises(faults.UnfitRequestError):
        bus.publish(name, messages("a"))
    with pytest.raises(faults.UnfitRequestError):
        bus.consume(TOPIC, group=name)


def test_consume__goes_on_after_the_last_commit(opened: Callable[[], Bus]) -> None:
    bus = opened()
    bus.publish(TOPIC, messages("a", "b", "c", "d"))
    consumer = bus.consume(TOPIC, group="g")
    found = consumer.poll(timeout_s=PATIENCE_S, limit=3)
    assert values(found) == ["a", "b", "c"]
    consumer.commit(found[1])
    consumer.commit(found[0])
    bus.close()

    again = opened().consume(TOPIC, group="g")
    assert polled(again, 2) == ["c", "d"]
    assert again.poll(timeout_s=0) == ()


def test_committed__tells_how_far_a_group_has_come(opened: Callable[[], Bus]) -> None:
    bus = opened()
    bus.publish(TOPIC, messages("a", "b", "c"))
    assert bus.committed(TOPIC, group="readers") == 0
    consumer = bus.consume(TOPIC, group="readers")
    second = consumer.poll(timeout_s=PATIENCE_S)[1]
    consumer.commit(second)
    assert bus.committed(TOPIC, group="readers") == second.position
    consumer.close()
    bus.close()
    assert opened().committed(TOPIC, group="readers") == second.position


def test_consume__groups_do_not_disturb_each_other(bus: Bus) -> None:
    bus.publish(TOPIC, messages("a", "b"))
    one, two = bus.consume(TOPIC, group="one"), bus.consume(TOPIC, group="two")
    one.commit(one.poll(timeout_s=PATIENCE_S)[-1])

    assert polled(two, 2) == ["a", "b"]


def test_consume__a_member_that_leaves_hands_over_what_it_did_not_commit(bus: Bus) -> None:
    bus.publish(TOPIC, messages("a", "b"))
    first, second = bus.consume(TOPIC, group="g"), bus.consume(TOPIC, group="g")
    found = first.poll(timeout_s=PATIENCE_S)
    assert second.poll(timeout_s=0) == ()
    first.commit(found[0])
    first.close()

    assert values(second.poll(timeout_s=PATIENCE_S)) == ["b"]


def test_poll__wakes_when_a_message_comes(bus: Bus) -> None:
    consumer = bus.consume(TOPIC, group="g")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(consumer.poll, timeout_s=PATIENCE_S)
        bus.publish(TOPIC, messages("a"))
        assert values(waiting.result(PATIENCE_S)) == ["a"]


def test_publish__from_many_threads_keeps_batches_whole_and_in_order(bus: Bus) -> None:
    start = Event()

    def publish(thread: int) -> list[tuple[int, ...]]:
        start.wait(PATIENCE_S)
        return [bus.publish(TOPIC, messages(*(f"{thread}:{n}:{m}" for m in range(3)))) for n in range(40)]

    with ThreadPoolExecutor(6) as pool:
        running = [pool.submit(publish, thread) for thread in range(6)]
        start.set()
        given = [batch for run in running for batch in run.result()]

    assert sorted(position for batch in given for position in batch) == list(range(1, 721))
    assert all(batch == tuple(range(batch[0], batch[0] + 3)) for batch in given)
    found: list[str] = []
    while page := bus.read(TOPIC, after=len(found), limit=100):
        found += values(page)
    for thread in range(6):
        mine = [value for value in found if value.startswith(f"{thread}:")]
        assert mine == [f"{thread}:{n}:{m}" for n in range(40) for m in range(3)]


def test_truncate__forgets_at_most_what_is_asked(bus: Bus) -> None:
    for n in range(10):
        bus.publish(TOPIC, messages(f"{n}"))

    kept = bus.truncate(TOPIC, before=6)

    assert 1 <= kept <= 6
    assert bus.begin(TOPIC) == kept
    assert values(bus.read(TOPIC, after=0, limit=99)) == [f"{n}" for n in range(kept - 1, 10)]
    assert bus.publish(TOPIC, messages("more")) == (11,)


def test_since__tells_where_to_read_from_for_what_came_at_or_after_an_instant(bus: Bus) -> None:
    instants = [SystemClock().now()]
    for n in range(6):
        bus.publish(TOPIC, messages(*(f"{n}:{m}" for m in range(n + 1))))
        Event().wait(0.02)  # beyond the engine's milliseconds
        instants.append(SystemClock().now())

    assert [bus.since(TOPIC, instant=instant) for instant in instants] == [0, 1, 3, 6, 10, 15, 21]
    assert bus.since(TOPIC, instant=instants[0] - timedelta(days=4000)) == 0
    assert bus.since(TOPIC, instant=instants[-1] + timedelta(days=400)) == bus.end(TOPIC)
    assert bus.since("made.others.v1", instant=instants[0]) == 0


def test_since__of_a_time_that_is_forgotten_begins_with_what_is_kept(bus: Bus) -> None:
    before = SystemClock().now()
    for n in range(6):
        bus.publish(TOPIC, messages(f"{n}"))

    kept = bus.truncate(TOPIC, before=4)

    assert bus.since(TOPIC, instant=before) == kept - 1


def test_close__refuses_further_use_and_ends_waiting(bus: Bus) -> None:
    bus.publish(TOPIC, messages("a"))
    consumer = bus.consume(TOPIC, group="g")
    consumer.poll(timeout_s=0)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(consumer.poll, timeout_s=PATIENCE_S)
        bus.close()
        assert waiting.result(PATIENCE_S) == ()
    with pytest.raises(faults.EngineUnavailableError):
        bus.publish(TOPIC, messages("b"))
    with pytest.raises(faults.EngineUnavailableError):
        bus.read(TOPIC, after=0, limit=1)


def worked(bus: Bus, work: Callable[[Message], object], *, until: Callable[[], bool]) -> None:
    """Work through the topic on a thread until something holds, and stop."""
    stop = Event()
    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(consuming.work_through, bus, topic=TOPIC, group="g", work=work, stop=stop, pause_s=0.001)
        for _ in range(int(PATIENCE_S / 0.01)):
            if until() or working.done():
                break
            stop.wait(0.01)
        stop.set()
        working.result(PATIENCE_S)


def test_work_through__sets_a_poison_message_aside_with_its_cause_and_goes_on(bus: Bus) -> None:
    bus.publish(TOPIC, messages("a", "poison", "b"))
    effects: list[str] = []

    def work(message: Message) -> None:
        if message.value == b"poison":
            raise ValueError("bad bytes")
        effects.append(message.value.decode())

    worked(bus, work, until=lambda: bus.committed(TOPIC, group="g") == 3)

    assert effects == ["a", "b"]
    (letter,) = bus.read(consuming.dead(TOPIC), after=0, limit=9)
    assert (letter.key, letter.value, letter.headers["n"]) == ("p", b"poison", "poison")
    assert letter.headers["dead.cause"] == "ValueError: bad bytes"
    assert letter.headers["dead.position"] == "2"


def test_work_through__waits_for_an_engine_that_is_away(bus: Bus) -> None:
    bus.publish(TOPIC, messages("a"))
    away = faults.EngineUnavailableError(found="nothing", allowed="an answer", remedy="wait")

    def work(_: Message) -> None:
        raise away

    with pytest.raises(faults.EngineUnavailableError):
        worked(bus, work, until=lambda: False)

    assert bus.committed(TOPIC, group="g") == 0
    assert bus.end(consuming.dead(TOPIC)) == 0
