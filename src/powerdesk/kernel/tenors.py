"""Standard names of delivery periods: `Nov-26`, `Q1-27`, `Sum-27`, `Cal-28`, a day, a week, prompt month.

Seasons are those of North American power: `Sum` is July and August, `Win` January and February of the named year.
Weeks are ISO weeks, Monday to Sunday, of the ISO year. Two-digit years mean 2000 to 2099.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

from powerdesk.kernel.intervals import DeliveryInterval
from powerdesk.kernel.problem import Problem

if TYPE_CHECKING:
    from powerdesk.kernel.calendars import MarketCalendar

_CENTURY = 2000
_ONE_DAY = timedelta(days=1)
_DECEMBER = 12
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_EXAMPLES = "Nov-26, Q1-27, Sum-27, Win-27, Cal-28, Wk47-26, 2026-11-21, BalMo, PromptMonth"
_MONTH_TEXT = re.compile(rf"({'|'.join(_MONTHS)})-(\d\d)", re.ASCII)
_NUMBERED_TEXT = re.compile(r"(Q|Wk)(\d{1,2})-(\d\d)", re.ASCII)
_YEARLY_TEXT = re.compile(r"(Sum|Win|Cal)-(\d\d)", re.ASCII)
_DAY_TEXT = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


class TenorError(Problem):
    """A text is no tenor, or a relative tenor lacks the date it counts from."""

    slug: ClassVar[str] = "tenor"
    title: ClassVar[str] = "Not a delivery period"


class TenorKind(StrEnum):
    """What sort of period; the value is how its text form begins."""

    DAY = "day"
    WEEK = "Wk"
    MONTH = "month"
    QUARTER = "Q"
    SUMMER = "Sum"
    WINTER = "Win"
    CALENDAR_YEAR = "Cal"
    BALANCE_OF_MONTH = "BalMo"
    PROMPT_MONTH = "PromptMonth"


_RELATIVE = (TenorKind.BALANCE_OF_MONTH, TenorKind.PROMPT_MONTH)
_NUMBERS = {
    TenorKind.DAY: range(1, 367),
    TenorKind.WEEK: range(1, 54),
    TenorKind.MONTH: range(1, 13),
    TenorKind.QUARTER: range(1, 5),
}


@dataclass(frozen=True, slots=True)
class Days:
    """Local days [first, end): `end` is the day after the last."""

    first: date
    end: date

    @property
    def count(self) -> int:
        """How many days."""
        return (self.end - self.first).days

    def __contains__(self, day: date) -> bool:
        return self.first <= day < self.end


@dataclass(frozen=True, slots=True)
class Tenor:
    """A delivery period by its standard name; parse(str(x)) == x.

    `year` is the four-digit year (ISO year for weeks) and `number` the month, quarter, ISO week or day of the year;
    both are 0 where the kind has none. `BalMo` and `PromptMonth` name days only together with a date.
    """

    kind: TenorKind
    year: int = 0
    number: int = 0

    def __post_init__(self) -> None:
        years = range(1) if self.kind in _RELATIVE else range(_CENTURY, _CENTURY + 100)
        if self.year not in years or self.number not in _NUMBERS.get(self.kind, range(1)):
            raise _no_tenor(f"{self.kind} {self.number} of {self.year}")
        if self.kind not in _RELATIVE:
            self.days()  # week 53 of a year of 52, day 366 of a year of 365

    @classmethod
    def of_day(cls, day: date) -> Tenor:
        """Return the tenor of a single local day."""
        return cls(TenorKind.DAY, day.year, day.timetuple().tm_yday)

    @classmethod
    def of_month(cls, year: int, month: int) -> Tenor:
        """Return the tenor of a month."""
        return cls(TenorKind.MONTH, year, month)

    @classmethod
    def parse(cls, text: str) -> Tenor:
        """Return the tenor of its exact text form; raises TenorError."""
        if text in _RELATIVE:
            return cls(TenorKind(text))
        if match := _MONTH_TEXT.fullmatch(text):
            return cls(TenorKind.MONTH, _CENTURY + int(match[2]), _MONTHS.index(match[1]) + 1)
        if match := _NUMBERED_TEXT.fullmatch(text):
            tenor = cls(TenorKind(match[1]), _CENTURY + int(match[3]), int(match[2]))
        elif match := _YEARLY_TEXT.fullmatch(text):
            tenor = cls(TenorKind(match[1]), _CENTURY + int(match[2]))
        elif _DAY_TEXT.fullmatch(text):
            try:
                tenor = cls.of_day(date.fromisoformat(text))
            except ValueError as fault:
                raise _no_tenor(repr(text)) from fault
        else:
            raise _no_tenor(repr(text[:32]))
        if str(tenor) != text:  # Q01-27, Wk7-26
            raise _no_tenor(repr(text))
        return tenor

    def __str__(self) -> str:
        year = f"{self.year % 100:02d}"
        if self.kind is TenorKind.MONTH:
            return f"{_MONTHS[self.number - 1]}-{year}"
        if self.kind is TenorKind.DAY:
            return self.days().first.isoformat()
        if self.kind is TenorKind.WEEK:
            return f"Wk{self.number:02d}-{year}"
        if self.kind is TenorKind.QUARTER:
            return f"Q{self.number}-{year}"
        return self.kind.value if self.kind in _RELATIVE else f"{self.kind}-{year}"

    @property
    def is_relative(self) -> bool:
        """Whether the days depend on the date one asks on."""
        return self.kind in _RELATIVE

    def days(self, *, on: date | None = None) -> Days:
        """Return the local days of delivery; `on`, the local date of asking, is required for relative tenors only.

        `PromptMonth` is the month after that of `on`; `BalMo` runs from the day after `on` to the month's last day,
        and raises TenorError on the last day itself, when nothing is left.
        """
        if self.is_relative:
            return self._relative_days(on)
        if self.kind is TenorKind.DAY:
            first = date(self.year, 1, 1) + _ONE_DAY * (self.number - 1)
            if first.year != self.year:
                raise _no_tenor(f"day {self.number} of {self.year}")
            return Days(first, first + _ONE_DAY)
        if self.kind is TenorKind.WEEK:
            try:
                first = date.fromisocalendar(self.year, self.number, 1)
            except ValueError as fault:
                raise _no_tenor(f"week {self.number} of {self.year}") from fault
            return Days(first, first + 7 * _ONE_DAY)
        first_month, months = {
            TenorKind.MONTH: (self.number, 1),
            TenorKind.QUARTER: (3 * self.number - 2, 3),
            TenorKind.SUMMER: (7, 2),
            TenorKind.WINTER: (1, 2),
            TenorKind.CALENDAR_YEAR: (1, 12),
        }[self.kind]
        return Days(date(self.year, first_month, 1), _month_start(self.year, first_month + months))

    def _relative_days(self, on: date | None) -> Days:
        if on is None:
            raise TenorError(
                found=f"{self} without a date", allowed="a relative tenor with its date", remedy="pass on=<local date>"
            )
        next_month = _month_start(on.year, on.month + 1)
        if self.kind is TenorKind.PROMPT_MONTH:
            return Days(next_month, _month_start(next_month.year, next_month.month + 1))
        if on + _ONE_DAY == next_month:
            raise TenorError(
                found=f"BalMo on {on}, the last day of its month",
                allowed="a date with days left in the month",
                remedy="use PromptMonth",
            )
        return Days(on + _ONE_DAY, next_month)

    def interval(self, calendar: MarketCalendar, *, on: date | None = None) -> DeliveryInterval:
        """Return the delivery period in UTC, from midnight to midnight of the market's days."""
        days = self.days(on=on)
        return DeliveryInterval(calendar.day_interval(days.first).start, calendar.day_interval(days.end).start)


def _month_start(year: int, month: int) -> date:
    """Return the first day of the month, counting months past December into the next year."""
    return date(year + (month - 1) // _DECEMBER, (month - 1) % _DECEMBER + 1, 1)


def _no_tenor(found: str) -> TenorError:
    return TenorError(found=found, allowed=_EXAMPLES, remedy="write the period exactly as in one of the examples")
