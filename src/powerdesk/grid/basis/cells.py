"""Which month and block of hours an interval of delivery belongs to, on the market's own clock.

A day of 23 hours has no interval in the hour that the clock skips, a day of 25 has two in the hour that it repeats.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from powerdesk.grid.basis.panel import BasisError
from powerdesk.kernel import calendars, load_shapes, local_times
from powerdesk.kernel.intervals import DeliveryInterval

if TYPE_CHECKING:
    from powerdesk.grid.types import BoolArray, IntArray

ON_PEAK, OFF_PEAK, ALL = "on_peak", "off_peak", "all"
HOUR_US, DAY_US = 3_600_000_000, 86_400_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO = timedelta(microseconds=1)


class Blocks(StrEnum):
    """How the hours of a month are cut."""

    HOURS = "hours"
    """By the hour on the wall clock, `00` to `23`."""
    PEAK = "peak"
    """`on_peak` and `off_peak` of a named calendar."""
    ALL = "all"


@dataclass(frozen=True, eq=False, slots=True)
class Cells:
    """Months and blocks, and which of them each interval is in (n,); `day` (n,) numbers operating days, rising.

    `month_us` (n_month + 1,) are starts of the months from the first to the one after the last, none left out.
    """

    month_us: IntArray
    blocks: tuple[str, ...]
    month: IntArray
    block: IntArray
    day: IntArray

    def neighbours(self, month: int, block: int) -> tuple[tuple[int, int], ...]:
        """Return the cells beside one: the months before and after, and the hours before and after round the clock."""
        beside = [(month + step, block) for step in (-1, 1) if 0 <= month + step < self.month_us.size - 1]
        if len(self.blocks) > 2:  # noqa: PLR2004 - hours of day; on-peak and off-peak are not alike
            beside += [(month, (block + step) % len(self.blocks)) for step in (-1, 1)]
        return tuple(beside)


def cells(
    *,
    start_us: IntArray,
    end_us: IntArray,
    zone: str,
    blocks: Blocks,
    calendar: load_shapes.PeakCalendar | None = None,
) -> Cells:
    """Return the cells of intervals (n,), n >= 1, in microseconds UTC.

    Raises BasisError for an interval in more than one block, and for on-peak blocks without a calendar.
    """
    wall = local_times.utc_to_local(start_us, zone=zone)
    day = wall // DAY_US
    months, month = _months(day, zone)
    if blocks is Blocks.PEAK:
        peak = _on_peak(start_us, end_us, calendar)
        return Cells(months, (ON_PEAK, OFF_PEAK), month, np.where(peak, 0, 1), day)
    if blocks is Blocks.ALL:
        return Cells(months, (ALL,), month, np.zeros(day.size, np.int64), day)
    hour = wall % DAY_US // HOUR_US
    spans = (wall % HOUR_US) + (end_us - start_us) > HOUR_US
    _refuse(spans, start_us, "more than one hour of the clock")
    return Cells(months, tuple(f"{one:02d}" for one in range(24)), month, hour, day)


def _months(day: IntArray, zone: str) -> tuple[IntArray, IntArray]:
    """Return the starts of all months from the first to the one after the last, and the month of each day."""
    number = day.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    first, last = int(number.min()), int(number.max())
    calendar = calendars.calendar_of_zone(zone)
    starts = [
        (calendar.day_interval(date(1970 + one // 12, one % 12 + 1, 1)).start - _EPOCH) // _MICRO
        for one in range(first, last + 2)
    ]
    return np.array(starts, dtype=np.int64), number - first


def _on_peak(start_us: IntArray, end_us: IntArray, calendar: load_shapes.PeakCalendar | None) -> BoolArray:
    if calendar is None:
        raise BasisError(
            found="on-peak blocks without a calendar",
            allowed=", ".join(load_shapes.PEAK_CALENDARS),
            remedy="name the calendar by which the product is on-peak",
        )
    whole = DeliveryInterval(
        _EPOCH + int(start_us.min()) * _MICRO - timedelta(days=1),
        _EPOCH + int(end_us.max()) * _MICRO + timedelta(days=1),
    )
    peaks = calendar.blocks(whole, shape=calendar.peak_shape)
    begins = np.array([(one.start - _EPOCH) // _MICRO for one in peaks], dtype=np.int64)
    ends = np.array([(one.end - _EPOCH) // _MICRO for one in peaks], dtype=np.int64)
    if not begins.size:
        return np.zeros(start_us.size, dtype=bool)
    before = np.searchsorted(begins, start_us, side="right") - 1
    inside = (before >= 0) & (start_us < ends[np.maximum(before, 0)])
    after = np.searchsorted(begins, end_us, side="left") - 1
    edge = np.where(inside, end_us > ends[np.maximum(before, 0)], after > before)
    _refuse(edge, start_us, "both on-peak and off-peak")
    return np.asarray(inside)


def _refuse(bad: BoolArray, start_us: IntArray, words: str) -> None:
    if bad.any():
        at = _EPOCH + int(start_us[np.argmax(bad)]) * _MICRO
        raise BasisError(
            found=f"{int(bad.sum())} interval(s) in {words}, the first at {at.isoformat()}",
            allowed="intervals within one block",
            remedy="use prices of shorter intervals, or the block `all`",
        )
