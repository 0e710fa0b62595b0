"""The log of accepted batches, each at the very position it has: a commit is that position, and lineage cites it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from powerdesk.app.moving.series import CopyDiffersError
from powerdesk.engines.ports.bus import Outgoing
from powerdesk.markets import events as market_events
from powerdesk.markets import handlers as market_handlers
from powerdesk.store import events, queries
from powerdesk.store import handlers as store_handlers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from powerdesk.engines.ports.bus import Bus, Message

VOID = Outgoing(key=events.VOID_HEADER, value=b"", headers={events.VOID_HEADER: "1"})
READ_AT_ONCE = 64
VOIDS_AT_ONCE = 10_000


def copy_batches(*, source: Bus, target: Bus, upto: int, report: Callable[[int], None]) -> None:
    """Copy what the target lacks up to a position; positions the source forgot become voids."""
    done = target.end(events.BATCHES_TOPIC)
    while done < upto:
        found = source.read(events.BATCHES_TOPIC, after=done, limit=READ_AT_ONCE)
        first = min(found[0].position if found else upto + 1, upto + 1)
        if first > done + 1:
            wanted = min(first - done - 1, VOIDS_AT_ONCE)
            sent = _publish(target, [VOID] * wanted, after=done)
        else:
            run = _run(found, upto=upto)
            sent = _publish(target, [_again(message) for message in run], after=done)
        report(sent)
        done += sent
    kept = source.begin(events.BATCHES_TOPIC)
    if kept > target.begin(events.BATCHES_TOPIC):
        target.truncate(events.BATCHES_TOPIC, before=min(kept, upto))


def _run(found: Sequence[Message], *, upto: int) -> list[Message]:
    """Return the messages up to the first missing position."""
    run = [found[0]]
    for message in found[1:]:
        if message.position != run[-1].position + 1 or message.position > upto:
            break
        run.append(message)
    return run


def _again(message: Message) -> Outgoing:
    return Outgoing(key=message.key, value=message.value, headers=message.headers)


def _publish(target: Bus, messages: Sequence[Outgoing], *, after: int) -> int:
    given = target.publish(events.BATCHES_TOPIC, messages)
    if given != tuple(range(after + 1, after + 1 + len(messages))):
        raise CopyDiffersError(
            found=f"positions {given[0]} to {given[-1]}",
            allowed=f"positions from {after + 1}",
            remedy="somebody else writes to the target: stop it, and copy into an empty place",
        )
    return len(messages)


def settle(*, target: Bus, readable: int) -> None:
    """Say in the target that batches up to a position are readable, so that its projector goes on after it."""
    if readable == 0:
        return
    consumer = target.consume(events.BATCHES_TOPIC, group=store_handlers.GROUP)
    try:
        (last,) = target.read(events.BATCHES_TOPIC, after=readable - 1, limit=1)
        consumer.commit(last)
    finally:
        consumer.close()
    said = events.CommittedV1(dataset="", batch_id="copy", commit=readable, new=0, revised=0, duplicates=0)
    target.publish(events.COMMITTED_TOPIC, [Outgoing(key="copy", value=msgspec.json.encode(said))])


def position_at(bus: Bus, instant: datetime) -> int:
    """Return the last position accepted by an instant, by the receipt of its rows; 0 when all came later."""
    low, high = bus.begin(events.BATCHES_TOPIC) - 1, bus.end(events.BATCHES_TOPIC)
    while low < high:
        middle = (low + high + 1) // 2
        received = queries.received(bus, position=middle)
        low, high = (middle, high) if received is None or received <= instant else (low, middle - 1)
    return low


def copy_waiting(*, source: Bus, target: Bus) -> int:
    """Copy payloads announced and not yet recorded; sent twice they do nothing twice. Return how many."""
    topic = market_events.PAYLOAD_RECEIVED_TOPIC
    after = source.committed(topic, group=market_handlers.GROUP)
    copied = 0
    while found := source.read(topic, after=after, limit=READ_AT_ONCE):
        target.publish(topic, [_again(message) for message in found])
        after, copied = found[-1].position, copied + len(found)
    return copied
