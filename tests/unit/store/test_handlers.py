"""The projector at work: what it does when the log fails it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from desk_cases import HandClock, close, open_store
from store_cases import PRICES, batch, row

from powerdesk.engines.ports.faults import EngineUnavailableError
from powerdesk.store import events, handlers, operations
from servers.waiting import PATIENCE_S, until

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from powerdesk.engines.ports.bus import Consumer


def away(*_: Any, **__: Any) -> Any:
    raise EngineUnavailableError(found="no answer", allowed="a log that answers", remedy="try again")


def test_the_projector__goes_on_after_a_log_that_let_nobody_in_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(tmp_path, HandClock())
    first = store.bus.consume(events.BATCHES_TOPIC, group=handlers.GROUP)
    joined, tries, join = threading.Event(), [], store.bus.consume

    def let_in(topic: str, *, group: str) -> Consumer:
        tries.append(group)
        if len(tries) <= 2:
            away()
        joined.set()
        return join(topic, group=group)

    monkeypatch.setattr(handlers, "AGAIN_S", 0.01)
    monkeypatch.setattr(first, "poll", away)
    monkeypatch.setattr(store.bus, "consume", let_in)
    stop = threading.Event()
    projector = threading.Thread(target=handlers.run, args=(store, first, stop))
    projector.start()
    assert joined.wait(PATIENCE_S)
    accepted = operations.accept(
        store, dataset=PRICES, rows=batch(row(0, 1.0)), source="test", received_at=store.clock.now(), batch_id="a"
    )
    until(lambda: store.progress.position == accepted.position, what="projecting")
    stop.set()
    projector.join(PATIENCE_S)
    close(store)
    assert len(tries) == 3
