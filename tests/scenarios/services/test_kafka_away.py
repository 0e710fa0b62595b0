"""A Kafka cluster that went away: who asks waits for nobody, and everything goes on when it is back."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from powerdesk.app.clock import SystemClock
from powerdesk.engines.ports import faults
from powerdesk.engines.ports.bus import Outgoing
from powerdesk.store import events, handlers
from powerdesk.store.progress import Progress
from servers import needed
from servers.kafka import Kafka
from servers.waiting import PATIENCE_S, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from powerdesk.engines.ports.bus import Bus

pytestmark = [pytest.mark.services, pytest.mark.slow]
TOPIC = events.COMMITTED_TOPIC
TIMEOUT_S = 2.0
THREADS, QUESTIONS = 8, 400


@pytest.fixture
def broker() -> Iterator[Kafka]:
    with needed.own(Kafka) as server:
        yield server


def opened(server: Kafka, *, timeout_s: float) -> Bus:
    from powerdesk.engines.scaled import bus, bus_address  # noqa: PLC0415 - an extra that a laptop may lack

    return bus.KafkaBus(bus_address.parse(f"{server.url}?timeout_s={timeout_s:g}"), clock=SystemClock())


def announce(bus: Bus, commit: int) -> None:
    said = events.CommittedV1(dataset="d", batch_id="b", commit=commit, new=1, revised=0, duplicates=0)
    bus.publish(TOPIC, [Outgoing("d", msgspec.json.encode(said))])


def met(bus: Bus) -> str:
    """Return what a question meets."""
    try:
        bus.end(TOPIC)
    except faults.EngineUnavailableError as problem:
        return str(problem)
    return ""


def test_questions__to_brokers_that_are_away_are_refused_at_once_but_for_one_at_a_time(broker: Kafka) -> None:
    patient = opened(broker, timeout_s=PATIENCE_S)
    announce(patient, 1)
    bus = opened(broker, timeout_s=TIMEOUT_S)
    until(lambda: not met(bus), what="an answer")
    broker.kill()
    until(lambda: met(bus), what="noticing")
    with ThreadPoolExecutor(THREADS) as at_once:
        found = list(at_once.map(lambda _: met(bus), range(QUESTIONS)))
    assert all(found)
    assert sum("a moment ago" in text for text in found) >= QUESTIONS - THREADS
    broker.start()
    until(lambda: not met(bus), what="an answer again")
    for each in (bus, patient):
        each.close()


def test_a_follower__goes_on_where_it_was_after_the_brokers_were_away(broker: Kafka) -> None:
    patient = opened(broker, timeout_s=PATIENCE_S)
    for commit in (1, 2):
        announce(patient, commit)
    bus, heard, stop = opened(broker, timeout_s=TIMEOUT_S), Progress(), threading.Event()
    commits: list[int] = []
    heard.subscribe(lambda outcome: commits.append(outcome.commit))
    store: Any = SimpleNamespace(bus=bus, progress=heard)  # all of a store that a follower needs
    following = threading.Thread(target=lambda: handlers.follow(store, 0, stop))
    following.start()
    until(lambda: commits == [1, 2], what="hearing")
    broker.kill()
    until(lambda: met(bus), what="noticing")
    broker.start()
    announce(patient, 3)
    until(lambda: 3 in commits, what="hearing again")
    stop.set()
    following.join(PATIENCE_S)
    assert commits == [1, 2, 3]
    for each in (bus, patient):
        each.close()
