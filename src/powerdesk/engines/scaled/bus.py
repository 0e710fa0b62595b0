"""Bus on a Kafka cluster: positions are offsets plus one, durable when every replica in sync has the message."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING

from powerdesk.engines import names
from powerdesk.engines.scaled import bus_client
from powerdesk.engines.scaled.bus_consuming import Member
from powerdesk.engines.scaled.bus_publishing import Publisher
from powerdesk.engines.scaled.bus_reading import Reader
from powerdesk.engines.scaled.bus_topics import Topics

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from powerdesk.engines.ports.bus import Message, Outgoing
    from powerdesk.engines.scaled.bus_address import KafkaAddress, KafkaUser


class KafkaBus:
    """The Bus port on Kafka 2.5 or newer.

    Nothing is written in transactions, so positions have no gaps and a reader waits for nobody. A message is durable
    when the replicas in sync have it: on one broker it survives the broker's death, on three also a machine's.
    """

    def __init__(self, address: KafkaAddress, *, user: KafkaUser | None = None) -> None:
        self._address = address
        self._settings = bus_client.settings_of(address, user)
        self._lock = threading.Lock()
        self._readers: dict[tuple[str, int], Reader] = {}
        self._members: list[Member] = []
        self._closed = False
        self._topics = Topics(self._settings, address)
        self._topics.check()
        self._publisher = Publisher(self._settings, timeout_s=address.timeout_s)

    def version(self) -> str:
        """Ask the cluster who its brokers are."""
        self._check_open()
        return self._topics.cluster()

    def publish(self, topic: str, messages: Sequence[Outgoing]) -> tuple[int, ...]:
        """Append in order and return the positions once all replicas in sync have them."""
        self._check_open()
        name, partition = self._topics.named(topic), self._topics.only_partition(topic)
        return self._publisher.publish(name, messages, partition=partition) if messages else ()

    def read(self, topic: str, *, after: int, limit: int, partition: int = 0) -> tuple[Message, ...]:
        """Return up to `limit` messages with position > `after`, at once."""
        self._check_open()
        place = self._topics.place(topic, partition)
        first, end = self._topics.bounds(place)
        place.offset = max(first, after)
        if place.offset >= end or limit <= 0:
            return ()
        return self._reader(topic, partition).read(place, upto=end, limit=limit)

    def end(self, topic: str, *, partition: int = 0) -> int:
        """Return the last durable position, 0 when the topic is empty."""
        self._check_open()
        return self._topics.bounds(self._topics.place(topic, partition))[1]

    def begin(self, topic: str, *, partition: int = 0) -> int:
        """Return the first position still kept."""
        self._check_open()
        return self._topics.bounds(self._topics.place(topic, partition))[0] + 1

    def since(self, topic: str, *, instant: datetime, partition: int = 0) -> int:
        """Return the position after which to read for what the brokers took at or after `instant` (UTC)."""
        self._check_open()
        milliseconds = math.ceil(instant.timestamp() * 1000)
        return self._topics.since(self._topics.place(topic, partition, offset=milliseconds))

    def truncate(self, topic: str, *, before: int, partition: int = 0) -> int:
        """Forget messages before `before`; return the first position kept."""
        self._check_open()
        place = self._topics.place(topic, partition)
        first, end = self._topics.bounds(place)
        place.offset = min(before - 1, end)
        return (self._topics.truncate(place) if place.offset > first else first) + 1

    def consume(self, topic: str, *, group: str) -> Member:
        """Join `group`; returns once the group has said what this member reads."""
        self._check_open()
        names.on_bus(group, what="group")
        settings = self._settings | {"group.id": self._address.prefix + group}
        member = Member(settings, self._topics, topic=topic, group=group, timeout_s=self._address.timeout_s)
        with self._lock:
            self._members = [known for known in self._members if not known.left]
            self._members.append(member)
        return member

    def committed(self, topic: str, *, group: str, partition: int = 0) -> int:
        """Return the position up to which `group` said its effects are done."""
        self._check_open()
        place = self._topics.place(topic, partition)
        return self._topics.committed(place, group=names.on_bus(group, what="group"))

    def close(self) -> None:
        """Wait for what is being published, leave the groups, release the connections."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            members, readers = self._members, tuple(self._readers.values())
        for member in members:
            member.close()
        self._publisher.close(timeout_s=self._address.timeout_s)
        for reader in readers:
            reader.close()
        self._topics.close()

    def _reader(self, topic: str, partition: int) -> Reader:
        with self._lock:
            if (topic, partition) not in self._readers:
                settings = self._settings | {"group.id": f"{self._address.prefix}reading"}
                reader = Reader(settings, topic=topic, timeout_s=self._address.timeout_s)
                self._readers[topic, partition] = reader
            return self._readers[topic, partition]

    def _check_open(self) -> None:
        if self._closed:
            raise bus_client.closed()
