"""Publishing to Kafka: callers wait for the acknowledgement of their own messages and share the requests."""

from __future__ import annotations

import functools
import threading
from typing import TYPE_CHECKING, Any

from confluent_kafka import KafkaError, KafkaException, Producer

from powerdesk.engines.ports import faults
from powerdesk.engines.scaled import bus_client
from powerdesk.engines.scaled.deadline import Deadline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from confluent_kafka import Message

    from powerdesk.engines.ports.bus import Outgoing

SERVE_S = 0.1
GRACE_S = 3.0  # the client looks for timed-out messages once a second; past this it is the client that hangs
ROOM_S = 0.02


class Waiting:
    """The messages of one call: where each came to lie, and the first error."""

    def __init__(self, count: int) -> None:
        self.positions = [0] * count
        self.done = threading.Event()
        self.error: KafkaError | None = None
        self._left = count

    def acknowledged(self, index: int, error: KafkaError | None, message: Message) -> None:
        """Take in what became of one message; called on the serving thread only."""
        if error is not None:
            self.error = self.error or error
        else:
            self.positions[index] = (message.offset() or 0) + 1
        self._left -= 1
        if self._left == 0:
            self.done.set()


class Publisher:
    """One idempotent producer for all threads; what it retries is written once and in order."""

    def __init__(self, settings: dict[str, Any], *, timeout_s: float) -> None:
        self._settings = settings | bus_client.PRODUCING | {"delivery.timeout.ms": int(timeout_s * 1000)}
        self._timeout_s = timeout_s
        self._queueing = threading.Lock()
        self._closed = False
        self._producer = Producer(self._settings)
        self._serving = threading.Thread(target=self._serve, name="bus-acknowledgements", daemon=True)
        self._serving.start()

    def publish(self, topic: str, messages: Sequence[Outgoing], *, partition: int) -> tuple[int, ...]:
        """Append to `topic` (as the cluster names it); `partition` -1 lets the keys choose. See the port."""
        for message in messages:
            if len(message.value) > bus_client.MESSAGE_BYTES_MAX - (1 << 16):
                raise bus_client.too_large(f"a message of {len(message.value)} bytes for topic {topic}")
        doing = f"publishing to topic {topic}"
        deadline = Deadline(self._timeout_s)
        if not self._queueing.acquire(timeout=self._timeout_s):
            raise _busy(doing)
        waiting = Waiting(len(messages))
        try:
            if self._closed:
                raise bus_client.closed()
            for index, message in enumerate(messages):
                acknowledged = functools.partial(waiting.acknowledged, index)
                self._queue(topic, message, partition=partition, acknowledged=acknowledged, deadline=deadline)
        except KafkaException as error:
            raise bus_client.problem(error.args[0], doing=doing) from error
        finally:
            self._queueing.release()
        if not waiting.done.wait(self._timeout_s + GRACE_S):
            raise unknown(f"{doing}: no answer within {self._timeout_s:g} s")
        if waiting.error is not None:
            raise self._failure(waiting.error, doing=doing)
        return tuple(waiting.positions)

    def close(self, *, timeout_s: float) -> None:
        """Wait for what is under way, at most so long, and refuse more."""
        with self._queueing:
            self._closed = True
        self._producer.flush(timeout_s)
        self._serving.join(timeout_s)

    def _queue(self, topic: str, message: Outgoing, *, partition: int, acknowledged: Any, deadline: Deadline) -> None:
        """Hand one message to the client, waiting for room in its queue until the deadline."""
        while True:
            try:
                self._producer.produce(
                    topic,
                    message.value,
                    message.key.encode(),
                    partition,
                    acknowledged,
                    headers=list(message.headers.items()) if message.headers else None,
                )
            except BufferError:
                if not deadline.left_s:
                    raise _busy(f"publishing to topic {topic}") from None
                self._producer.poll(ROOM_S)
            else:
                return

    def _failure(self, error: KafkaError, *, doing: str) -> Exception:
        if error.fatal():
            self._start_again()
        if error.code() in {KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.TOPIC_AUTHORIZATION_FAILED}:
            return bus_client.problem(error, doing=doing)
        return unknown(f"{doing}: {error.str()}")

    def _start_again(self) -> None:
        """Replace a producer that gave up for good; its messages have been reported as failed."""
        with self._queueing:
            if not self._closed:
                self._producer = Producer(self._settings)

    def _serve(self) -> None:
        """Call back for acknowledgements until closed and empty."""
        while not self._closed or len(self._producer):
            self._producer.poll(SERVE_S)


def unknown(found: str) -> faults.OutcomeUnknownError:
    """Return the Problem for a publish that nobody acknowledged."""
    return faults.OutcomeUnknownError(
        found=found,
        allowed="an acknowledgement of every replica in sync",
        remedy="publish again once the brokers answer; what comes twice has one effect",
    )


def _busy(doing: str) -> faults.EngineUnavailableError:
    return unknown(f"{doing}: the queue to the brokers is full")
