"""The operating day of each market as data, and the hour labels that markets print.

Labels are only labels: they are read by connectors and shown on screens, never stored or calculated with.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from difflib import get_close_matches
from enum import StrEnum
from functools import lru_cache
from typing import ClassVar

from powerdesk.kernel import local_times
from powerdesk.kernel.intervals import DeliveryInterval, require_utc
from powerdesk.kernel.problem import Problem

_ONE_DAY = timedelta(days=1)
RESOLUTIONS_MINUTES = (60, 30, 15, 5)


class CalendarError(Problem):
    """A market has no calendar, a day has no such hour, or an interval does not fit the day."""

    slug: ClassVar[str] = "calendar"
    title: ClassVar[str] = "The market's calendar has no such day, hour or interval"


class HourCount(StrEnum):
    """How a market numbers the hours of its day."""

    COUNTED = "counted"
    """In order of time: 1 to 23, 24 or 25."""
    WALL = "wall"
    """By the wall clock at the beginning of the hour, plus one: 3 is missing in spring, 2 comes twice in autumn."""


@dataclass(frozen=True, slots=True)
class HourNaming:
    """How a market writes an hour.

    `pattern` may use {hour} (the number), {begin} (hour minus one), {day} and {zone} (abbreviation in force).
    `repeat_mark` is appended to the second of two equal hours; when empty the market sends a flag beside the label.
    """

    count: HourCount
    pattern: str
    repeat_mark: str = ""


@dataclass(frozen=True, slots=True)
class HourLabel:
    """The label of one clock hour. `repeated` marks the second of two hours of equal wall-clock time."""

    day: date
    hour_ending: int
    repeated: bool
    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class MarketCalendar:
    """The zone in which a market's operating day runs from midnight to midnight, and its naming of hours."""

    market: str
    zone: str
    naming: HourNaming

    def operating_day(self, instant: datetime) -> date:
        """Return the operating day that contains the UTC instant."""
        return require_utc(instant).astimezone(local_times.zone_of(self.zone)).date()

    def day_interval(self, day: date) -> DeliveryInterval:
        """Return the operating day in UTC: 23, 24 or 25 hours."""
        return _day_interval(self.zone, day)

    def intervals(self, day: date, *, minutes: int = 60) -> tuple[DeliveryInterval, ...]:
        """Return the intervals that tile the operating day in order; `minutes` is 60, 30, 15 or 5."""
        if minutes not in RESOLUTIONS_MINUTES:
            raise CalendarError(
                found=f"a resolution of {minutes} min",
                allowed="60, 30, 15 or 5 min",
                remedy="split an hour with DeliveryInterval.split for anything else",
            )
        return _tiles(self.zone, day, minutes)

    def hour_ending_labels(self, day: date) -> tuple[HourLabel, ...]:
        """Return the labels of the day's clock hours, in the order of `intervals(day)`."""
        return _labels(self, day)

    def label(self, interval: DeliveryInterval) -> HourLabel:
        """Return the label of the clock hour that contains the interval; CalendarError when it spans two."""
        day = self.operating_day(interval.start)
        position = (interval.start - self.day_interval(day).start) // timedelta(hours=1)
        if not _tiles(self.zone, day, 60)[position].covers(interval):
            raise CalendarError(
                found=f"{interval}", allowed="an interval within one clock hour", remedy="split it by hours first"
            )
        return _labels(self, day)[position]

    def interval_of(self, day: date, *, hour_ending: int | str, repeated: bool | None = None) -> DeliveryInterval:
        """Return the hour that the market means by its number (int) or its whole text (`"02X"`, `"02:00"`).

        Where the day has that label twice, `repeated` must choose: False the first, True the second. Raises
        CalendarError for an hour the day does not have, a missing choice, or a repeat mark on an hour that occurs once.
        """
        labels = _labels(self, day)
        wanted = hour_ending.strip() if isinstance(hour_ending, str) else hour_ending
        same = [n for n, x in enumerate(labels) if wanted == (x.text if isinstance(wanted, str) else x.hour_ending)]
        chosen = [n for n in same if repeated is None or labels[n].repeated == repeated]
        if len(chosen) != 1:
            raise CalendarError(
                found=f"hour ending {hour_ending!r}, repeated {repeated}, on {day} in {self.market}",
                allowed=", ".join(x.text + (" repeated" if x.repeated else "") for x in labels),
                remedy="say which occurrence with repeated=False or True"
                if chosen
                else "correct the hour, flag or day",
            )
        return _tiles(self.zone, day, 60)[chosen[0]]

    def resolve_local(self, local: datetime, *, repeated: bool | None = None) -> datetime:
        """Return the UTC instant of a naive time on the market's clock; see `local_times.resolve_local`."""
        return local_times.resolve_local(local, zone=self.zone, repeated=repeated)

    def local_time(self, instant: datetime) -> datetime:
        """Return the UTC instant on the market's wall clock, aware, with the abbreviation in force as tzname()."""
        return require_utc(instant).astimezone(local_times.zone_of(self.zone))


@lru_cache(maxsize=8192)
def _day_interval(zone: str, day: date) -> DeliveryInterval:
    return DeliveryInterval(_first_instant(zone, day), _first_instant(zone, day + _ONE_DAY))


@lru_cache(maxsize=8192)
def _first_instant(zone: str, day: date) -> datetime:
    """Return when the local date begins; a zone that skips midnight begins at the change."""
    info = local_times.zone_of(zone)
    return datetime(day.year, day.month, day.day, tzinfo=info).astimezone(UTC)


@lru_cache(maxsize=1024)
def _tiles(zone: str, day: date, minutes: int) -> tuple[DeliveryInterval, ...]:
    return _day_interval(zone, day).split(minutes)


@lru_cache(maxsize=1024)
def _labels(calendar: MarketCalendar, day: date) -> tuple[HourLabel, ...]:
    labels: list[HourLabel] = []
    naming = calendar.naming
    info = local_times.zone_of(calendar.zone)
    seen: set[int] = set()
    for position, tile in enumerate(_tiles(calendar.zone, day, 60), start=1):
        local = tile.start.astimezone(info)
        hour = position if naming.count is HourCount.COUNTED else local.hour + 1
        repeated = hour in seen
        seen.add(hour)
        text = naming.pattern.format(hour=hour, begin=hour - 1, day=day, zone=local.tzname())
        labels.append(HourLabel(day, hour, repeated, text + naming.repeat_mark if repeated else text))
    return tuple(labels)


_COUNTED = HourNaming(HourCount.COUNTED, "{hour}")
_TWO_DIGITS = HourNaming(HourCount.WALL, "{hour:02d}")
_EASTERN = "America/New_York"
_CENTRAL = "America/Chicago"
_FIXED_EST = "Etc/GMT+5"  # POSIX sign: UTC-5 all year

CALENDARS: dict[str, MarketCalendar] = {
    calendar.market: calendar
    for calendar in (
        MarketCalendar("CAISO", "America/Los_Angeles", _COUNTED),  # OPR_HR 1..25
        MarketCalendar("MISO", _FIXED_EST, HourNaming(HourCount.COUNTED, "HE {hour}")),  # always 24
        MarketCalendar("PJM", _EASTERN, _TWO_DIGITS),  # duplicate-hour flag beside the hour
        MarketCalendar("ERCOT", _CENTRAL, HourNaming(HourCount.WALL, "{hour:02d}:00")),  # DSTFlag / RepeatedHourFlag
        MarketCalendar("SPP", _CENTRAL, _TWO_DIGITS),  # files also carry GMT
        MarketCalendar("NYISO", _EASTERN, HourNaming(HourCount.WALL, "{day:%m/%d/%Y} {begin:02d}:00 {zone}")),
        MarketCalendar("ISONE", _EASTERN, HourNaming(HourCount.WALL, "{hour:02d}", repeat_mark="X")),
        MarketCalendar("IESO", _FIXED_EST, _COUNTED),  # always 24
        MarketCalendar("AESO", "America/Edmonton", HourNaming(HourCount.WALL, "{hour:02d}", repeat_mark="*")),
        MarketCalendar("SIM", _CENTRAL, _COUNTED),
    )
}


def calendar_of(market: str) -> MarketCalendar:
    """Return the calendar of a market code; CalendarError names the nearest known code."""
    try:
        return CALENDARS[market]
    except KeyError:
        near = get_close_matches(market.upper(), CALENDARS, n=1)
        raise CalendarError(
            found=f"market {market!r}",
            allowed=", ".join(CALENDARS),
            remedy=f"did you mean {near[0]}?" if near else "use a market code, or calendar_of_zone for another zone",
        ) from None


@lru_cache(maxsize=256)
def calendar_of_zone(zone: str) -> MarketCalendar:
    """Return a calendar for any IANA zone, its hours counted; LocalTimeError when the zone is unknown."""
    local_times.zone_of(zone)
    return MarketCalendar(zone, zone, _COUNTED)
