"""Message to operation: the projector applies accepted batches in log order; followers hear its announcements."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import msgspec

from powerdesk.engines.ports.faults import EngineUnavailableError
from powerdesk.store import events, operations
from powerdesk.store.types import Outcome

if TYPE_CHECKING:
    import threading

    from powerdesk.engines.ports.bus import Consumer, Message
    from powerdesk.store.queries import Store

GROUP = "store.projector"
POLL_S = 0.25
FOLLOW_EVERY_S = 0.02
AWAY_S = 0.5
AGAIN_S = 1.0
HEARD_AT_ONCE = operations.NEWEST_KEPT
log = logging.getLogger("powerdesk.store")


def catch_up(store: Store, consumer: Consumer) -> int:
    """Apply everything accepted but not applied yet, as after a crash; return how many batches."""
    applied = 0
    while messages := consumer.poll(timeout_s=0.0):
        for message in messages:
            _apply(store, consumer, message)
            applied += 1
    return applied


def _apply(store: Store, consumer: Consumer, message: Message) -> None:
    if events.VOID_HEADER not in message.headers:
        operations.project(store, message)
    consumer.commit(message)


def run(store: Store, consumer: Consumer | None, stop: threading.Event) -> None:
    """Apply batches until told to stop; a failure stays at its message, is logged, and is tried again."""
    while not stop.is_set():
        try:
            consumer = consumer or store.bus.consume(events.BATCHES_TOPIC, group=GROUP)
            for message in consumer.poll(timeout_s=POLL_S):
                if stop.is_set():
                    return  # what was not done comes again at the next start
                _apply(store, consumer, message)
        except Exception:
            log.exception("the projection stopped at a batch and will try it again")
            stop.wait(AGAIN_S)
            if consumer is not None:
                consumer.close()
            consumer = None  # joins again above, however often the log lets nobody in


def follow(store: Store, heard: int, stop: threading.Event) -> None:
    """Keep the progress of a process in step with whichever process projects, until told to stop.

    While the log is away this waits, says so once, and goes on where it was.
    """
    away = False
    while not stop.is_set():
        try:
            found = hear(store, after=heard)
        except EngineUnavailableError as failure:
            if not away:
                log.warning("announcements are not heard until the log answers: %s", failure)
            away = True
            stop.wait(AWAY_S)
            continue
        away = False
        if found == heard:
            stop.wait(FOLLOW_EVERY_S)
        heard = found


def hear(store: Store, *, after: int | None = None) -> int:
    """Take in what projectors announced after a position, the newest part when None; return the position heard."""
    heard = max(0, store.bus.end(events.COMMITTED_TOPIC) - HEARD_AT_ONCE) if after is None else after
    for message in store.bus.read(events.COMMITTED_TOPIC, after=heard, limit=HEARD_AT_ONCE):
        said = msgspec.json.decode(message.value, type=events.CommittedV1)
        outcome = Outcome(
            dataset=said.dataset,
            batch_id=said.batch_id,
            commit=said.commit,
            new=said.new,
            revised=said.revised,
            duplicates=said.duplicates,
        )
        store.progress.advance(outcome)
        heard = message.position
    return heard
