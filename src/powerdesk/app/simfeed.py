"""The feed of the simulated market: history on the first start, newest first, then every file as it falls due."""

from __future__ import annotations

import itertools
import logging
import threading
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from powerdesk.kernel.calendars import CALENDARS
from powerdesk.markets.feeds import FeedSpec
from powerdesk.simulation import feed, making, parsing
from powerdesk.simulation.types import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from powerdesk.app.settings import SimSettings
    from powerdesk.engines.ports.compute import Compute
    from powerdesk.engines.ports.objects import Objects
    from powerdesk.kernel.clock import Clock
    from powerdesk.simulation.types import Plan, Publication

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
PLANS_KEPT = 8
LOOK_EVERY_S = 1.0
ONE_DAY = timedelta(days=1)
OF_DAYS = frozenset({Kind.DAY_AHEAD_PRICES, Kind.DAY_AHEAD_CONSTRAINTS, Kind.DAY_AHEAD_FORECASTS, Kind.NETWORK_MODEL})
"""Files about a whole operating day: those that hold now come out first, the others with the history of their day."""


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
        self._at_work = False
        self._progress: BackfillProgress | None = None
        self._started_at: float | None = None
        self._done_before = 0.0
        self._plans: dict[date, Plan] = {}
        self.first_prices = threading.Event()
        """Set once the prices of the last hour and the day-ahead prices of today are on their way."""

    @property
    def progress(self) -> BackfillProgress | None:
        """The making of history, here or by the process that publishes in this one's place; None when complete."""
        return self._progress if self._at_work else kept_progress(self._objects)

    def run(self, stop: threading.Event) -> None:
        """Publish what is due, then a piece of history, until told to stop."""
        self._at_work, self._started_at = True, None
        try:
            self._run(stop)
        finally:
            self._at_work = False

    def _run(self, stop: threading.Event) -> None:
        cursor = self._opened(stop)
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

    def _opened(self, stop: threading.Event) -> Cursor:
        """Return the kept cursor; a pause of the desk becomes history to be made, and so does the first start."""
        now = self._clock.now()
        cursor = _kept(self._objects)
        if cursor is None or cursor.seed != self._settings.seed:
            start = now - timedelta(days=self._settings.backfill_days)
            return self._begun(now, start, stop)
        if now - cursor.upto > CHUNK:
            start = min(cursor.upto, cursor.history_start) if cursor.history_end > cursor.history_start else cursor.upto
            return self._begun(now, max(start, now - feed.LONGEST_RANGE + CHUNK), stop)
        return cursor

    def _begun(self, now: datetime, start: datetime, stop: threading.Event) -> Cursor:
        """Publish the newest interval, then files of days that hold now or later, then the rest of the hour."""
        recent = now - CHUNK
        due = feed.due(seed=self._settings.seed, after=recent, upto=now)
        lately = [one for one in reversed(due) if one.kind not in OF_DAYS]
        seed = self._settings.seed
        ahead = [one for one in reversed(_of_days(seed, recent, now + ONE_DAY)) if one.published_at <= now]
        cursor = Cursor(
            upto=now,
            history_start=min(start, recent),
            history_end=recent,
            history_total_s=max(0.0, (recent - start).total_seconds()),
            seed=self._settings.seed,
        )
        latest = max((one.interval.start for one in lately if one.kind is Kind.REAL_TIME_PRICES), default=now)
        newest = [one for one in lately if one.interval.start == latest]
        rest = [one for one in lately if one not in newest]
        if not self._publish([*newest, *ahead, *rest], stop):
            return cursor
        self.first_prices.set()
        return self._keep(cursor)

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
        wanted = [one for one in reversed(due) if one.kind not in OF_DAYS]
        if not self._publish([*_of_days_within(cursor, start), *wanted], stop):
            return cursor
        moved = self._keep(msgspec.structs.replace(cursor, history_end=start))
        self._show(moved)
        return moved

    def _publish(self, publications: Iterable[Publication], stop: threading.Event) -> bool:
        """Make the files in another process, day by day, while earlier ones are taken in; False when told to stop."""
        for day, files in itertools.groupby(publications, key=_day_of):
            if not self._publish_of_day(day, list(files), stop):
                return False
        return not stop.is_set()

    def _publish_of_day(self, day: date, publications: list[Publication], stop: threading.Event) -> bool:
        size, seed, plan = self._settings.locations or None, self._settings.seed, self._plan(day)
        waiting = [
            (one, self._compute.submit(making.payload, one, seed=seed, size=size, plan=plan)) for one in publications
        ]
        for one, made in waiting:
            if stop.is_set():
                made.cancel()
                continue
            name = f"{one.kind.value}-{one.interval.start:%Y%m%dT%H%M}Z"
            self._receive(made.result(), name, one)
        return not stop.is_set()

    def _plan(self, day: date) -> Plan:
        """Return the day's commitment, kept here because idle processes end and forget theirs."""
        if day not in self._plans:
            self._plans[day] = self._compute.submit(making.plan, day, seed=self._settings.seed).result()
            while len(self._plans) > PLANS_KEPT:
                del self._plans[next(iter(self._plans))]
        return self._plans[day]

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


def _day_of(publication: Publication) -> date:
    """Return the operating day whose commitment the file needs."""
    return CALENDARS[SPEC.market].operating_day(publication.interval.start)


def _of_days(seed: int, start: datetime, end: datetime) -> list[Publication]:
    """Return the files of the days that overlap the span, newest first."""
    calendar = CALENDARS[SPEC.market]
    day, last = calendar.operating_day(start), calendar.operating_day(end)
    found: list[Publication] = []
    while day <= last:
        interval = calendar.day_interval(day)
        found += feed.network_models(seed=seed, operating_day_interval=interval)
        found += feed.day_ahead_publications(operating_day_interval=interval)
        day += ONE_DAY
    return found[::-1]


def _of_days_within(cursor: Cursor, start: datetime) -> list[Publication]:
    """Return the files of days that go with the piece of history from `start`: of days that end in it.

    So a day's network models are there before its prices, which are explained by them. Days that reach beyond the whole
    of history came out at the beginning.
    """
    recent = cursor.history_start + timedelta(seconds=cursor.history_total_s)
    return [
        one
        for one in _of_days(cursor.seed, start, cursor.history_end)
        if one.interval.end <= recent
        and start < CALENDARS[SPEC.market].day_interval(_day_of(one)).end <= cursor.history_end
    ]
