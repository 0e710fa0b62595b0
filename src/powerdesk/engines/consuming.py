"""Working through a topic of any bus: the effect, then the commit; what cannot be worked is set aside.

A message whose work fails again and again goes to the topic `<topic>.dead` with the cause in its headers, and the next
one follows. Failures of an engine are not the message's fault: it waits for them. The log of accepted batches is not
worked through this way, since nothing of it may be passed over.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from powerdesk.engines.ports.bus import Outgoing
from powerdesk.kernel.problem import Problem

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from powerdesk.engines.ports.bus import Bus, Message

log = logging.getLogger("powerdesk.bus")
ATTEMPTS = 3
PAUSE_S = 1.0
POLL_S = 0.25
AT_ONCE = 8
CAUSE_LENGTH = 500
NOT_NOW = frozenset({503, 507})
"""Statuses of Problems that pass: an engine that is away, busy or full."""


def dead(topic: str) -> str:
    """Return the name of a topic's dead letters."""
    return f"{topic}.dead"


def work_through(
    bus: Bus,
    *,
    topic: str,
    group: str,
    work: Callable[[Message], object],
    stop: threading.Event,
    pause_s: float = PAUSE_S,
) -> None:
    """Work each message of a topic once its turn comes, until told to stop; raise what an engine raises.

    `work` must bear repeats: a message comes again when this ends between its effect and its commit.
    """
    consumer = bus.consume(topic, group=group)
    try:
        while not stop.is_set():
            for message in consumer.poll(timeout_s=POLL_S, limit=AT_ONCE):
                failure = _failure(message, work=work, stop=stop, pause_s=pause_s)
                if stop.is_set() and failure is not None:
                    return
                if failure is not None:
                    bus.publish(dead(topic), [_letter(message, group=group, failure=failure)])
                consumer.commit(message)
                if stop.is_set():
                    return
    finally:
        consumer.close()


def _failure(
    message: Message, *, work: Callable[[Message], object], stop: threading.Event, pause_s: float
) -> Exception | None:
    """Work one message, ATTEMPTS times if need be; return why it could not be worked, None when it was."""
    failure: Exception | None = None
    for attempt in range(1, ATTEMPTS + 1):
        try:
            work(message)
        except Exception as error:
            if isinstance(error, Problem) and error.status in NOT_NOW:
                raise
            failure = error
            log.exception("%s %d: attempt %d of %d failed", message.topic, message.position, attempt, ATTEMPTS)
            if attempt == ATTEMPTS or stop.wait(pause_s):
                break
        else:
            return None
    return failure


def _letter(message: Message, *, group: str, failure: Exception) -> Outgoing:
    """Return the message as a dead letter: the same key, value and headers, and why it is dead."""
    headers = {
        **message.headers,
        "dead.topic": message.topic,
        "dead.partition": str(message.partition),
        "dead.position": str(message.position),
        "dead.group": group,
        "dead.cause": f"{type(failure).__name__}: {failure}"[:CAUSE_LENGTH],
    }
    log.error("%s %d is set aside in %s", message.topic, message.position, dead(message.topic))
    return Outgoing(key=message.key, value=message.value, headers=headers)
