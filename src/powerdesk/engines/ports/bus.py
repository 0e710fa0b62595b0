"""Bus: a durable log per topic, keyed, at least once, resumable."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to be published; messages of one key keep their order."""

    key: str
    value: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Message:
    """A message as read: position is strictly increasing (from 1) within its topic and partition.

    `partition` follows from the key alone, so that messages of one key are in one order.
    """

    topic: str
    position: int
    key: str
    value: bytes
    headers: Mapping[str, str]
    partition: int = 0


class Consumer(Protocol):
    """One member of a consumer group."""

    def poll(self, *, timeout_s: float, limit: int = 256) -> tuple[Message, ...]:
        """Return the next messages in order, waiting at most `timeout_s` for one to be published.

        Empty means that none is there that this member should read: with `timeout_s` 0 too.
        """
        ...

    def commit(self, message: Message) -> None:
        """Say durably that the effects of everything up to `message` in its partition are done.

        faults.EngineUnavailableError when another member reads the partition by now: it will meet the message again.
        Close and consume again then, so that nothing polled and not committed is passed over.
        """
        ...

    def close(self) -> None:
        """Leave the group; uncommitted messages come again to the next member."""
        ...


class Bus(Protocol):
    """Publish durably and read again from any position. Safe to call from several threads.

    Topics and groups are named by a-z 0-9 `. _ -` (faults.UnfitRequestError otherwise) and appear when first used; a
    topic has one partition unless the adapter is told otherwise. Members of one group in one partition stand by while
    another member reads. Every call is bounded in time; faults.EngineUnavailableError when the engine does not answer.
    """

    def version(self) -> str:
        """Ask the engine for its name and version; raise faults.EngineUnavailableError when it does not answer."""
        ...

    def publish(self, topic: str, messages: Sequence[Outgoing]) -> tuple[int, ...]:
        """Append in order and return the positions; durable when this returns. Concurrent callers share one flush.

        faults.OutcomeUnknownError: all, the first ones or none may be there. Publish again: whoever reads must bear
        repeats anyway. What must be whole goes into one message.
        """
        ...

    def read(self, topic: str, *, after: int, limit: int, partition: int = 0) -> tuple[Message, ...]:
        """Return up to `limit` messages with position > `after`, at once; fewer when they are large.

        Empty means there are none. Messages forgotten by `truncate` are passed over; `begin` tells from where.
        """
        ...

    def end(self, topic: str, *, partition: int = 0) -> int:
        """Return the last durable position, 0 when the topic is empty."""
        ...

    def begin(self, topic: str, *, partition: int = 0) -> int:
        """Return the first position still kept, 1 when nothing was ever forgotten."""
        ...

    def since(self, topic: str, *, instant: datetime, partition: int = 0) -> int:
        """Return the position after which to read for what was published at or after `instant` (UTC).

        By the engine's own clock, so to about a second where clocks differ; `end` when nothing is so new. Messages of
        a log written before there were stamps count as older than any instant.
        """
        ...

    def truncate(self, topic: str, *, before: int, partition: int = 0) -> int:
        """Forget messages with position < `before`, or fewer, as storage allows; return the first position kept."""
        ...

    def consume(self, topic: str, *, group: str) -> Consumer:
        """Join `group`, starting after its last commit (or at the beginning)."""
        ...

    def committed(self, topic: str, *, group: str, partition: int = 0) -> int:
        """Return the position up to which `group` said its effects are done, 0 when it never did."""
        ...

    def close(self) -> None:
        """Flush and release."""
        ...
