"""The feed of the simulated market: history on the first start, newest first, then every file as it falls due."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from powerdesk.markets.feeds import FeedSpec
from powerdesk.simulation import feed, parsing, payloads
from powerdesk.simulation.types import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from powerdesk.app.settings import SimSettings
    from powerdesk.engines.ports.compute import Compute
    from powerdesk.engines.ports.objects import Objects
    from powerdesk.kernel.clock import Clock
    from powerdesk.simulation.types import Publication

log = logging.getLogger("powerdesk.app")

SPEC = FeedSpec(
    id="sim",
    market="SIM",
    title="Simulated market, made on this machine",
    tier="simulated",
    parse=parsing.parse,
    parser_version=parsing.PARSER_VERSION,
)
CURSOR_KEY = "feeds/sim/cursor.json"
CHUNK = timedelta(hours=1)
DAY_AHEAD_REACH = timedelta(days=2)
LOOK_EVERY_S = 1.0
DAY_AHEAD = frozenset({Kind.DAY_AHEAD_PRICES, Kind.DAY_AHEAD_FORECASTS})


class Cursor(msgspec.Struct):
    """What was published: everything up to `upto`; history is still to be made between the two other instants."""

    upto: datetime
    history_start: datetime
    history_end: datetime
    history_total_s: float
    seed: int


@dataclass(frozen=True, slots=True)
class BackfillProgress:
    """How far the making of history has come."""

    done: float
    total: float
    eta_s: float | None

    @property
    def share(self) -> float:
        """Done over total, in [0, 1]."""
        return min(1.0, self.done / self.total) if self.total else 1.0


class SimFeed:
    """Publishes the simulated market's files through the path that fetched files take."""

    def __init__(
        self,
        *,
        settings: SimSettings,
        clock: Clock,
        compute: Compute,
        objects: Objects,
        receive: Callable[[bytes, str, Publication], None],
        paused: Callable[[], bool],
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._compute = compute
        self._objects = objects
        self._receive = receive
        self._paused = paused
        self._progress: BackfillProgress | None = None
        self._started_at: float | None = None
        self._done_before = 0.0
        self.first_prices = threading.Event()
        """Set once current prices are on their way."""

    @property
    def progress(self) -> BackfillProgress | None:
        """The making of history, None when it is complete."""
        return self._progress

    def run(self, stop: threading.Event) -> None:
        """Publish what is due, then a piece of history, until told to stop."""
        cursor = self._opened()
        while not stop.is_set():
            if self._paused():
                stop.wait(LOOK_EVERY_S)
                continue
            cursor = self._publish_due(cursor, stop)
            self.first_prices.set()
            if cursor.history_end > cursor.history_start and not stop.is_set():
                cursor = self._publish_history(cursor, stop)
            else:
                self._progress = None
                stop.wait(LOOK_EVERY_S)

    def _opened(self) -> Cursor:
        """Return the kept cursor; a pause of the desk becomes history to be made, and so does the first start."""
        now = self._clock.now()
        cursor = _kept(self._objects)
        if cursor is None or cursor.seed != self._settings.seed:
            start = now - timedelta(days=self._settings.backfill_days)
            return self._begun(now, start)
        if now - cursor.upto > CHUNK:
            start = min(cursor.upto, cursor.history_start) if cursor.history_end > cursor.history_start else cursor.upto
            return self._begun(now, max(start, now - feed.LONGEST_RANGE + CHUNK))
        return cursor

    def _begun(self, now: datetime, start: datetime) -> Cursor:
        recent = now - CHUNK
        self._publish(_day_ahead_of(seed=self._settings.seed, start=start, upto=now), threading.Event())
        return Cursor(
            upto=recent,
            history_start=min(start, recent),
            history_end=recent,
            history_total_s=max(0.0, (recent - start).total_seconds()),
            seed=self._settings.seed,
        )

    def _keep(self, cursor: Cursor) -> Cursor:
        self._objects.put(CURSOR_KEY, msgspec.json.encode(cursor))
        return cursor

    def _publish_due(self, cursor: Cursor, stop: threading.Event) -> Cursor:
        now = self._clock.now()
        if now <= cursor.upto:
            return cursor
        due = feed.due(seed=self._settings.seed, after=cursor.upto, upto=now)
        if not due:
            return cursor
        newest_first = sorted(due, key=lambda one: one.published_at, reverse=True)
        if self._publish(newest_first, stop):
            return self._keep(msgspec.structs.replace(cursor, upto=now))
        return cursor

    def _publish_history(self, cursor: Cursor, stop: threading.Event) -> Cursor:
        start = max(cursor.history_start, cursor.history_end - CHUNK)
        self._show(cursor)
        due = feed.due(seed=self._settings.seed, after=start, upto=cursor.history_end)
        if not self._publish((one for one in due if one.kind not in DAY_AHEAD), stop):
            return cursor
        moved = self._keep(msgspec.structs.replace(cursor, history_end=start))
        self._show(moved)
        return moved

    def _publish(self, publications: Iterable[Publication], stop: threading.Event) -> bool:
        """Make the files on another core while earlier ones are taken in; False when told to stop before the end."""
        size = self._settings.locations or None
        waiting = [
            (one, self._compute.submit(payloads.payload, one, seed=self._settings.seed, size=size))
            for one in publications
        ]
        for one, made in waiting:
            if stop.is_set():
                made.cancel()
                continue
            name = f"{one.kind.value}-{one.interval.start:%Y%m%dT%H%M}Z"
            self._receive(made.result(), name, one)
        return not stop.is_set()

    def _show(self, cursor: Cursor) -> None:
        total = cursor.history_total_s
        done = total - (cursor.history_end - cursor.history_start).total_seconds()
        now = self._clock.monotonic_s()
        if self._started_at is None:
            self._started_at, self._done_before = now, done
        rate = (done - self._done_before) / max(1e-9, now - self._started_at)
        eta_s = (total - done) / rate if rate > 0 else None
        self._progress = BackfillProgress(done=done / 3600, total=total / 3600, eta_s=eta_s)


def kept_progress(objects: Objects) -> BackfillProgress | None:
    """Return how far another process has come, by the cursor it keeps; None when history is complete or not begun."""
    cursor = _kept(objects)
    if cursor is None or cursor.history_end <= cursor.history_start:
        return None
    left_s = (cursor.history_end - cursor.history_start).total_seconds()
    done_s = cursor.history_total_s - left_s
    return BackfillProgress(done=done_s / 3600, total=cursor.history_total_s / 3600, eta_s=None)


def _kept(objects: Objects) -> Cursor | None:
    if not objects.exists(CURSOR_KEY):
        return None
    try:
        return msgspec.json.decode(objects.get(CURSOR_KEY), type=Cursor)
    except msgspec.MsgspecError:
        log.warning("the simulated feed's cursor cannot be read; history is made again, which stores nothing twice")
        return None


def _day_ahead_of(*, seed: int, start: datetime, upto: datetime) -> list[Publication]:
    """Return the day-ahead files for the days of the span, newest first: they were published before it began."""
    due = feed.due(seed=seed, after=start - DAY_AHEAD_REACH, upto=upto)
    chosen = [one for one in due if one.kind in DAY_AHEAD and one.interval.end > start]
    return sorted(chosen, key=lambda one: one.published_at, reverse=True)
