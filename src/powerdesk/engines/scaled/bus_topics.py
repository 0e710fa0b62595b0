"""Topics of a Kafka cluster: made at first use, their ends, their groups' places, forgetting what is old."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any

from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    TopicPartition,
    libversion,
)
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from powerdesk.engines import names
from powerdesk.engines.ports import faults
from powerdesk.engines.scaled import bus_client
from powerdesk.engines.scaled.deadline import Deadline

if TYPE_CHECKING:
    from collections.abc import Mapping
    from concurrent.futures import Future

    from powerdesk.engines.scaled.bus_address import KafkaAddress

LOOK_S = 0.05
CONFIGURATION = {
    "cleanup.policy": "delete",
    "retention.ms": "-1",  # only `truncate` forgets
    "retention.bytes": "-1",
    "max.message.bytes": str(bus_client.MESSAGE_BYTES_MAX + (1 << 20)),
    "message.timestamp.type": "LogAppendTime",
}


class Topics:
    """What the cluster knows of our topics. Safe to call from several threads."""

    def __init__(self, settings: dict[str, Any], address: KafkaAddress) -> None:
        self._settings = settings
        self._address = address
        self._timeout_s = address.timeout_s
        self._admin = AdminClient(settings)
        self._watching = Consumer(settings | bus_client.CONSUMING | {"group.id": f"{address.prefix}watching"})
        self._lock = threading.Lock()
        self._partitions: dict[str, int] = {}
        self._groups: dict[str, Consumer] = {}

    def check(self) -> None:
        """Return when the cluster answers; raise EngineUnavailableError otherwise."""
        try:
            self._admin.list_topics(timeout=self._timeout_s)
        except KafkaException as error:
            raise bus_client.problem(error.args[0], doing="opening the bus") from error

    def cluster(self) -> str:
        """Return how many brokers answer for the cluster, and by which client they were asked."""
        try:
            found = self._admin.list_topics(timeout=self._timeout_s)
        except KafkaException as error:
            raise bus_client.problem(error.args[0], doing="asking for the brokers") from error
        return f"Kafka cluster {found.cluster_id}, {len(found.brokers)} broker(s), by librdkafka {libversion()[0]}"

    def named(self, topic: str) -> str:
        """Return the cluster's name of a topic that is there now, made if need be with the stated partitions."""
        if topic not in self._partitions:
            names.on_bus(topic, what="topic")
            if not self._lock.acquire(timeout=self._timeout_s):
                raise bus_client.silent(
                    f"asking for topic {topic}: others wait for the same, within {self._timeout_s:g} s"
                )
            try:
                if topic not in self._partitions:
                    self._partitions[topic] = self._found_or_made(topic)
            finally:
                self._lock.release()
        return self._address.prefix + topic

    def only_partition(self, topic: str) -> int:
        """Return 0 for a topic with one partition, -1 when keys choose."""
        self.named(topic)
        return 0 if self._partitions[topic] == 1 else -1

    def place(self, topic: str, partition: int, offset: int = -1001) -> TopicPartition:
        """Return the cluster's word for a place in a topic; raise UnfitRequestError for a partition it has not."""
        name = self.named(topic)
        if not 0 <= partition < self._partitions[topic]:
            raise faults.UnfitRequestError(
                found=f"partition {partition} of topic {topic}",
                allowed=f"partitions 0 to {self._partitions[topic] - 1}",
                remedy="use one of these",
            )
        return TopicPartition(name, partition, offset)

    def bounds(self, place: TopicPartition) -> tuple[int, int]:
        """Return the first offset kept and the offset after the last one."""
        deadline, pause = Deadline(self._timeout_s), threading.Event()
        while True:
            try:
                low, high = self._watching.get_watermark_offsets(place, timeout=max(LOOK_S, deadline.left_s))
            except KafkaException as error:
                if error.args[0].code() not in bus_client.SETTLING or not deadline.left_s:
                    doing = f"asking the brokers for the ends of topic {place.topic}"
                    raise bus_client.problem(error.args[0], doing=doing) from error
                pause.wait(LOOK_S)
                self._look_again(place.topic)
            else:
                return low, high

    def since(self, place: TopicPartition) -> int:
        """Return the offset of the first message taken at or after the place's offset, read as milliseconds of 1970."""
        doing = f"asking topic {place.topic} for a time"
        try:
            (found,) = self._watching.offsets_for_times([place], timeout=self._timeout_s)
        except KafkaException as error:
            raise bus_client.problem(error.args[0], doing=doing) from error
        if found.error is not None:
            raise bus_client.problem(found.error, doing=doing)
        first, end = self.bounds(place)
        return max(first, int(found.offset)) if found.offset >= 0 else end

    def _look_again(self, name: str) -> None:
        """Have the watching client forget that it did not find a topic; by itself it would believe so for long."""
        with contextlib.suppress(KafkaException):  # `bounds` asks again, and says so if that fails
            self._watching.list_topics(name, timeout=self._timeout_s)

    def truncate(self, place: TopicPartition) -> int:
        """Forget what lies before the place's offset; return the first offset kept."""
        self._count(place.topic)  # the admin client, who may have asked before the topic was made, learns its leaders
        asked = self._admin.delete_records([place], request_timeout=self._timeout_s)
        return int(self._answer(asked, doing=f"forgetting old messages of topic {place.topic}").low_watermark)

    def committed(self, place: TopicPartition, *, group: str) -> int:
        """Return the offset at which a group goes on, 0 when it never committed.

        A consumer that joins nothing asks: the admin client's question ends the whole process when the connection is
        lost meanwhile (librdkafka issue 4605).
        """
        try:
            (found,) = self._asking(group).committed([place], timeout=self._timeout_s)
        except KafkaException as error:
            raise bus_client.problem(error.args[0], doing=f"asking where group {group} stands") from error
        if found.error is not None:
            raise bus_client.problem(found.error, doing=f"asking where group {group} stands")
        return max(0, int(found.offset))

    def close(self) -> None:
        """Release the connections."""
        with self._lock:
            for asking in (self._watching, *self._groups.values()):
                asking.close()

    def _asking(self, group: str) -> Consumer:
        with self._lock:
            if group not in self._groups:
                settings = self._settings | bus_client.CONSUMING | {"group.id": self._address.prefix + group}
                self._groups[group] = Consumer(settings)
            return self._groups[group]

    def _found_or_made(self, topic: str) -> int:
        """Return the number of partitions; raise UnfitRequestError when the topic is there with another number."""
        name, stated = self._address.prefix + topic, self._address.partitions.get(topic, 1)
        found = self._count(name)
        if found == 0:
            fresh = NewTopic(name, stated, self._address.replicas, config=CONFIGURATION)
            asked = self._admin.create_topics([fresh], request_timeout=self._timeout_s)
            try:
                self._answer(asked, doing=f"making topic {name}")
            except TopicExists:
                found = self._count(name)
            else:
                self._settle(name, stated)
                return stated
        if found != stated:
            raise faults.UnfitRequestError(
                found=f"topic {name} with {found} partitions",
                allowed=f"{stated}, as the bus address states",
                remedy="state the number that is there in the address (partitions=topic:number), or another prefix",
            )
        return found

    def _settle(self, name: str, partitions: int) -> None:
        """Wait until a new topic has its leaders, as far as the watching client hears; `bounds` bears it if not."""
        deadline, pause = Deadline(self._timeout_s), threading.Event()
        while deadline.left_s:
            with contextlib.suppress(KafkaException):
                known = self._watching.list_topics(name, timeout=max(LOOK_S, deadline.left_s)).topics[name]
                if sum(part.leader >= 0 for part in known.partitions.values()) == partitions:
                    return
            pause.wait(LOOK_S)

    def _count(self, name: str) -> int:
        """Return how many partitions a topic has, 0 when it is not there."""
        try:
            known = self._admin.list_topics(name, timeout=self._timeout_s).topics[name]
        except KafkaException as error:
            raise bus_client.problem(error.args[0], doing=f"asking for topic {name}") from error
        if known.error is None or known.error.code() == KafkaError.LEADER_NOT_AVAILABLE:
            return len(known.partitions)
        if known.error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            return 0
        raise bus_client.problem(known.error, doing=f"asking for topic {name}")

    def _answer(self, asked: Mapping[Any, Future[Any]], *, doing: str) -> Any:
        """Return the answer to the one thing asked."""
        (future,) = asked.values()
        try:
            return future.result(self._timeout_s + 1.0)
        except KafkaException as error:
            if error.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS:
                raise TopicExists from error
            raise bus_client.problem(error.args[0], doing=doing) from error
        except TimeoutError as error:
            raise faults.EngineUnavailableError(
                found=f"{doing}: no answer within {self._timeout_s:g} s",
                allowed="a Kafka cluster that answers in time",
                remedy="look at the brokers and the way to them",
            ) from error


class TopicExists(Exception):  # noqa: N818 - news, not an error
    """Somebody else made the topic in the meantime."""
