"""One five-minute interval of many locations: parse, check, durable append, projection, announcement.

Data: real-time price files of the simulated market, written beforehand. Size axis: locations. Peer: DuckDB reading the
same text as CSV straight into a table and committing, without check, revision, durable log or announcement.
"""

from __future__ import annotations

import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from harness import Measurement
from powerdesk.app import desk as desks
from powerdesk.app import settings
from powerdesk.kernel.intervals import DeliveryInterval
from powerdesk.markets import datasets
from powerdesk.simulation import parsing, payloads
from powerdesk.simulation.types import Kind, Publication
from powerdesk.store import operations

if TYPE_CHECKING:
    from collections.abc import Iterator

    from powerdesk.app.desk import Desk

SUBJECT = "ingest_interval"
SIZES = (1_000, 18_500)
RUNS = 15
START = datetime(2026, 1, 12, 6, tzinfo=UTC)
TARGET_MS = 250.0


def measure() -> Iterator[Measurement]:
    """Yield the time from bytes to announced, by number of locations."""
    for size in SIZES:
        made = [_payload(number, size) for number in range(RUNS + 2)]
        with tempfile.TemporaryDirectory() as folder:
            chosen = settings.load({"data": folder, "feeds": "sim"}, environment={})
            with desks.opened(chosen) as desk:
                ours = tuple(_taken(desk, number, payload) for number, payload in enumerate(made))[2:]
            peers = _peer(Path(folder) / "peer.duckdb", made)[2:]
        yield Measurement(
            case=f"{size} locations, bytes to announced",
            values=ours,
            unit="ms",
            peer="DuckDB read_csv and insert, committed",
            peer_values=peers,
            target=TARGET_MS if size == max(SIZES) else None,
        )


def _payload(number: int, size: int) -> bytes:
    start = START + number * timedelta(minutes=5)
    interval = DeliveryInterval(start, start + timedelta(minutes=5))
    return payloads.payload(Publication(Kind.REAL_TIME_PRICES, interval, start), seed=1, size=size)


def _taken(desk: Desk, number: int, payload: bytes) -> float:
    began = time.perf_counter_ns()
    rows = parsing.parse(payload).tables[datasets.PRICES.id]
    accepted = operations.accept(
        desk.store,
        dataset=datasets.PRICES,
        rows=rows,
        source=parsing.SOURCE,
        received_at=desk.clock.now(),
        batch_id=f"bench-{number}",
    )
    (message,) = desk.store.bus.read("store.batches", after=accepted.position - 1, limit=1)
    outcome = operations.project(desk.store, message)
    taken = (time.perf_counter_ns() - began) / 1e6
    assert outcome.new == rows.num_rows
    return taken


def _peer(path: Path, made: list[bytes]) -> tuple[float, ...]:
    taken = []
    text = path.with_suffix(".csv")
    with duckdb.connect(str(path), config={"threads": 2}) as connection:
        for number, payload in enumerate(made):
            began = time.perf_counter_ns()
            text.write_bytes(payload.split(b"\n", 2)[2])
            how = "insert into prices" if number else "create table prices as"
            connection.execute(f"{how} from read_csv(?)", [str(text)])
            taken.append((time.perf_counter_ns() - began) / 1e6)
    return tuple(taken)
