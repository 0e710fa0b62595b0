"""The order in which the simulated feed publishes: what holds now first, each file of a day once, with its history."""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import running_desk

from powerdesk.app import simfeed
from powerdesk.kernel.calendars import CALENDARS
from powerdesk.simulation import feed
from powerdesk.simulation.types import Kind

if TYPE_CHECKING:
    from pathlib import Path

    from powerdesk.simulation.types import Publication

RECENT = datetime(2026, 3, 9, 17, tzinfo=UTC)


@pytest.mark.parametrize("days", [0.3, 2.0, 5.5])
def test_files_of_days__come_once_each_before_the_prices_of_their_day(days: float) -> None:
    start = RECENT - timedelta(days=days)
    cursor = simfeed.Cursor(upto=RECENT, history_start=start, history_end=RECENT, history_total_s=days * 86_400, seed=3)
    at_first = [one for one in simfeed._of_days(3, RECENT, RECENT + timedelta(days=1)) if one.published_at <= RECENT]
    found: list[Publication] = []
    while cursor.history_end > cursor.history_start:
        piece = max(cursor.history_start, cursor.history_end - simfeed.CHUNK)
        found += simfeed._of_days_within(cursor, piece)
        known = {one.interval.end for one in (*at_first, *found) if one.kind is Kind.NETWORK_MODEL}
        assert CALENDARS["SIM"].day_interval(CALENDARS["SIM"].operating_day(piece)).end in known
        cursor.history_end = piece
    assert not set(found) & set(at_first)
    assert len(set(found)) == len(found)
    calendar = CALENDARS["SIM"]
    day, wanted = calendar.operating_day(start), set()
    while day <= calendar.operating_day(RECENT):
        interval = calendar.day_interval(day)
        wanted |= set(feed.day_ahead_publications(operating_day_interval=interval))
        wanted |= set(feed.network_models(seed=3, operating_day_interval=interval))
        day += timedelta(days=1)
    assert {one for one in wanted if one.published_at <= RECENT} <= {*found, *at_first}


class _Here:
    """The Compute port in this thread: real work, no other process."""

    def submit(self, function: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(function(*args, **kwargs))
        return done

    def shutdown(self) -> None:
        """Have nothing to end."""

    def version(self) -> str:
        """Return what this is."""
        return "this thread"


def test_first_start__publishes_the_newest_prices_first_then_files_of_days_then_history(tmp_path: Path) -> None:
    with running_desk.running(tmp_path) as served:
        clock, objects = served.clock, served.desk.engines.objects
        clock.instant = RECENT
        taken: list[Publication] = []

        def receive(payload: bytes, name: str, publication: Publication) -> None:
            assert payload.startswith(b"#SIM,")
            assert publication.kind.value in name
            taken.append(publication)

        stop = threading.Event()
        one = simfeed.SimFeed(
            settings=served.desk.settings.sim.model_copy(update={"seed": 1, "backfill_days": 0.1, "locations": 0}),
            clock=clock,
            compute=_Here(),
            objects=objects,
            receive=receive,
            paused=lambda: False,
        )
        cursor = one._opened(stop)
        assert one.first_prices.is_set()
        begin = list(taken)
        while cursor.history_end > cursor.history_start:
            cursor = one._publish_history(cursor, stop)
        assert len(set(taken)) == len(taken)
        prices = [it.interval.start for it in begin if it.kind is Kind.REAL_TIME_PRICES]
        assert begin[0].published_at > RECENT - timedelta(minutes=6)
        assert prices == sorted(prices, reverse=True)
        kinds = [it.kind in simfeed.OF_DAYS for it in begin]
        groups = [(of_days, len(list(group))) for of_days, group in itertools.groupby(kinds)]
        assert [of_days for of_days, _ in groups] == [False, True, False]
        assert groups[0][1] <= 4  # one interval
        every = [it.interval.start for it in taken if it.kind is Kind.REAL_TIME_PRICES]
        assert every == sorted(every, reverse=True)
        assert (len(every), every[-1]) == (28, RECENT - timedelta(hours=2, minutes=20))  # published after 14:36
