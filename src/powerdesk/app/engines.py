"""The choice of engines: one place, from the settings' addresses."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from powerdesk.kernel import problem

if TYPE_CHECKING:
    from powerdesk.app.clock import RandomIds
    from powerdesk.app.settings import Settings
    from powerdesk.engines.ports.bus import Bus
    from powerdesk.engines.ports.cache import Cache
    from powerdesk.engines.ports.compute import Compute
    from powerdesk.engines.ports.identity import Identity
    from powerdesk.engines.ports.jobs import Jobs
    from powerdesk.engines.ports.objects import Objects
    from powerdesk.engines.ports.records import Records
    from powerdesk.engines.ports.tables import Tables
    from powerdesk.kernel.clock import Clock

MIGRATIONS = Path(__file__).parent / "migrations"
EMBEDDED = {
    "tables": "duckdb:",
    "records": "sqlite:",
    "objects": "file:",
    "bus": "local:",
    "cache": "memory:",
    "compute": "local:",
}
SCALED = {
    "tables": ("clickhouse+http", "clickhouse+https"),
    "records": ("postgresql",),
    "objects": ("s3",),
    "bus": ("kafka",),
    "cache": ("redis", "rediss"),
    "compute": ("dask",),
}
"""Schemes of the engines that several processes and machines share."""


class UnknownEngineError(problem.Problem):
    """An engine's address names no adapter."""

    status = 400
    slug = "unknown-engine"
    title = "No such engine"


@dataclass(frozen=True, slots=True)
class Engines:
    """The engines of one desk."""

    tables: Tables
    records: Records
    objects: Objects
    bus: Bus
    cache: Cache
    identity: Identity
    jobs: Jobs
    compute: Compute

    def close(self) -> None:
        """Release all, in the order that loses nothing."""
        self.compute.shutdown()
        self.bus.close()
        self.tables.close()
        self.records.close()


def is_shared(url: str) -> bool:
    """Tell whether an address names an engine that several processes can share."""
    return any(url.startswith(f"{scheme}:") for schemes in SCALED.values() for scheme in schemes)


def open_engines(settings: Settings, *, clock: Clock, ids: RandomIds) -> Engines:
    """Open the engine that each address names; raise UnknownEngineError for one that names none."""
    from powerdesk.engines.embedded import (  # noqa: PLC0415 - heavy libraries load when a desk opens, not on --help
        bus,
        cache,
        compute,
        identity,
        jobs,
        objects,
        records,
        tables,
    )

    for name, address in EMBEDDED.items():
        given = getattr(settings, name).url
        if given != address:
            raise UnknownEngineError(found=f"{name}.url = {given!r}", allowed=address, remedy="use the embedded engine")
    folder = settings.data
    blobs = objects.LocalObjects(folder / "objects")
    transactions = records.SqliteRecords(folder / "records.sqlite", clock=clock, migrations=MIGRATIONS)
    transactions.migrate()
    return Engines(
        tables=tables.DuckTables(folder / "hot.duckdb", blobs),
        records=transactions,
        objects=blobs,
        bus=bus.LogBus(folder / "bus"),
        cache=cache.MemoryCache(clock),
        identity=identity.LocalIdentity(),
        jobs=jobs.RecordsJobs(transactions, clock=clock, ids=ids),
        compute=compute.ProcessCompute(workers=1),
    )
