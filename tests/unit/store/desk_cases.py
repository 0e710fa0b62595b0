"""A store on the embedded engines in a temporary folder, with a clock that tests move."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from store_cases import HOUR, PRICES, T0

from powerdesk.app import engines as engine_choice
from powerdesk.engines.embedded import bus, objects, records, tables
from powerdesk.store import handlers, operations
from powerdesk.store.progress import Progress
from powerdesk.store.queries import Store

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pyarrow as pa

    from powerdesk.store.dataset import Dataset
    from powerdesk.store.lineage import Calculation
    from powerdesk.store.types import Outcome


@dataclass
class HandClock:
    """A clock that stands until moved."""

    instant: datetime = T0 + 100 * HOUR

    def now(self) -> datetime:
        """Return where the hands stand."""
        return self.instant

    def monotonic_s(self) -> float:
        """Return seconds since the tests' origin."""
        return (self.instant - T0) / timedelta(seconds=1)


def open_store(
    folder: Path,
    clock: HandClock,
    *,
    datasets: tuple[Dataset, ...] = (PRICES,),
    calculations: Mapping[str, Calculation] | None = None,
) -> Store:
    blobs = objects.LocalObjects(folder / "objects")
    transactions = records.SqliteRecords(folder / "records.sqlite", clock=clock, migrations=engine_choice.MIGRATIONS)
    transactions.migrate()
    store = Store(
        tables=tables.DuckTables(folder / "hot.duckdb", blobs),
        bus=bus.LogBus(folder / "bus", clock=clock),
        records=transactions,
        objects=blobs,
        clock=clock,
        progress=Progress(),
        datasets={each.id: each for each in datasets},
        calculations=calculations or {},
        dependencies=lambda: "lock",
    )
    operations.define(store)
    handlers.hear(store)
    catch_up(store)
    return store


def catch_up(store: Store) -> int:
    consumer = store.bus.consume("store.batches", group=handlers.GROUP)
    try:
        return handlers.catch_up(store, consumer)
    finally:
        consumer.close()


def close(store: Store) -> None:
    store.bus.close()
    store.tables.close()
    store.records.close()


def put(store: Store, rows: pa.Table, *, batch_id: str, dataset: Dataset = PRICES, source: str = "test") -> Outcome:
    accepted = operations.accept(
        store, dataset=dataset, rows=rows, source=source, received_at=store.clock.now(), batch_id=batch_id
    )
    catch_up(store)
    return operations.settled(store, accepted)
