"""Bus in a local folder: a folder per topic, checksummed log segments, one flush for all who publish at once."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from powerdesk.engines import names
from powerdesk.engines.embedded import files
from powerdesk.engines.embedded.bus_groups import Group, TopicConsumer
from powerdesk.engines.embedded.bus_topic import SEGMENT_BYTES_MAX, Topic
from powerdesk.engines.ports import faults

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from powerdesk.engines.ports.bus import Consumer, Message, Outgoing
    from powerdesk.kernel.clock import Clock


class LogBus:
    """Topics under `root`, each with a single partition 0. One process owns the folder; threads share the object."""

    def __init__(self, root: Path, *, clock: Clock, segment_bytes_max: int = SEGMENT_BYTES_MAX) -> None:
        self._root = root
        self._clock = clock
        self._segment_bytes_max = segment_bytes_max
        self._lock = threading.Lock()
        self._topics: dict[str, Topic] = {}
        self._groups: dict[tuple[str, str], Group] = {}
        self._closed = False
        try:
            files.make_folder(root)
        except OSError as error:
            raise faults.of_os_error(error, doing=f"opening the bus folder {root}") from error

    def version(self) -> str:
        """Return what this is: files of our own, without a version apart from the program's."""
        return "log files"

    def publish(self, topic: str, messages: Sequence[Outgoing]) -> tuple[int, ...]:
        """Append all or none, and return their positions once they are on the disk."""
        log = self._topic(topic)
        return log.publish(messages, published_us=_microseconds(self._clock.now())) if messages else ()

    def read(self, topic: str, *, after: int, limit: int, partition: int = 0) -> tuple[Message, ...]:
        """Return up to `limit` messages with position > `after`, at once."""
        return self._topic(topic, partition).read(after=after, limit=limit)

    def end(self, topic: str, *, partition: int = 0) -> int:
        """Return the last durable position, 0 when the topic is empty."""
        return self._topic(topic, partition).flushed

    def begin(self, topic: str, *, partition: int = 0) -> int:
        """Return the first position still kept."""
        return self._topic(topic, partition).begin

    def since(self, topic: str, *, instant: datetime, partition: int = 0) -> int:
        """Return the position after which to read for what was published at or after `instant` (UTC)."""
        return self._topic(topic, partition).since(published_us=_microseconds(instant))

    def truncate(self, topic: str, *, before: int, partition: int = 0) -> int:
        """Forget whole segments that lie before `before`; return the first position kept."""
        return self._topic(topic, partition).truncate(before=before)

    def consume(self, topic: str, *, group: str) -> Consumer:
        """Join `group`, starting after its last commit (or at the beginning)."""
        return TopicConsumer(self._topic(topic), self._group(topic, group))

    def committed(self, topic: str, *, group: str, partition: int = 0) -> int:
        """Return the position up to which `group` said its effects are done."""
        self._topic(topic, partition)
        return self._group(topic, group).done

    def _group(self, topic: str, name: str) -> Group:
        names.on_bus(name, what="group")
        with self._lock:
            if (topic, name) not in self._groups:
                try:
                    self._groups[topic, name] = Group(self._root / topic / f"{name}.group")
                except OSError as error:
                    raise faults.of_os_error(error, doing=f"opening group {name} of topic {topic}") from error
            return self._groups[topic, name]

    def close(self) -> None:
        """Wait for flushes under way and release the files; everything acknowledged is on the disk already."""
        with self._lock:
            self._closed = True
            topics = list(self._topics.values())
        for topic in topics:
            topic.close()

    def _topic(self, name: str, partition: int = 0) -> Topic:
        if partition:
            raise faults.UnfitRequestError(
                found=f"partition {partition} of topic {name}",
                allowed="partition 0: this bus has one partition in each topic",
                remedy="use partition 0",
            )
        known = self._topics.get(name)
        return known if known is not None else self._opened(name)

    def _opened(self, name: str) -> Topic:
        names.on_bus(name, what="topic")
        with self._lock:
            if self._closed:
                raise faults.EngineUnavailableError(
                    found="the bus is closed", allowed="an open bus", remedy="open the bus again"
                )
            if name not in self._topics:
                try:
                    files.make_folder(self._root / name)
                    self._topics[name] = Topic(self._root / name, name, segment_bytes_max=self._segment_bytes_max)
                except OSError as error:
                    raise faults.of_os_error(error, doing=f"opening topic {name}") from error
            return self._topics[name]


def _microseconds(instant: datetime) -> int:
    return int(instant.timestamp() * 1_000_000)
