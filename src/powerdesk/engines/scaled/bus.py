"""Bus on a Kafka cluster: positions are offsets plus one, durable when every replica in sync has the message."""

from __future__ import annotations

import contextlib
import math
import threading
from typing import TYPE_CHECKING

from powerdesk.engines import names
from powerdesk.engines.ports import faults
from powerdesk.engines.scaled import bus_client
from powerdesk.engines.scaled.breaker import Breaker
from powerdesk.engines.scaled.bus_consuming import Member
from powerdesk.engines.scaled.bus_publishing import Publisher
from powerdesk.engines.scaled.bus_reading import Reader
from powerdesk.engines.scaled.bus_topics import Topics

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from powerdesk.engines.ports.bus import Message, Outgoing
    from powerdesk.engines.scaled.bus_address import KafkaAddress, KafkaUser
    from powerdesk.kernel.clock import Clock

REST_S = 1.0


class KafkaBus:
    """The Bus port on Kafka 2.5 or newer.

    Nothing is written in transactions, so positions have no gaps and a reader waits for nobody. A message is durable
    when the replicas in sync have it: on one broker it survives the broker's death, on three also a machine's.

    After a question that the cluster did not answer in time others are refused at once, while one asks again.
    """

    def __init__(self, address: KafkaAddress, *, clock: Clock, user: KafkaUser | None = None) -> None:
        self._address = address
        self._breaker = Breaker(clock.monotonic_s, rest_s=REST_S)
        self._asking_again = threading.Lock()
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
        found = self._topics.cluster()
        self._breaker.worked()
        return found

    def publish(self, topic: str, messages: Sequence[Outgoing]) -> tuple[int, ...]:
        """Append in order and return the positions once all replicas in sync have them."""
        self._check_open()
        name, partition = self._topics.named(topic), self._topics.only_partition(topic)
        found = self._publisher.publish(name, messages, partition=partition) if messages else ()
        if found:
            self._breaker.worked()
        return found

    def read(self, topic: str, *, after: int, limit: int, partition: int = 0) -> tuple[Message, ...]:
        """Return up to `limit` messages with position > `after`, at once."""
        with self._asking(f"reading topic {topic}"):
            place = self._topics.place(topic, partition)
            first, end = self._topics.bounds(place)
            place.offset = max(first, after)
            if place.offset >= end or limit <= 0:
                return ()
            return self._reader(topic, partition).read(place, upto=end, limit=limit)

    def end(self, topic: str, *, partition: int = 0) -> int:
        """Return the last durable position, 0 when the topic is empty."""
        with self._asking(f"asking for the end of topic {topic}"):
            return self._topics.bounds(self._topics.place(topic, partition))[1]

    def begin(self, topic: str, *, partition: int = 0) -> int:
        """Return the first position still kept."""
        with self._asking(f"asking for the beginning of topic {topic}"):
            return self._topics.bounds(self._topics.place(topic, partition))[0] + 1

    def since(self, topic: str, *, instant: datetime, partition: int = 0) -> int:
        """Return the position after which to read for what the brokers took at or after `instant` (UTC)."""
        milliseconds = math.ceil(instant.timestamp() * 1000)
        with self._asking(f"asking topic {topic} for a time"):
            return self._topics.since(self._topics.place(topic, partition, offset=milliseconds))

    def truncate(self, topic: str, *, before: int, partition: int = 0) -> int:
        """Forget messages before `before`; return the first position kept."""
        with self._asking(f"forgetting old messages of topic {topic}"):
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
        with self._asking(f"asking where group {group} stands"):
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

    @contextlib.contextmanager
    def _asking(self, doing: str) -> Iterator[None]:
        """Let a question through, one at a time while the last word was that the cluster is silent."""
        self._check_open()
        alone = self._breaker.is_open
        if alone and not (self._breaker.allows() and self._asking_again.acquire(blocking=False)):
            raise bus_client.silent(f"{doing}: the brokers did not answer a moment ago", retry_after_s=REST_S)
        try:
            yield
        except faults.EngineUnavailableError:
            self._breaker.failed()
            raise
        else:
            self._breaker.worked()
        finally:
            if alone:
                self._asking_again.release()

    def _check_open(self) -> None:
        if self._closed:
            raise bus_client.closed()
