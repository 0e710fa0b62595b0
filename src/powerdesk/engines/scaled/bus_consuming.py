"""A member of a Kafka consumer group that keeps its partitions while others join, and commits when told."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from powerdesk.engines.ports import faults
from powerdesk.engines.scaled import bus_client, bus_reading
from powerdesk.engines.scaled.deadline import Deadline

if TYPE_CHECKING:
    from confluent_kafka import Message

    from powerdesk.engines.ports import bus as port
    from powerdesk.engines.scaled.bus_topics import Topics

SLICE_S = 0.1
JOIN_S = 30.0
"""A cluster's first group has its own topic made first, and most clusters wait 3 s for more members."""
HELD = 256
FLOW, FLOW_S = 16, 0.01
MEMBERSHIP: dict[str, Any] = {
    "partition.assignment.strategy": "cooperative-sticky",  # who reads goes on reading when another joins
    "heartbeat.interval.ms": 500,
    "session.timeout.ms": 10_000,  # a member that died hands over after this
}


class Member:
    """See the port's Consumer. Polls and commits come from one thread; `close` may come from another."""

    def __init__(self, settings: dict[str, Any], topics: Topics, *, topic: str, group: str, timeout_s: float) -> None:
        self._topics = topics
        self._topic = topic
        self._doing = f"consuming topic {topic} as {group}"
        self._timeout_s = timeout_s
        self._name = topics.named(topic)
        self._lock = threading.Lock()
        self._leaving = threading.Event()
        self._joined = False
        self._next: dict[int, int | None] = {}
        """Of each partition that this member reads the next offset, None until the first message or end is met."""
        self._done: dict[int, int] = {}
        self._held: list[port.Message] = []
        self._consumer = Consumer(settings | bus_client.CONSUMING | MEMBERSHIP)
        self._consumer.subscribe([self._name], on_assign=self._given, on_revoke=self._taken, on_lost=self._taken)
        try:
            self._join()
        except BaseException:
            self.close()
            raise

    def poll(self, *, timeout_s: float, limit: int = 256) -> tuple[port.Message, ...]:
        """Return the next messages; empty when nothing came and nothing is there for this member."""
        found = self._fetch(timeout_s, limit)
        if found or self._leaving.is_set() or not self._behind():
            return found
        deadline = Deadline(self._timeout_s)
        while not found and not self._leaving.is_set() and self._behind():
            if not deadline.left_s:
                raise bus_client.silent(
                    f"{self._doing}: no message came within {self._timeout_s:g} s, and some are there"
                )
            found = self._fetch(SLICE_S, limit)
        return found

    def commit(self, message: port.Message) -> None:
        """Say durably that everything up to `message` in its partition is done."""
        partition, offset = message.partition, message.position
        with self._lock:
            if self._leaving.is_set():
                raise bus_client.closed()
            if partition not in self._next:
                raise bus_client.moved(f"{self._doing}: partition {partition} is read by another member")
            if offset <= self._done.get(partition, -1):
                return
            try:
                (answer,) = self._consumer.commit(
                    offsets=[TopicPartition(self._name, partition, offset)], asynchronous=False
                )
            except KafkaException as error:
                raise bus_client.problem(error.args[0], doing=f"{self._doing}: committing") from error
            if answer.error is not None:
                raise bus_client.problem(answer.error, doing=f"{self._doing}: committing")
            self._done[partition] = offset

    @property
    def left(self) -> bool:
        """Whether it has left the group."""
        return self._leaving.is_set()

    def close(self) -> None:
        """Leave the group; a poll under way ends empty."""
        if self._leaving.is_set():
            return
        self._leaving.set()
        with self._lock:
            self._consumer.close()

    def _join(self) -> None:
        """Wait until the group has told this member what it reads, which may be nothing."""
        deadline = Deadline(JOIN_S)
        while not self._joined:
            if not deadline.left_s:
                raise faults.EngineUnavailableError(
                    found=f"{self._doing}: the group let nobody join within {JOIN_S:g} s",
                    allowed="a Kafka cluster that answers in time",
                    remedy="look at the brokers and the group's other members",
                )
            self._held.extend(self._fetch(SLICE_S, HELD))

    def _fetch(self, timeout_s: float, limit: int) -> tuple[port.Message, ...]:
        """Return up to `limit` messages, waiting at most `timeout_s` for the first."""
        if self._joined and self._held:
            found, self._held = self._held[:limit], self._held[limit:]
            return tuple(found)
        deadline = Deadline(timeout_s)
        while not self._leaving.is_set():
            with self._lock:
                if self._leaving.is_set():
                    break
                first = self._consumer.poll(min(SLICE_S, deadline.left_s))
                raw = [] if first is None else [first, *self._more(limit - 1)]
            found = self._taken_in(raw)
            if found or not deadline.left_s:
                return tuple(found)
        return ()

    def _more(self, limit: int) -> list[Message]:
        """Return what the client has at hand already; in a flow of messages wait a moment for a page's worth.

        Pages cost a commit each, which takes longer than the moment; a lone message is not held up.
        """
        found = self._consumer.consume(limit, 0) if limit else []
        if FLOW <= len(found) < limit:
            found += self._consumer.consume(limit - len(found), FLOW_S)
        return found

    def _taken_in(self, raw: list[Message]) -> list[port.Message]:
        """Return the messages among what the client gave, noting how far each partition has come.

        Those of a partition that was taken away meanwhile are left to the member that has it now. An error is told when
        no message came before it; it comes again if it lasts.
        """
        found = []
        for message in raw:
            error, partition = message.error(), message.partition() or 0
            ended = error is not None and error.code() == KafkaError._PARTITION_EOF  # noqa: SLF001 - its public name
            if error is None and partition in self._next:
                found.append(bus_reading.of_kafka(message, self._topic))
                self._next[partition] = found[-1].position
            elif ended and partition in self._next:
                self._next[partition] = message.offset() or 0
            elif error is None or ended or found or error.code() in bus_client.SETTLING or error.retriable():
                continue
            else:
                raise bus_client.problem(error, doing=self._doing)
        return found

    def _behind(self) -> bool:
        """Tell whether a partition that this member reads holds messages that it has not given out."""
        for partition, after in tuple(self._next.items()):
            if after is None or after < self._topics.bounds(TopicPartition(self._name, partition))[1]:
                return True
        return False

    def _given(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        del consumer
        self._joined = True
        self._next.update(dict.fromkeys(place.partition for place in places))

    def _taken(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        del consumer
        for place in places:
            self._next.pop(place.partition, None)
            self._done.pop(place.partition, None)
        self._held = [message for message in self._held if message.partition in self._next]
