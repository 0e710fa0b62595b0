"""Message to operation: the projector applies accepted batches in log order."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from powerdesk.store import events, operations

if TYPE_CHECKING:
    import threading

    from powerdesk.engines.ports.bus import Consumer
    from powerdesk.store.queries import Store

GROUP = "store.projector"
POLL_S = 0.25
log = logging.getLogger("powerdesk.store")


def catch_up(store: Store, consumer: Consumer) -> int:
    """Apply everything accepted but not applied yet, as after a crash; return how many batches."""
    applied = 0
    while messages := consumer.poll(timeout_s=0.0):
        for message in messages:
            operations.project(store, message)
            consumer.commit(message)
            applied += 1
    store.progress.start(position=store.bus.end(events.BATCHES_TOPIC), commits={})
    return applied


def run(store: Store, consumer: Consumer, stop: threading.Event) -> None:
    """Apply batches until told to stop; a failure stays at its message, is logged, and is tried again."""
    while not stop.is_set():
        try:
            for message in consumer.poll(timeout_s=POLL_S):
                operations.project(store, message)
                consumer.commit(message)
        except Exception:
            log.exception("the projection stopped at a batch and will try it again")
            stop.wait(1.0)
            consumer.close()
            consumer = store.bus.consume(events.BATCHES_TOPIC, group=GROUP)
