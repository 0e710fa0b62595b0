"""On-peak and off-peak hours by named calendars, each fixed for ever under its name and year.

A calendar has a block of sixteen hours; a peak day is one of its week days that is no NERC holiday. Shapes:
`7x24` every hour; `5x16` (or `6x16` where Saturday is a peak day) the block on peak days; `2x16` (or `1x16`) the
block on all other days, holidays included; `7x8` the hours outside the block; `off-peak` all but the peak ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

from powerdesk.kernel import calendars, local_times
from powerdesk.kernel.intervals import DeliveryInterval
from powerdesk.kernel.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

_SUNDAY = 6
_BLOCK_HOURS = 16
_NERC_NAMES = frozenset(
    {"New Year's Day", "Memorial Day", "Independence Day", "Labor Day", "Thanksgiving Day", "Christmas Day"}
)


class LoadShapeError(Problem):
    """A calendar is unknown, has no such shape, or an interval lies in two shapes."""

    slug: ClassVar[str] = "load-shape"
    title: ClassVar[str] = "The load shape does not fit"


class LoadShape(StrEnum):
    """Which hours of a period a product delivers in."""

    AROUND_THE_CLOCK = "7x24"
    PEAK_5X16 = "5x16"
    PEAK_6X16 = "6x16"
    WEEKEND_2X16 = "2x16"
    SUNDAY_1X16 = "1x16"
    NIGHT_7X8 = "7x8"
    OFF_PEAK = "off-peak"


@lru_cache(maxsize=256)
def nerc_holidays(year: int) -> tuple[date, ...]:
    """Return the six NERC holidays of a year, as observed: Sunday moves to Monday, Saturday stays."""
    from holidays.countries.united_states import UnitedStates  # noqa: PLC0415 - 200 ms that few callers need

    every = UnitedStates(years=year, observed=False)  # type: ignore[no-untyped-call]  # the library has no types here
    days = sorted(day for day, name in every.items() if name in _NERC_NAMES)
    if len(days) != len(_NERC_NAMES):
        raise LoadShapeError(
            found=f"{len(days)} NERC holidays in {year}",
            allowed=f"{len(_NERC_NAMES)} a year",
            remedy="use a year from 1971 on, and a release of `holidays` that keeps the English names",
        )
    return tuple(day + timedelta(days=1) if day.weekday() == _SUNDAY else day for day in days)


@dataclass(frozen=True, slots=True)
class PeakCalendar:
    """A named definition of peak hours: `block_start_hour` on the wall clock of `zone`, sixteen hours long.

    Hour-ending 8 to 23 is block_start_hour 7. `peak_weekdays` counts from 5 (Monday to Friday) to 6 (to Saturday).
    """

    name: str
    zone: str
    block_start_hour: int
    peak_weekdays: int

    @property
    def peak_shape(self) -> LoadShape:
        """The name of this calendar's peak product."""
        return LoadShape(f"{self.peak_weekdays}x16")

    @property
    def rest_shape(self) -> LoadShape:
        """The name of the sixteen hours on days that are not peak days."""
        return LoadShape(f"{7 - self.peak_weekdays}x16")

    @property
    def shapes(self) -> tuple[LoadShape, ...]:
        """The shapes that mean something under this calendar."""
        return (
            LoadShape.AROUND_THE_CLOCK,
            self.peak_shape,
            self.rest_shape,
            LoadShape.NIGHT_7X8,
            LoadShape.OFF_PEAK,
        )

    def is_peak_day(self, day: date) -> bool:
        """Tell whether the local date is a peak week day and no NERC holiday."""
        return day.weekday() < self.peak_weekdays and day not in nerc_holidays(day.year)

    def is_on_peak(self, interval: DeliveryInterval) -> bool:
        """Tell whether the interval is on-peak; LoadShapeError when it is so only in part."""
        day = calendars.calendar_of_zone(self.zone).operating_day(interval.start)
        block = _peak_block(self, day)
        if block is not None and block.covers(interval):
            return True
        on_peak_hours = self.hours(interval, shape=self.peak_shape) if self._may_touch(interval, day, block) else 0.0
        if on_peak_hours == 0:
            return False
        if on_peak_hours != interval.hours:
            raise LoadShapeError(
                found=f"{interval}, {on_peak_hours} h of it on-peak in {self.name}",
                allowed="an interval on one side of the peak block's edges",
                remedy="split the interval by hours first, or ask for `hours`",
            )
        return True

    def _may_touch(self, interval: DeliveryInterval, day: date, block: DeliveryInterval | None) -> bool:
        """Tell whether the interval, which starts on `day`, leaves the day or overlaps its peak block."""
        within = calendars.calendar_of_zone(self.zone).day_interval(day).covers(interval)
        return not within or (block is not None and block.overlaps(interval))

    def blocks(self, period: DeliveryInterval, *, shape: LoadShape) -> tuple[DeliveryInterval, ...]:
        """Return the maximal intervals of `period` that belong to the shape, in order. O(days)."""
        if shape not in self.shapes:
            raise LoadShapeError(
                found=f"shape {shape} in {self.name}",
                allowed=", ".join(self.shapes),
                remedy="use a shape of this calendar, or the calendar that defines the shape",
            )
        if shape is LoadShape.AROUND_THE_CLOCK:
            return (period,)
        merged: list[DeliveryInterval] = []
        for piece in self._pieces(period, shape):
            cut = piece.intersection(period)
            if cut is None:
                continue
            if merged and merged[-1].end == cut.start:
                cut = DeliveryInterval(merged.pop().start, cut.end)
            merged.append(cut)
        return tuple(merged)

    def hours(self, period: DeliveryInterval, *, shape: LoadShape) -> float:
        """Return how many hours of `period` belong to the shape, clock changes counted as they are."""
        length = sum((block.length for block in self.blocks(period, shape=shape)), start=timedelta(0))
        return length / timedelta(hours=1)

    def _pieces(self, period: DeliveryInterval, shape: LoadShape) -> Iterator[DeliveryInterval]:
        calendar = calendars.calendar_of_zone(self.zone)
        day = calendar.operating_day(period.start)
        while calendar.day_interval(day).start < period.end:
            whole, block = calendar.day_interval(day), self._block(day)
            peak = self.is_peak_day(day)
            if shape in (LoadShape.NIGHT_7X8, LoadShape.OFF_PEAK):
                yield DeliveryInterval(whole.start, block.start)
            if (shape is self.peak_shape and peak) or (shape in (self.rest_shape, LoadShape.OFF_PEAK) and not peak):
                yield block
            if shape in (LoadShape.NIGHT_7X8, LoadShape.OFF_PEAK):
                yield DeliveryInterval(block.end, whole.end)
            day += timedelta(days=1)

    def _block(self, day: date) -> DeliveryInterval:
        start = datetime(day.year, day.month, day.day, self.block_start_hour)  # noqa: DTZ001 - wall clock, resolved below
        end = start + timedelta(hours=_BLOCK_HOURS)
        return DeliveryInterval(
            local_times.resolve_local(start, zone=self.zone), local_times.resolve_local(end, zone=self.zone)
        )


@lru_cache(maxsize=4096)
def _peak_block(calendar: PeakCalendar, day: date) -> DeliveryInterval | None:
    return calendar._block(day) if calendar.is_peak_day(day) else None  # noqa: SLF001 - the cache of its own method


PEAK_CALENDARS: dict[str, PeakCalendar] = {
    calendar.name: calendar
    for calendar in (
        PeakCalendar("NERC-EAST-2024", "America/New_York", 7, 5),  # PJM, NYISO, ISO-NE: HE08-23 Eastern prevailing
        PeakCalendar("MISO-2024", "Etc/GMT+5", 7, 5),  # HE08-23 EST all year, as MISO keeps its market day
        PeakCalendar("MISO-EPT-2024", "America/New_York", 7, 5),  # contracts that say Eastern prevailing
        PeakCalendar("ERCOT-2024", "America/Chicago", 6, 5),  # HE07-22 Central prevailing
        PeakCalendar("SPP-2024", "America/Chicago", 6, 5),  # HE07-22 Central prevailing
        PeakCalendar("CAISO-2024", "America/Los_Angeles", 6, 6),  # WECC: Monday to Saturday HE07-22 Pacific prevailing
    )
}


def peak_calendar(name: str) -> PeakCalendar:
    """Return the calendar of that name; raises LoadShapeError."""
    try:
        return PEAK_CALENDARS[name]
    except KeyError:
        raise LoadShapeError(
            found=f"peak calendar {name!r}",
            allowed=", ".join(PEAK_CALENDARS),
            remedy="name the calendar with its year; which one applies is a term of the contract",
        ) from None


def is_on_peak(interval: DeliveryInterval, *, calendar: str) -> bool:
    """Tell whether the interval is on-peak in the named calendar; LoadShapeError when only in part."""
    return peak_calendar(calendar).is_on_peak(interval)


def hours(period: DeliveryInterval, *, shape: LoadShape, calendar: str) -> float:
    """Return the hours of `period` in the shape under the named calendar."""
    return peak_calendar(calendar).hours(period, shape=shape)
