"""The clock of SIM: its intervals, and when its day-ahead market closes and publishes."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import ClassVar

from powerdesk.kernel.calendars import CALENDARS
from powerdesk.kernel.intervals import DeliveryInterval
from powerdesk.kernel.problem import Problem

MARKET = "SIM"
CURRENCY = "USD"
STEP_S = 300
HOUR_S = 3600
GATE_HOUR = 10
"""Day-ahead offers and forecasts close at this hour of the market's clock on the day before."""

PUBLISH_HOUR = 13
"""Day-ahead results are published at this hour of the market's clock on the day before."""


class MarketTimeError(Problem):
    """An instant is not the start of an interval of SIM."""

    status: ClassVar[int] = 422
    slug: ClassVar[str] = "simulated-interval"
    title: ClassVar[str] = "Not an interval of the simulated market"


def gate_closure(*, operating_day: date) -> datetime:
    """Return when the day-ahead market of the day closes, UTC."""
    return _local_instant(operating_day - timedelta(days=1), GATE_HOUR)


def day_ahead_publication(*, operating_day: date) -> datetime:
    """Return when the day-ahead prices of the day are published, UTC."""
    return _local_instant(operating_day - timedelta(days=1), PUBLISH_HOUR)


def hours(*, operating_day: date) -> tuple[DeliveryInterval, ...]:
    """Return the 23, 24 or 25 hours of the operating day."""
    return tuple(CALENDARS[MARKET].intervals(operating_day))


def place_of(interval: DeliveryInterval) -> tuple[int, int]:
    """Return the hour of a five-minute interval (s since 1970) and its number there; raises MarketTimeError."""
    start_s = interval.start.timestamp()
    if interval.length != timedelta(seconds=STEP_S) or start_s % STEP_S:
        raise MarketTimeError(
            found=f"{interval}",
            allowed=f"{STEP_S // 60} minutes that begin at a multiple of {STEP_S // 60} minutes",
            remedy="round the start down to the grid",
        )
    hour, within = divmod(int(start_s), HOUR_S)
    return hour * HOUR_S, within // STEP_S


def five_minutes(start_s: int) -> DeliveryInterval:
    """Return the five-minute interval that begins at `start_s` (s since 1970)."""
    start = datetime.fromtimestamp(start_s, UTC)
    return DeliveryInterval(start, start + timedelta(seconds=STEP_S))


def _local_instant(day: date, hour: int) -> datetime:
    """Return the UTC instant of a whole hour of the market's clock; the hours used here exist on every day."""
    return CALENDARS[MARKET].resolve_local(datetime.combine(day, time(hour))).astimezone(UTC)
