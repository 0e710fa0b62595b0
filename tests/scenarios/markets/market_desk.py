"""What the scenarios do to a desk: fetch, record, read back, and look at what is missing."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from powerdesk.app import engines as engine_choice
from powerdesk.engines.embedded import bus, objects, records, tables
from powerdesk.markets import datasets, events, feeds, fetching, handlers, hosts, queries
from powerdesk.markets.operations import receiving, services
from powerdesk.store import handlers as store_handlers
from powerdesk.store import operations as store_operations
from powerdesk.store import queries as store_queries
from powerdesk.store.progress import Progress
from powerdesk.store.types import Request as StoreRequest
from servers.waiting import PATIENCE_S

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

    from powerdesk.markets.gaps import OpenGap
    from powerdesk.markets.operations.recording import Recorded
    from powerdesk.markets.types import Fetched, Request

NOON = datetime(2026, 11, 3, 20, tzinfo=UTC)
HOST = "127.0.0.1"


@dataclass
class HandClock:
    """Stands until moved; waiting moves it."""

    instant: datetime = NOON
    waited_s: float = 0.0
    looks_take_s: float = 0.0

    def now(self) -> datetime:
        """Return where the hands stand."""
        return self.instant

    def monotonic_s(self) -> float:
        """Return seconds since noon."""
        self.instant += timedelta(seconds=self.looks_take_s)
        return (self.instant - NOON) / timedelta(seconds=1)

    def wait(self, seconds: float) -> bool:
        """Move the hands instead of sleeping."""
        self.instant += timedelta(seconds=seconds)
        self.waited_s += seconds
        return False


class Desk:
    """Everything between a feed's server and the store, on the embedded engines."""

    def __init__(self, folder: Path, *, base_url: str, limits: fetching.Limits | None = None) -> None:
        self.clock = HandClock()
        blobs = objects.LocalObjects(folder / "objects")
        self.records = records.SqliteRecords(
            folder / "records.sqlite", clock=self.clock, migrations=engine_choice.MIGRATIONS
        )
        self.records.migrate()
        self.bus = bus.LogBus(folder / "bus", clock=self.clock)
        self.store = store_queries.Store(
            tables=tables.DuckTables(folder / "hot.duckdb", blobs),
            bus=self.bus,
            records=self.records,
            objects=blobs,
            clock=self.clock,
            progress=Progress(),
            datasets={each.id: each for each in datasets.DATASETS},
            calculations={},
            dependencies=lambda: "lock",
        )
        store_operations.define(self.store)
        self.fetcher = fetching.Fetcher(
            clock=self.clock,
            hosts=hosts.Hosts(clock=self.clock, seconds_per_request={HOST: 1.0}),
            wait=self.clock.wait,
            jitter=np.random.default_rng(1),
            limits=limits or fetching.Limits(connect_s=PATIENCE_S, read_s=PATIENCE_S, total_s=PATIENCE_S, attempts=1),
        )
        self.services = services.Services(
            records=self.records,
            objects=blobs,
            store=self.store,
            clock=self.clock,
            feeds={feed.id: feed.at(base_url) for feed in feeds.REAL},
            fetcher=self.fetcher,
        )
        self._stop = threading.Event()
        consumer = self.bus.consume("store.batches", group=store_handlers.GROUP)
        self._projector = threading.Thread(target=store_handlers.run, args=(self.store, consumer, self._stop))
        self._projector.start()
        self._seen = 0

    def close(self) -> None:
        """Stop the projector and release the engines."""
        self._stop.set()
        self._projector.join()
        self.fetcher.close()
        self.bus.close()
        self.store.tables.close()
        self.records.close()

    def fetch(self, request: Request) -> Fetched:
        """Fetch one request and account for it."""
        feed = self.services.feed(request.feed)
        assert feed.fetch is not None
        fetched = feed.fetch(self.fetcher, request)
        with self.records.unit() as unit:
            receiving.take(unit, self.services, feed=feed, fetched=fetched)
        return fetched

    def handle(self) -> list[Recorded]:
        """Deliver waiting payload messages to the handler."""
        self.records.relay_outbox(self.bus)
        messages = self.bus.read(events.PAYLOAD_RECEIVED_TOPIC, after=self._seen, limit=1000)
        recorded = [handlers.payload_received(self.services, message.value) for message in messages]
        self._seen = messages[-1].position if messages else self._seen
        return recorded

    def requests(self, feed_id: str, report: str, start: datetime, end: datetime) -> tuple[Request, ...]:
        """Return the requests that cover a range."""
        feed = self.services.feed(feed_id)
        return feed.requests(feed.report(report), base_url=feed.base_url, start=start, end=end, now=self.clock.now())

    def run(self, feed_id: str, report: str, start: datetime, end: datetime) -> tuple[list[Fetched], list[Recorded]]:
        """Fetch and record a range."""
        fetched = [self.fetch(request) for request in self.requests(feed_id, report, start, end)]
        return fetched, self.handle()

    def rows(
        self, dataset: str, market: str, *, start: datetime | None = None, end: datetime | None = None
    ) -> pa.Table:
        """Return what the store holds now."""
        head = store_queries.accepted(self.store)
        cut = store_queries.snapshot(self.store, as_of=self.clock.now() + timedelta(days=30), commit=head)
        request = StoreRequest(dataset, within={"market": (market,)}, start=start, end=end)
        return store_queries.rows(self.store, store_operations.HOUSE, request=request, cut=cut).rows

    def gaps(self) -> tuple[OpenGap, ...]:
        """Return the gaps open now."""
        with self.records.reader() as reader:
            return queries.open_gaps(reader)
