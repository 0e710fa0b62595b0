"""What release 0.1 wrote into its log is read for as long as a folder may hold it; the samples are its own bytes."""

from __future__ import annotations

import shutil
from datetime import timedelta
from typing import TYPE_CHECKING

import foundation
import foundation_facts as facts
import msgspec
import pytest

from powerdesk.access import events as access_events
from powerdesk.app import simfeed
from powerdesk.app.clock import SystemClock
from powerdesk.delivery.stream import tokens
from powerdesk.engines.embedded.bus import LogBus
from powerdesk.markets import datasets
from powerdesk.markets import events as market_events
from powerdesk.markets.types import Coverage
from powerdesk.store import events, handlers, lineage, schema

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from powerdesk.engines.ports.bus import Message


@pytest.fixture
def log(tmp_path: Path) -> Iterator[LogBus]:
    """Open a copy of a log that release 0.1 wrote."""
    shutil.copytree(foundation.DATA / "log", tmp_path / "bus")
    opened = LogBus(tmp_path / "bus", clock=SystemClock())
    yield opened
    opened.close()


def everything(log: LogBus, topic: str) -> tuple[Message, ...]:
    return log.read(topic, after=0, limit=100)


def test_a_batch_of_the_foundation__has_its_headers_and_rows(log: LogBus) -> None:
    messages = everything(log, events.BATCHES_TOPIC)
    assert [message.key for message in messages] == ["markets.prices"] * 2
    assert [dict(message.headers) for message in messages] == [
        {"dataset": "markets.prices", "batch_id": batch_id, "version": "1"} for batch_id in facts.BATCH_IDS[:2]
    ]
    for position, message in enumerate(messages, start=1):
        rows = schema.decode(message.value)
        assert rows.schema.equals(schema.log_schema(datasets.PRICES))
        stored = [dict(row) for row in facts.SEALED if row["commit"] == position]
        assert [{**row, "revision": position - 1, "commit": position} for row in rows.to_pylist()] == stored


def test_what_the_foundation_said_of_commits__is_read(log: LogBus) -> None:
    said = [msgspec.json.decode(one.value, type=events.CommittedV1) for one in everything(log, events.COMMITTED_TOPIC)]
    assert said == [
        events.CommittedV1("markets.prices", facts.BATCH_IDS[0], 1, 4, 0, 0, ("NYISO",)),
        events.CommittedV1("markets.prices", facts.BATCH_IDS[1], 2, 0, 1, 0, ("NYISO",)),
    ]


def test_a_payload_that_the_foundation_announced__is_read_with_its_coverage(log: LogBus) -> None:
    first, second = map(
        market_events.decode, (one.value for one in everything(log, market_events.PAYLOAD_RECEIVED_TOPIC))
    )
    assert (first.feed, first.sha256, first.name) == ("nyiso", facts.ANNOUNCED_SHA, "realtime_zone.csv")
    assert (first.received_at, first.report) == ("2026-11-03T12:50:00Z", "rt5-prices")
    assert market_events.from_wire(first.coverage) == (
        Coverage("markets.prices", "NYISO", "RT5", ("NYISO:CAPITL",), facts.N0, facts.N1, timedelta(minutes=5)),
    )
    assert (second.sha256, second.name, second.report, second.coverage) == (facts.QUEUED_SHA, None, "", ())


def test_a_change_of_access_that_the_foundation_announced__is_read(log: LogBus) -> None:
    (message,) = everything(log, access_events.CHANGED_TOPIC)
    assert msgspec.json.decode(message.value, type=access_events.ChangedV1) == access_events.ChangedV1(version=7)


def test_a_group_of_the_foundation__goes_on_after_its_last_mark(log: LogBus) -> None:
    consumer = log.consume(events.BATCHES_TOPIC, group=handlers.GROUP)
    assert consumer.poll(timeout_s=0.0) == ()
    other = log.consume(events.BATCHES_TOPIC, group="another")
    assert [message.position for message in other.poll(timeout_s=0.0)] == [1, 2]


def test_a_lineage_of_the_foundation__is_read_and_keeps_its_id() -> None:
    told = msgspec.json.decode(facts.LINEAGE_BODY, type=lineage.Lineage)
    assert told.id == facts.LINEAGE


def test_a_resume_token_and_a_cursor_of_the_foundation__are_read() -> None:
    assert tokens.read(facts.RESUME_AT_6) == tokens.Resume(epoch=facts.DESK_ID, seq={facts.SSE_NAME: 6})
    cursor = msgspec.json.decode(facts.SIM_CURSOR, type=simfeed.Cursor)
    assert (cursor.seed, cursor.history_total_s) == (1, 172800.0)
