"""A desk: its folder, engines and services put together, started and stopped in the right order."""

from __future__ import annotations

import contextlib
import importlib.metadata
import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import numpy as np

from powerdesk.access import keys
from powerdesk.access.operations import accounts, auditing
from powerdesk.access.operations import services as access_services
from powerdesk.access.routes import AccessRoutes
from powerdesk.access.types import SYSTEM
from powerdesk.app import (
    access_wiring,
    alone,
    dependencies,
    engines,
    feed_jobs,
    housekeeping,
    ownership,
    places,
    registry,
    simfeed,
    standing,
    workers,
)
from powerdesk.app import clock as clocks
from powerdesk.app.gate import Gate, StreamGate
from powerdesk.app.moving import blobs, copying, moves
from powerdesk.app.roles import Part
from powerdesk.delivery.stream.hub import Hub, HubLimits
from powerdesk.engines import consuming, lean_arrow
from powerdesk.engines.ports.jobs import JobSpec
from powerdesk.engines.ports.records import RecordsBusyError
from powerdesk.kernel.clock import Onward
from powerdesk.markets import datasets as market_datasets
from powerdesk.markets import events as market_events
from powerdesk.markets import feeds, fetching, handlers, hosts, queries
from powerdesk.markets.operations import feed_states, receiving
from powerdesk.markets.operations.services import Services
from powerdesk.markets.types import Fetched, Outcome, Request
from powerdesk.store import events, progress
from powerdesk.store import handlers as store_handlers
from powerdesk.store import jobs as store_jobs
from powerdesk.store import operations as store_operations
from powerdesk.store import queries as store_queries
from powerdesk.store.queries import Store

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from powerdesk.access.policies import Policies
    from powerdesk.access.types import Principal
    from powerdesk.app.settings import Settings
    from powerdesk.engines.ports.bus import Consumer
    from powerdesk.kernel.clock import Clock
    from powerdesk.markets.feeds import FeedSpec
    from powerdesk.simulation.types import Publication
    from powerdesk.store.quality import Gap

log = logging.getLogger("powerdesk.app")
RELAY_EVERY_S = 0.02
RELAY_AT_LEAST_S = 1.0
USAGE_EVERY_S = 30.0
ACCESS_EVERY_S = 0.2
"""How late at most a socket or a request hears that another process changed its rights."""
SEAL_EVERY_S = 3600.0
SEAL_AFTER = timedelta(days=45)
LIVE_WITHIN = timedelta(minutes=2)
ATTEMPTS = 6
BACKUP = "store.backup"
SIM_JOB = "simulation.publish"
EPOCH_KEY = f"{blobs.MOVING_PREFIX}epoch"


@dataclass(frozen=True, slots=True)
class Secrets:
    """Keys for what the desk signs; each its own, derived from the pepper."""

    pepper: keys.Pepper
    cursors: bytes
    downloads: bytes


class Desk:
    """Everything behind the channels. `start` runs its workers; without it a desk answers but polls nothing."""

    def __init__(
        self,
        settings: Settings,
        owned: ownership.Ownership,
        *,
        clock: Clock | None = None,
        does: frozenset[Part] = frozenset(Part),
    ) -> None:
        self.settings = settings
        self.does = does
        self.ownership = owned
        self.clock = Onward(clock or clocks.SystemClock())
        self.ids = clocks.RandomIds()
        self.workers = workers.Workers()
        self.secrets = _secrets(settings)
        self.engines = engines.open_engines(settings, clock=self.clock, ids=self.ids)
        self.standings = standing.Standings(self.engines, clock=self.clock)
        copying.refuse_unfinished(self.engines)
        self._begin_in_time()
        copying.note_opened(self.engines, now=self.clock.now())
        self.store = self._store()
        self.epochs = self._epochs()
        self._heard = store_handlers.hear(self.store)
        self._projector = self._opened_projector()
        self.access = access_services.open_services(
            records=self.engines.records,
            identity=self.engines.identity,
            cache=self.engines.cache,
            clock=self.clock,
            ids=self.ids,
            pepper=self.secrets.pepper,
        )
        self.gate = self._gate()
        self.markets = self._markets()
        self.sim = self._sim() if "sim" in settings.feeds and Part.SIM in does else None
        self.places = places.Places(self.store, settings)
        self._on_shutdown: list[Callable[[], None]] = []

    def _begin_in_time(self) -> None:
        """Begin after the newest batch of the log, though the clock was set back since: it is known by now."""
        bus = self.engines.bus
        last = store_queries.received(bus, position=bus.end(events.BATCHES_TOPIC))
        if last is not None:
            self.clock.begin_after(last)

    def _epochs(self) -> ownership.Epochs:
        """Begin an epoch of the log that this folder holds; a log that processes share has one for all of them."""
        if engines.is_shared(self.settings.bus.url):
            return ownership.Epochs(now=self._shared_epoch(), former={})
        return ownership.begin_epoch(self.settings.data, position=self.engines.bus.end(events.BATCHES_TOPIC))

    def _shared_epoch(self) -> str:
        """Return the epoch kept beside the shared objects, which the first process makes and no copy takes along."""
        objects = self.engines.objects
        if not objects.exists(EPOCH_KEY):
            _patiently(self._make_epoch)
        return objects.get(EPOCH_KEY).decode()

    def _make_epoch(self) -> None:
        objects = self.engines.objects
        with self.engines.records.unit(over=(EPOCH_KEY,)):
            if not objects.exists(EPOCH_KEY):
                objects.put(EPOCH_KEY, self.ids.new("epoch").encode())

    def _opened_projector(self) -> Consumer | None:
        """Make readable what was accepted before the last stop; None where only other processes project."""
        if Part.PROJECTOR not in self.does:
            return None
        projector = self.engines.bus.consume(events.BATCHES_TOPIC, group=store_handlers.GROUP)
        recovered = store_handlers.catch_up(self.store, projector)
        log.info("store ready: %d batches applied after the last stop", recovered)
        return projector

    def _store(self) -> Store:
        store = Store(
            tables=self.engines.tables,
            bus=self.engines.bus,
            records=self.engines.records,
            objects=self.engines.objects,
            clock=self.clock,
            progress=progress.Progress(),
            datasets=housekeeping.kept(registry.DATASETS, self.settings.retention),
            calculations={calculation.name: calculation for calculation in registry.CALCULATIONS},
            dependencies=dependencies.fingerprint,
        )
        store_operations.define(store)
        return store

    def _gate(self) -> Gate:
        return Gate(
            authenticator=self.access.authenticator,
            reads=self.access.reads,
            cache=self.engines.cache,
            clock=self.clock,
            pepper=self.secrets.pepper,
            operator_token=self.ownership.token,
            public_hosts=frozenset((*self.settings.public_hosts, self.settings.host)),
        )

    def _markets(self) -> Services:
        base_urls = {"caiso": self.settings.fetch.caiso_url, "nyiso": self.settings.fetch.nyiso_url}
        specs = {spec.id: spec.at(base_urls[spec.id]) for spec in feeds.REAL}
        specs[simfeed.SPEC.id] = simfeed.SPEC
        return Services(
            records=self.engines.records,
            objects=self.engines.objects,
            store=self.store,
            clock=self.clock,
            feeds=specs,
            fetcher=fetching.Fetcher(
                clock=self.clock,
                hosts=hosts.Hosts(clock=self.clock, seconds_per_request=_spacing(specs.values())),
                wait=self.workers.stop.wait,
                jitter=np.random.default_rng(),
            ),
        )

    def _sim(self) -> simfeed.SimFeed:
        return simfeed.SimFeed(
            settings=self.settings.sim,
            clock=self.clock,
            compute=self.engines.compute,
            objects=self.engines.objects,
            receive=self._receive_simulated,
            paused=self._sim_paused,
        )

    def _receive_simulated(self, payload: bytes, name: str, publication: Publication) -> None:
        """Take in a simulated file as a fetched one; history being made is no fetch and says nothing about lag."""
        now = self.clock.now()
        request = Request(feed=simfeed.SPEC.id, report=publication.kind.value, url=f"sim:{name}", name=name)
        with self.engines.records.unit() as unit:
            if now - publication.published_at < LIVE_WITHIN:
                fetched = Fetched(request=request, outcome=Outcome.OK, received_at=now, payload=payload)
                receiving.take(unit, self.markets, feed=simfeed.SPEC, fetched=fetched)
            else:
                receiving.receive(
                    unit, self.engines.objects, feed=simfeed.SPEC, request=request, payload=payload, received_at=now
                )
                feed_states.note_published(unit, feed=simfeed.SPEC, request=request, now=now)

    def _sim_paused(self) -> bool:
        with self.engines.records.reader() as reader:
            return queries.paused(reader, feed_id=simfeed.SPEC.id)

    def start(self) -> None:
        """Run the workers of this process's roles, and what every process needs."""
        projector = self._projector
        self.workers.every("usage", USAGE_EVERY_S, lambda: _drain(lambda: access_services.flush_usage(self.access)))
        self.workers.every("access", ACCESS_EVERY_S, self.access.authenticator.refresh)
        if engines.is_shared(self.settings.bus.url):
            self.workers.start("follower", lambda stop: store_handlers.follow(self.store, self._heard, stop))
        if projector is not None:
            self.workers.start("projector", lambda stop: store_handlers.run(self.store, projector, stop))
        if Part.RECORDER in self.does:
            self.workers.start("recorder", self._record)
        if Part.OUTBOX in self.does:
            self.workers.start("outbox", self._relay)
        _patiently(self._define_jobs)
        if Part.JOBS in self.does:
            self.workers.start("jobs", self._run_jobs)
            asking = store_jobs.Asking(self.store, self.engines.jobs)
            self.workers.every("calculations", housekeeping.LOOK_EVERY_S, asking.look)
        if Part.SEALING in self.does:
            self.workers.every("sealing", SEAL_EVERY_S, self._seal)
        if self.sim is not None:
            self.workers.start("sim", self._alone(self.sim.run, name=SIM_JOB))
        if Part.WORKERS in self.does and engines.is_shared(self.settings.compute.url):
            self.workers.start("compute", engines.compute_worker(self.settings))

    def _alone(self, work: alone.Loop, *, name: str) -> alone.Loop:
        """Return a loop that at most one process of this desk does at a time; a folder has one process anyway."""
        records = self.engines.records
        if not records.shared:
            return work
        return alone.alone(work, name=name, jobs=engines.scheduler(records, clock=self.clock, ids=self.ids))

    def _relay(self, stop: threading.Event) -> None:
        """Send what transactions queued: at once after those of this process, by looking often after others'."""
        records = self.engines.records
        wait_s = RELAY_EVERY_S if records.shared else RELAY_AT_LEAST_S
        while not stop.is_set():
            _drain(lambda: records.relay_outbox(self.engines.bus))
            records.await_outbox(timeout_s=wait_s)

    def _define_jobs(self) -> None:
        """Register everything that runs by schedule or when asked for."""
        feed_jobs.define(self.markets, self.engines.jobs, running=self.settings.feeds)
        self.engines.jobs.define(
            JobSpec(name=BACKUP, lease_s=feed_jobs.LEASE_S),
            moves.backing_up(self.settings, self.engines, clock=self.clock),
        )
        housekeeping.define(
            self.markets,
            self.engines.jobs,
            self.settings.retention,
            hubs=self.places.hubs,
            note=self._note_upkeep,
            stopping=self.workers.stop.is_set,
        )

    def _note_upkeep(self, action: str, gone: Mapping[str, str]) -> None:
        """Write what the desk did by itself into the audit log."""
        act = self.access.act(SYSTEM)
        with self.engines.records.unit() as unit:
            auditing.note(unit, act, entry=act.entry(action=action, target="desk", detail=gone))

    def _record(self, stop: threading.Event) -> None:
        """Parse and record every payload received, in order; one that cannot be recorded is set aside."""
        consuming.work_through(
            self.engines.bus,
            topic=market_events.PAYLOAD_RECEIVED_TOPIC,
            group=handlers.GROUP,
            work=lambda message: handlers.payload_received(self.markets, message.value),
            stop=stop,
        )

    def _run_jobs(self, stop: threading.Event) -> None:
        while not stop.is_set():
            if self.engines.jobs.run_due() == 0:
                stop.wait(0.5)

    def _seal(self) -> None:
        before = self.clock.now() - SEAL_AFTER
        for dataset in self.store.datasets:
            self.engines.tables.seal(dataset, before=before)

    def stream_hub(self) -> Hub:
        """Return the hub of the live stream."""
        limits = HubLimits(
            sockets=self.settings.stream.connections,
            queue_bytes=int(self.settings.stream.queue_mb * 2**20),
            heartbeat_s=self.settings.stream.heartbeat_s,
        )
        return Hub(
            store=self.store,
            gate=StreamGate(self.gate),
            epoch=self.epochs.now,
            former=self.epochs.former,
            ids=self.ids,
            limits=limits,
        )

    def sim_progress(self) -> simfeed.BackfillProgress | None:
        """Return how far the making of history has come, here or in the process that makes it; None when complete."""
        if self.sim is not None:
            return self.sim.progress
        running = simfeed.SPEC.id in self.settings.feeds
        return simfeed.kept_progress(self.engines.objects) if running else None

    def gap_reason(self, dataset: str, gap: Gap) -> tuple[str, str]:
        """Return why intervals are not there (code, words), as far as the markets' records know."""
        with self.engines.records.reader() as reader:
            known = queries.open_gaps(reader, dataset=dataset, market=gap.group[0] if gap.group else None)
        for one in known:
            if one.gap.start < gap.end and gap.start < one.gap.end:
                return one.gap.reason, one.gap.detail
        if self.sim_progress() is not None and gap.group[:1] == (simfeed.SPEC.market,):
            return "not-yet", "history is being made"
        return "never-asked", "no request for these intervals is on record; `powerdesk backfill` asks for them"

    def principal_by_id(self, principal_id: str) -> Principal | None:
        """Return the principal behind a download link as they stand now."""
        return access_wiring.principal_by_id(self.access, principal_id)

    def sign_in_link(self, base: str, name: str = accounts.FIRST_USER) -> str:
        """Return a new one-time link for an account; the first one makes the first account."""
        return access_wiring.sign_in_link(self.access, base=base, name=name)

    def access_routes(self, table: Policies) -> AccessRoutes:
        """Return what the routes of access need; they declare their policies in `table`."""
        return AccessRoutes(
            services=self.access,
            policies=table,
            present=self.gate.presented,
            catalogue=lambda: (registry.MARKETS, registry.PRODUCTS),
            version=importlib.metadata.version("powerdesk"),
        )

    def has_prices(self) -> bool:
        """Tell whether any price is readable."""
        return self.store.progress.commit(market_datasets.PRICES.id) > 0

    def catch_up_if_alone(self) -> None:
        """Project what was accepted where no worker does it: in a desk opened for one command."""
        if self._projector is not None and not self.workers.alive():
            store_handlers.catch_up(self.store, self._projector)

    def on_shutdown(self, callback: Callable[[], None]) -> None:
        """Call back when somebody asks the desk to stop."""
        self._on_shutdown.append(callback)

    def shut_down(self) -> None:
        """Ask the serving loop to stop."""
        for callback in self._on_shutdown:
            callback()

    def close(self) -> None:
        """Stop the workers and release engines and folder."""
        self.workers.close()
        access_services.close(self.access)
        if self._projector is not None:
            self._projector.close()
        if self.markets.fetcher is not None:
            self.markets.fetcher.close()
        self.standings.close()
        self.engines.close()
        self.ownership.release()


@contextlib.contextmanager
def opened(
    settings: Settings, *, owning: Callable[[], None] | None = None, does: frozenset[Part] = frozenset(Part)
) -> Iterator[Desk]:
    """Take the folder, open the desk, and close it whatever happens; `owning` is called once the folder is ours."""
    lean_arrow.lean()
    owned = ownership.take(settings.data)
    try:
        if owning is not None:
            owning()
        desk = Desk(settings, owned, does=does)
    except BaseException:
        owned.release()
        raise
    try:
        yield desk
    finally:
        desk.close()


def _secrets(settings: Settings) -> Secrets:
    given = settings.access.pepper
    folder: Path = settings.data
    raw = given.get_secret_value().encode() if given is not None else ownership.secret(folder, "pepper")
    pepper = keys.Pepper(raw)
    return Secrets(pepper=pepper, cursors=pepper.derive("cursors"), downloads=pepper.derive("downloads"))


def _patiently(begin: Callable[[], None]) -> None:
    """Begin what may be begun again, waiting for other processes that begin at the same moment.

    Each attempt waits for its locks as long as the records do; the last one's RecordsBusyError is raised.
    """
    for _ in range(ATTEMPTS - 1):
        with contextlib.suppress(RecordsBusyError):
            return begin()
        log.warning("the records are busy; beginning again")
    return begin()


def _drain(step: Callable[[], int]) -> None:
    while step():
        pass


def _spacing(specs: Iterable[FeedSpec]) -> dict[str, float]:
    """Return seconds per request by host."""
    return {urlsplit(spec.base_url).hostname or "": spec.seconds_per_request for spec in specs if spec.base_url}
