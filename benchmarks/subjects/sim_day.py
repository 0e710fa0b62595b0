"""The simulated market: a day cleared whole, one interval asked alone, a large file written and read.

A day is its commitment, 24 day-ahead hours and 288 five-minute intervals on 73 buses, cold; seconds are of this
process's processor time. Peer of the file read:
Python's csv module.
"""

from __future__ import annotations

import csv
import io
import itertools
import time
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from harness import Measurement, timed
from powerdesk.kernel.intervals import DeliveryInterval
from powerdesk.simulation import feed, market, parsing, payloads, planning, times, world
from powerdesk.simulation.types import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from powerdesk.simulation.types import Publication

START = datetime(2026, 1, 12, 6, tzinfo=UTC)
DAYS = (date(2026, 1, 13), date(2026, 4, 21), date(2026, 7, 15), date(2026, 10, 10))
LOCATIONS = 18_500
SEED = 1


def measure() -> Iterator[Measurement]:
    """Yield the measurements of the simulated market."""
    whole = tuple(day_taken(day) for day in DAYS)
    yield Measurement(case="a day: commitment, 24 DA, 288 RT5", values=tuple(map(sum, whole)), unit="s", target=5.0)
    for name, values in zip(("commitment", "24 DA hours", "288 RT5 intervals"), zip(*whole, strict=True), strict=True):
        yield Measurement(case=f"of it: {name}", values=values, unit="s")
    yield one_interval()
    publication = first(Kind.REAL_TIME_PRICES)
    large = payloads.payload(publication, seed=SEED, size=LOCATIONS)
    yield Measurement(
        case=f"write a file of {LOCATIONS} locations",
        values=timed(lambda: payloads.payload(publication, seed=SEED, size=LOCATIONS), runs=30),
        unit="ms",
    )
    yield Measurement(
        case=f"parse a file of {LOCATIONS} locations",
        values=timed(lambda: parsing.parse(large), runs=50),
        unit="ms",
        peer="csv module, floats and instants",
        peer_values=timed(lambda: read_by_csv(large), runs=5),
        target=25.0,
    )


def day_taken(day: date) -> tuple[float, float, float]:
    """Return the processor seconds of a day's commitment, day-ahead and real time."""
    grid = world.default()
    began = time.process_time()
    planning.plan(grid, seed=SEED, operating_day=day)
    planned = time.process_time()
    market.day_ahead(grid, seed=SEED, operating_day=day)
    ahead = time.process_time()
    for one in times.hours(operating_day=day):
        market.hour(grid, seed=SEED, start_s=int(one.start.timestamp()))
    return planned - began, ahead - planned, time.process_time() - ahead


def one_interval() -> Measurement:
    """Return the time of the last interval of an hour asked alone, on a day whose commitment is known."""
    hours = itertools.count()
    planning.plan(world.default(), seed=SEED, operating_day=DAYS[0])
    begin = times.hours(operating_day=DAYS[0])[0].start

    def ours() -> object:
        start = begin + timedelta(hours=next(hours) % 24, minutes=55)
        market.hour.cache_clear()
        return market.real_time(world.default(), seed=SEED, interval=DeliveryInterval.of_minutes(start, 5))

    return Measurement(case="one RT5 interval alone", values=timed(ours, runs=24, warm_up=2), unit="ms", target=100.0)


def first(kind: Kind) -> Publication:
    """Return the first publication of a kind after the start."""
    return next(one for one in feed.due(seed=SEED, after=START, upto=START + timedelta(days=2)) if one.kind is kind)


def read_by_csv(payload: bytes) -> list[tuple[object, ...]]:
    """Read the file with nothing but the standard library."""
    lines = io.StringIO(payload.decode())
    rows = csv.reader(itertools.islice(lines, 3, None))
    return [
        (row[0], datetime.fromisoformat(row[1]), datetime.fromisoformat(row[2]), *map(float, row[3:])) for row in rows
    ]
