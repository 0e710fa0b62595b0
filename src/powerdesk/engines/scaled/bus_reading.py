"""Reading Kafka from any position: one assigned consumer per partition, which goes on where the last read ended."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from confluent_kafka import Consumer, KafkaError, KafkaException

from powerdesk.engines.ports import bus as port
from powerdesk.engines.ports import faults
from powerdesk.engines.scaled import bus_client
from powerdesk.engines.scaled.deadline import Deadline

if TYPE_CHECKING:
    from confluent_kafka import TopicPartition

READ_BYTES_MAX = 64 << 20  # one read returns about this much at most
AT_ONCE = 500
CHUNK_S = 0.2


class Reader:
    """One partition of one topic, for all threads."""

    def __init__(self, settings: dict[str, Any], *, topic: str, timeout_s: float) -> None:
        self._topic = topic
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._next = -1
        self._consumer = Consumer(settings | bus_client.CONSUMING)

    def read(self, place: TopicPartition, *, upto: int, limit: int) -> tuple[port.Message, ...]:
        """Return messages from the place's offset on, before offset `upto`; the caller knows that they are there."""
        if not self._lock.acquire(timeout=self._timeout_s):
            raise self._silent("other reads do not end")
        try:
            if self._next != place.offset:
                self._consumer.assign([place])
            self._next = -1
            found, after = self._fetched(place, upto=upto, limit=limit)
            self._next = after
            return tuple(found)
        except KafkaException as error:
            raise bus_client.problem(error.args[0], doing=f"reading topic {self._topic}") from error
        finally:
            self._lock.release()

    def close(self) -> None:
        """Release the connections."""
        with self._lock:
            self._consumer.close()

    def _fetched(self, place: TopicPartition, *, upto: int, limit: int) -> tuple[list[port.Message], int]:
        """Return the messages and the offset after them."""
        deadline = Deadline(self._timeout_s)
        found: list[port.Message] = []
        after, size_bytes = place.offset, 0
        while after < upto and len(found) < limit and size_bytes < READ_BYTES_MAX:
            wanted = min(AT_ONCE, limit - len(found), upto - after)
            for message in self._consumer.consume(wanted, CHUNK_S):
                error = message.error()
                if error is None:
                    found.append(of_kafka(message, self._topic))
                    size_bytes += len(found[-1].value)
                    after = found[-1].position
                elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its public name
                    after = max(after, message.offset() or 0)
                else:
                    raise bus_client.problem(error, doing=f"reading topic {self._topic}")
            if after < upto and not found and not deadline.left_s:
                raise self._silent("no message came, and some are there")
        return found, after

    def _silent(self, what: str) -> faults.EngineUnavailableError:
        return faults.EngineUnavailableError(
            found=f"reading topic {self._topic}: {what} within {self._timeout_s:g} s",
            allowed="a Kafka cluster that answers in time",
            remedy="look at the brokers and the way to them; reading may be repeated",
        )


def of_kafka(message: Any, topic: str) -> port.Message:
    """Return the port's message for a message of Kafka's client."""
    key, headers = message.key(), message.headers()
    return port.Message(
        topic=topic,
        position=(message.offset() or 0) + 1,
        key=(key or b"").decode(),
        value=message.value() or b"",
        headers={name: (value or b"").decode() for name, value in headers} if headers else {},
        partition=message.partition() or 0,
    )
