"""When SIM publishes what, as pure functions of time: live polling, back-fill and replay ask the same schedule."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from powerdesk.kernel.calendars import CALENDARS
from powerdesk.kernel.intervals import DeliveryInterval, require_utc
from powerdesk.kernel.problem import Problem
from powerdesk.simulation import noise, outages, places, times, world
from powerdesk.simulation.types import Kind, Publication

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from powerdesk.simulation.world import World

STEP = timedelta(seconds=times.STEP_S)
ONE_HOUR = timedelta(hours=1)
ONE_DAY = timedelta(days=1)
PRICES_AFTER_START = timedelta(seconds=15)
CONDITIONS_AFTER_END = timedelta(seconds=30)
HOURLY_AFTER_ISSUE = timedelta(minutes=2)
HOURLY_REACH = timedelta(hours=24)
TRUTH_AFTER_END = timedelta(minutes=1)
LONGEST_RANGE = timedelta(days=400)

CORRECTION_CHANCE = 0.012
CORRECTION_SOONEST = timedelta(minutes=30)
CORRECTION_SPAN_MINUTES = 60


class ScheduleRangeError(Problem):
    """A range of the schedule runs backwards or is too long for one question."""

    status: ClassVar[int] = 422
    slug: ClassVar[str] = "simulated-schedule-range"
    title: ClassVar[str] = "Not a range of the simulated market's schedule"


def due(*, seed: int, after: datetime, upto: datetime) -> tuple[Publication, ...]:
    """Return what SIM publishes with `after` < published_at <= `upto` (UTC), in order of publication, then of kind.

    So consecutive ranges tile: nothing twice, nothing missed. O(intervals in range). Raises ScheduleRangeError.
    """
    require_utc(after), require_utc(upto)
    if not timedelta(0) <= upto - after <= LONGEST_RANGE:
        raise ScheduleRangeError(
            found=f"{after.isoformat()} to {upto.isoformat()}",
            allowed=f"a range of 0 to {LONGEST_RANGE.days} days",
            remedy="ask for shorter ranges one after another",
        )
    candidates = [*_real_time(seed, after, upto), *_hourly(after, upto), *_of_days(seed, after, upto)]
    chosen = [one for one in candidates if after < one.published_at <= upto]
    return tuple(sorted(chosen, key=lambda one: (one.published_at, one.kind.value, one.interval)))


def publications_of(*, seed: int, interval: DeliveryInterval) -> tuple[Publication, ...]:
    """Return what SIM ever publishes about one five-minute interval, its correction included when there is one."""
    found = [
        Publication(Kind.REAL_TIME_PRICES, interval, interval.start + PRICES_AFTER_START),
        Publication(Kind.SYSTEM_CONDITIONS, interval, interval.end + CONDITIONS_AFTER_END),
        Publication(Kind.REAL_TIME_CONSTRAINTS, interval, interval.start + PRICES_AFTER_START),
    ]
    keys = noise.stream_keys(seed=seed, names=("correction", "correction-delay"))
    chance, delay = noise.uniform(keys, index=int(interval.start.timestamp())).tolist()
    if chance < CORRECTION_CHANCE:
        wait = CORRECTION_SOONEST + timedelta(minutes=int(delay * CORRECTION_SPAN_MINUTES))
        again = Kind.CORRECTED_PRICES, Kind.CORRECTED_CONSTRAINTS
        found.extend(Publication(kind, interval, interval.end + wait) for kind in again)
    return tuple(found)


def day_ahead_publications(*, operating_day_interval: DeliveryInterval) -> tuple[Publication, ...]:
    """Return forecasts, prices and constraints of one operating day, given as its interval of 23, 24 or 25 hours."""
    day = CALENDARS[times.MARKET].operating_day(operating_day_interval.start)
    cleared_at = times.day_ahead_publication(operating_day=day)
    return (
        Publication(Kind.DAY_AHEAD_FORECASTS, operating_day_interval, times.gate_closure(operating_day=day)),
        Publication(Kind.DAY_AHEAD_PRICES, operating_day_interval, cleared_at),
        Publication(Kind.DAY_AHEAD_CONSTRAINTS, operating_day_interval, cleared_at),
    )


def network_models(
    *, seed: int, operating_day_interval: DeliveryInterval, grid: World | None = None
) -> tuple[Publication, ...]:
    """Return the network models of one operating day: as it begins, and whenever a line goes out or returns."""
    begin, end = operating_day_interval.start, operating_day_interval.end
    instants = outages.line_changes(
        grid or world.default(), seed=seed, after_s=int(begin.timestamp()), upto_s=int(end.timestamp()) - times.STEP_S
    )
    starts = [begin, *(datetime.fromtimestamp(at_s, UTC) for at_s in instants)]
    return tuple(Publication(Kind.NETWORK_MODEL, DeliveryInterval(start, end), start) for start in starts)


def of_hour(*, start: datetime) -> tuple[Publication, ...]:
    """Return the forecasts issued as an hour begins, and the truth told when it has ended."""
    ahead, hour = DeliveryInterval(start, start + HOURLY_REACH), DeliveryInterval(start, start + ONE_HOUR)
    return (
        Publication(Kind.HOURLY_FORECASTS, ahead, start + HOURLY_AFTER_ISSUE),
        Publication(Kind.TRUTH, hour, hour.end + TRUTH_AFTER_END),
    )


def locations(*, size: int | None = None) -> pa.Table:
    """Return the locations that SIM prices; see `places.location_table`. `size` None is the natural number."""
    return places.location_table(size=places.base_count() if size is None else size)


def _real_time(seed: int, after: datetime, upto: datetime) -> Iterator[Publication]:
    """Yield publications of five-minute intervals, a little more than the range needs; corrections reach back."""
    furthest = STEP + CORRECTION_SOONEST + timedelta(minutes=CORRECTION_SPAN_MINUTES)
    first = _floor(after - furthest, STEP)
    count = (upto - first) // STEP + 1
    starts = np.arange(count, dtype=np.int64) * int(STEP.total_seconds()) + int(first.timestamp())
    keys = noise.stream_keys(seed=seed, names=("correction",))
    corrected = noise.uniform(keys, index=starts) < CORRECTION_CHANCE
    recent = _floor(after - STEP - CONDITIONS_AFTER_END, STEP)
    for number, has_correction in enumerate(corrected.tolist()):
        start = first + number * STEP
        if has_correction or start >= recent:
            yield from publications_of(seed=seed, interval=DeliveryInterval(start, start + STEP))


def _hourly(after: datetime, upto: datetime) -> Iterator[Publication]:
    """Yield the files of whole hours around the range."""
    start = _floor(after - ONE_HOUR - TRUTH_AFTER_END, ONE_HOUR)
    while start <= upto:
        yield from of_hour(start=start)
        start += ONE_HOUR


def _of_days(seed: int, after: datetime, upto: datetime) -> Iterator[Publication]:
    """Yield the day-ahead files and network models around the range."""
    calendar = CALENDARS[times.MARKET]
    day = calendar.operating_day(after)
    last = calendar.operating_day(upto) + ONE_DAY
    while day <= last:
        interval = calendar.day_interval(day)
        yield from day_ahead_publications(operating_day_interval=interval)
        yield from network_models(seed=seed, operating_day_interval=interval)
        day += ONE_DAY


def _floor(instant: datetime, step: timedelta) -> datetime:
    """Return the last multiple of `step` since 1970 that is not after the instant."""
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return epoch + (instant - epoch) // step * step
