"""The choice of engines: one place, from the settings' addresses."""

from __future__ import annotations

import contextlib
import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit, urlunsplit

from powerdesk.app import clock as clocks
from powerdesk.kernel import problem

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator

    from powerdesk.app.clock import RandomIds
    from powerdesk.app.settings import EngineSettings, Settings
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


class EngineNotInstalledError(problem.Problem):
    """The library behind an adapter is not installed."""

    status = 400
    slug = "engine-not-installed"
    title = "The engine's library is missing"


class NoClusterError(problem.Problem):
    """A process was told to compute for others, and no cluster hands out work."""

    status = 409
    slug = "no-cluster"
    title = "There is no cluster to work for"


@dataclass(frozen=True, slots=True)
class Engines:
    """The engines of one desk, and how to release them."""

    tables: Tables
    records: Records
    objects: Objects
    bus: Bus
    cache: Cache
    identity: Identity
    jobs: Jobs
    compute: Compute
    release: Callable[[], None]

    def close(self) -> None:
        """Release all, the last opened first."""
        self.release()


def is_shared(url: str) -> bool:
    """Tell whether an address names an engine that several processes can share."""
    return any(url.startswith(f"{scheme}:") for schemes in SCALED.values() for scheme in schemes)


def open_engines(settings: Settings, *, clock: Clock, ids: RandomIds) -> Engines:
    """Open the engine that each address names; raise UnknownEngineError for one that names none, opening nothing."""
    for port in EMBEDDED:
        _check(port, getattr(settings, port).url)
    with contextlib.ExitStack() as opened:
        objects = _objects(settings)
        records = _records(settings, clock)
        opened.callback(records.close)
        records.migrate()
        jobs = scheduler(records, clock=clock, ids=ids)
        tables = _tables(settings, objects, clock)
        opened.callback(tables.close)
        bus = _bus(settings, clock)
        opened.callback(bus.close)
        cache = _cache(settings, clock)
        opened.callback(cache.close)
        compute = _compute(settings)
        opened.callback(compute.shutdown)
        return Engines(
            tables=tables,
            records=records,
            objects=objects,
            bus=bus,
            cache=cache,
            identity=_adapter("embedded.identity").LocalIdentity(),
            jobs=jobs,
            compute=compute,
            release=opened.pop_all().close,
        )


@contextlib.contextmanager
def one(settings: Settings, port: str, *, clock: Clock) -> Iterator[Any]:
    """Open a single shared engine, to look at it."""
    _check(port, getattr(settings, port).url)
    openers: dict[str, Callable[[], Any]] = {
        "tables": lambda: _tables(settings, _objects(settings), clock),
        "records": lambda: _records(settings, clock),
        "objects": lambda: _objects(settings),
        "bus": lambda: _bus(settings, clock),
        "cache": lambda: _cache(settings, clock),
        "compute": lambda: _compute(settings),
    }
    engine = openers[port]()
    try:
        yield engine
    finally:
        getattr(engine, "close", getattr(engine, "shutdown", lambda: None))()


def _check(port: str, url: str) -> None:
    schemes = SCALED[port]
    if url != EMBEDDED[port] and not url.startswith(tuple(f"{scheme}:" for scheme in schemes)):
        raise UnknownEngineError(
            found=f"{port}.url = {shown(url)!r}",
            allowed=", ".join((EMBEDDED[port], *(f"{scheme}://..." for scheme in schemes))),
            remedy="choose one of these; docs/how-to/laptop-to-cluster.md shows whole addresses",
        )


def _adapter(name: str) -> Any:
    """Return an adapter's module; its libraries load now, when a desk opens, and not on --help."""
    try:
        return importlib.import_module(f"powerdesk.engines.{name}")
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("powerdesk"):
            raise
        raise EngineNotInstalledError(
            found=f"no module {error.name}, which engines.{name} needs",
            allowed="an installation with the extra `scaled`",
            remedy="pip install 'powerdesk[scaled]'",
        ) from error


def _objects(settings: Settings) -> Objects:
    given = settings.objects
    found: Objects
    if is_shared(given.url):
        adapter, address = _adapter("scaled.objects"), _adapter("scaled.objects_address")
        user = None if given.user is None else address.BucketUser(given.user, _secret(given) or "")
        found = adapter.S3Objects(address.parse(given.url), user=user)
    else:
        found = _adapter("embedded.objects").LocalObjects(settings.data / "objects")
    return found


def scheduler(records: Records, *, clock: Clock, ids: RandomIds) -> Jobs:
    """Return Jobs on the records, which run what is defined on this object and nothing else."""
    adapter = _adapter("scaled.jobs").jobs_on if records.shared else _adapter("leased_jobs").RecordsJobs
    jobs: Jobs = adapter(records, clock=clock, ids=ids)
    return jobs


def _records(settings: Settings, clock: Clock) -> Records:
    given = settings.records
    if is_shared(given.url):
        found: Records = _adapter("scaled.records").PostgresRecords(
            _with_secret(given), clock=clock, migrations=MIGRATIONS
        )
    else:
        path = records_file(settings.data)
        found = _adapter("embedded.records").SqliteRecords(path, clock=clock, migrations=MIGRATIONS)
    return found


def records_file(data: Path) -> Path:
    """Return where embedded records lie in a data folder."""
    return data / "records.sqlite"


def is_lived_in(settings: Settings) -> bool:
    """Tell whether a desk has been in the data folder: its records are, unless settings put them on a server."""
    return is_shared(settings.records.url) or records_file(settings.data).is_file()


def make_records_apart(settings: Settings) -> None:
    """Make embedded records that are not there, in a process of its own: 10 MB that load for it are of no use after."""
    if is_lived_in(settings):
        return
    with contextlib.suppress(Exception):  # opening the desk tries again, and says what is wrong
        _adapter("embedded.compute").apart(make_records, settings.data)


def make_records(data: Path) -> None:
    """Make the embedded records of a data folder, or bring them to the newest revision."""
    made = _adapter("embedded.records").SqliteRecords(
        records_file(data), clock=clocks.SystemClock(), migrations=MIGRATIONS
    )
    try:
        made.migrate()
    finally:
        made.close()


def _tables(settings: Settings, objects: Objects, clock: Clock) -> Tables:
    given = settings.tables
    found: Tables
    if is_shared(given.url):
        adapter, address = _adapter("scaled.tables"), _adapter("scaled.tables_address")
        found = adapter.ClickTables(address.parsed(given.url), password=_secret(given) or "", clock=clock)
    else:
        if is_shared(settings.objects.url):  # sealed months must lie where DuckDB reads them
            objects = _adapter("embedded.objects").LocalObjects(settings.data / "objects")
        found = _adapter("embedded.tables").DuckTables(settings.data / "hot.duckdb", objects)
    return found


def _bus(settings: Settings, clock: Clock) -> Bus:
    given = settings.bus
    found: Bus
    if is_shared(given.url):
        adapter, address = _adapter("scaled.bus"), _adapter("scaled.bus_address")
        user = None if given.user is None else address.KafkaUser(given.user, _secret(given) or "")
        found = adapter.KafkaBus(address.parse(given.url), clock=clock, user=user)
    else:
        found = _adapter("embedded.bus").LogBus(settings.data / "bus", clock=clock)
    return found


def _cache(settings: Settings, clock: Clock) -> Cache:
    alone: Cache = _adapter("embedded.cache").MemoryCache(clock)
    if not is_shared(settings.cache.url):
        return alone
    shared: Cache = _adapter("scaled.cache").RedisCache(_with_secret(settings.cache), clock=clock, alone=alone)
    return shared


def _compute(settings: Settings) -> Compute:
    found: Compute
    if is_shared(settings.compute.url):
        found = _adapter("scaled.compute").DaskCompute(settings.compute.url)
    else:
        found = _adapter("embedded.compute").ProcessCompute(workers=1)
    return found


def compute_worker(settings: Settings) -> Callable[[threading.Event], None]:
    """Return what takes calls from the cluster until told to stop; raise NoClusterError where there is no cluster."""
    url = settings.compute.url
    if not is_shared(url):
        raise NoClusterError(
            found=f"compute.url = {url!r}",
            allowed="dask://host:port",
            remedy="name the cluster that the work comes from",
        )
    work = _adapter("scaled.compute_worker").work
    return lambda stop: work(url, stop)


def _secret(given: EngineSettings) -> str | None:
    return None if given.password is None else given.password.get_secret_value()


def _with_secret(given: EngineSettings) -> str:
    """Return the address with user and password put in, for libraries that take them there."""
    parts = urlsplit(given.url)
    user, password = given.user or parts.username or "", _secret(given)
    if password is None:
        return given.url
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{quote(user, safe='')}:{quote(password, safe='')}@{place}"))


def shown(url: str) -> str:
    """Return an address as it may be shown: without the password somebody put into it."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    return urlunsplit(parts._replace(netloc=f"{parts.username}:***@{parts.netloc.rpartition('@')[2]}"))
