"""Half-open spans of UTC time, and instants as text.

A local day, an hour-ending label or a clock change never appears here: they live in `kernel.calendars`.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Self

from powerdesk.kernel.problem import Problem

ONE_HOUR = timedelta(hours=1)
_ZERO = timedelta(0)
_RFC3339 = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt ]((?!24)\d{2}:\d{2})(:\d{2})?(?:\.(\d{1,9}))?([Zz]|[+-]\d{2}:\d{2})", re.ASCII
)
_DURATION = re.compile(r"PT(?=\d)(?:(\d{1,9})H)?(?:(\d{1,2})M)?(?:(\d{1,2})(?:\.(\d{1,6}))?S)?", re.ASCII)
_MICRO_DIGITS = 6
_SHORT_UTC_LENGTH = len("2026-03-08T08:00:00Z")


class InstantError(Problem):
    """A text or a datetime is not one point in time."""

    slug: ClassVar[str] = "instant"
    title: ClassVar[str] = "Not an instant with an offset"


class IntervalError(Problem):
    """A span of time is empty, runs backwards, or cannot be cut as asked."""

    slug: ClassVar[str] = "interval"
    title: ClassVar[str] = "Not a half-open interval of UTC time"


def parse_instant(text: str) -> datetime:
    """Return the UTC instant of an RFC 3339 text; the offset is required, seconds may be left out.

    Raises InstantError for a missing offset, a date that does not exist, a leap second, or more precision than
    one microsecond.
    """
    if len(text) == _SHORT_UTC_LENGTH and text.endswith("Z") and text[10] == "T":
        try:
            instant = datetime.fromisoformat(text)
        except ValueError:
            pass
        else:
            # the basic and week forms and hour 24 are ISO 8601 that RFC 3339 leaves out
            if text[4] == text[7] == "-" and text[13] == ":" and text[11:13] != "24":
                return instant
    return _parse_general(text)


def _parse_general(text: str) -> datetime:
    match = _RFC3339.fullmatch(text)
    if match is None:
        remedy = "write the offset, for example 2026-03-08T08:00:00Z or 2026-03-08T00:00:00-08:00"
        if re.fullmatch(r".*T.* \d{2}:\d{2}", text):
            remedy = "encode the plus sign of the offset as %2B in a URL"
        raise _no_instant(text, remedy)
    day, minute, second, fraction, offset = match.groups()
    fraction = fraction or ""
    if fraction and (second is None or fraction[_MICRO_DIGITS:].strip("0")):
        raise _no_instant(text, "give whole seconds and at most six decimals of them")
    micro = fraction[:_MICRO_DIGITS].ljust(_MICRO_DIGITS, "0")
    try:
        return datetime.fromisoformat(f"{day}T{minute}{second or ':00'}.{micro}{offset.upper()}").astimezone(UTC)
    except (ValueError, OverflowError) as fault:
        raise _no_instant(text, f"correct the date, time or offset ({fault})") from fault


def _no_instant(text: str, remedy: str) -> InstantError:
    return InstantError(found=f"{text[:64]!r}", allowed="RFC 3339 date and time with offset", remedy=remedy)


def require_utc(instant: datetime) -> datetime:
    """Return the instant with tzinfo `datetime.UTC`; refuse naive datetimes and any zone that is not UTC itself.

    A zone such as Europe/London is refused even in winter: arithmetic on it would be wall-clock arithmetic.
    """
    zone = instant.tzinfo
    if zone is UTC:
        return instant
    if zone is not None and zone.utcoffset(None) == _ZERO:
        return instant.astimezone(UTC)
    raise InstantError(
        found=f"{instant!r}",
        allowed="a datetime in UTC",
        remedy="convert with .astimezone(datetime.UTC); a naive local time goes through kernel.local_times first",
    )


def format_instant(instant: datetime) -> str:
    """Return `2026-03-08T08:00:00Z`, with six decimals only when the microseconds are not zero."""
    text = require_utc(instant).replace(tzinfo=None).isoformat()
    return text + "Z"


@dataclass(frozen=True, slots=True, order=True)
class DeliveryInterval:
    """[start, end) in UTC. Text form: start and ISO 8601 duration, `2026-03-08T08:00Z/PT1H`; parse(str(x)) == x.

    Raises InstantError for a bound that is not UTC, IntervalError when end is not after start.
    """

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is not UTC or self.end.tzinfo is not UTC:
            object.__setattr__(self, "start", require_utc(self.start))
            object.__setattr__(self, "end", require_utc(self.end))
        if self.end <= self.start:
            raise IntervalError(
                found=f"start {self.start.isoformat()}, end {self.end.isoformat()}",
                allowed="an end after its start",
                remedy="give the end exclusive: the start of the following interval",
            )

    @classmethod
    def of_minutes(cls, start: datetime, minutes: int) -> Self:
        """Return the interval of that many minutes beginning at `start`."""
        return cls(start, start + timedelta(minutes=minutes))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the interval of its text form; raises InstantError or IntervalError."""
        start_text, slash, duration_text = text.partition("/")
        match = _DURATION.fullmatch(duration_text)
        if not slash or match is None:
            raise IntervalError(
                found=f"{text[:64]!r}",
                allowed="start/duration in hours, minutes and seconds",
                remedy="write for example 2026-03-08T08:00Z/PT1H; a day of 25 hours is PT25H",
            )
        hours, minutes, seconds, fraction = match.groups("0")
        start = parse_instant(start_text)
        try:
            length = timedelta(
                hours=int(hours),
                minutes=int(minutes),
                seconds=int(seconds),
                microseconds=int(fraction.ljust(_MICRO_DIGITS, "0")),
            )
            return cls(start, start + length)
        except OverflowError as fault:
            raise IntervalError(
                found=f"{text[:64]!r}", allowed="an end before the year 10000", remedy="shorten the duration"
            ) from fault

    def __str__(self) -> str:
        start = self.start.replace(tzinfo=None)
        whole_minute = start.second == 0 and start.microsecond == 0
        return f"{start.isoformat(timespec='minutes') if whole_minute else start.isoformat()}Z/{self._duration_text()}"

    def _duration_text(self) -> str:
        length = self.end - self.start
        minutes, second = divmod(length.days * 86_400 + length.seconds, 60)
        hour, minute = divmod(minutes, 60)
        text = "PT" + (f"{hour}H" if hour else "") + (f"{minute}M" if minute else "")
        if length.microseconds:
            return f"{text}{second}.{length.microseconds:06d}S"
        return text + (f"{second}S" if second else "")

    @property
    def length(self) -> timedelta:
        """Elapsed time from start to end."""
        return self.end - self.start

    @property
    def hours(self) -> float:
        """Length in h, the float nearest to the exact value (1/12 for five minutes)."""
        return (self.end - self.start) / ONE_HOUR

    def contains(self, instant: datetime) -> bool:
        """Tell whether start <= instant < end."""
        return self.start <= require_utc(instant) < self.end

    def covers(self, other: DeliveryInterval) -> bool:
        """Tell whether the whole of `other` lies within this interval."""
        return self.start <= other.start and other.end <= self.end

    def overlaps(self, other: DeliveryInterval) -> bool:
        """Tell whether the two share any time; intervals that only touch do not."""
        return self.start < other.end and other.start < self.end

    def adjoins(self, other: DeliveryInterval) -> bool:
        """Tell whether one ends exactly where the other starts, in either order."""
        return self.end == other.start or other.end == self.start

    def intersection(self, other: DeliveryInterval) -> DeliveryInterval | None:
        """Return the shared time, None when there is none."""
        start, end = max(self.start, other.start), min(self.end, other.end)
        return DeliveryInterval(start, end) if start < end else None

    def split(self, minutes: int) -> tuple[DeliveryInterval, ...]:
        """Return the interval cut into equal pieces of that many minutes; they must fill it exactly."""
        step = timedelta(minutes=minutes)
        if minutes <= 0 or (self.end - self.start) % step:
            raise IntervalError(
                found=f"pieces of {minutes} min for {self}",
                allowed="a positive number of minutes that divides the interval",
                remedy="choose a finer resolution",
            )
        count = (self.end - self.start) // step
        edges = [self.start + step * index for index in range(count + 1)]
        return tuple(DeliveryInterval(start, end) for start, end in itertools.pairwise(edges))
