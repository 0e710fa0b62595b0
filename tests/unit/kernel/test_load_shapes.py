"""Peak calendars against a hand-written table of holidays and hour-by-hour counting."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from powerdesk.kernel import load_shapes
from powerdesk.kernel.calendars import calendar_of, calendar_of_zone
from powerdesk.kernel.intervals import DeliveryInterval
from powerdesk.kernel.load_shapes import PEAK_CALENDARS, LoadShape, LoadShapeError, nerc_holidays, peak_calendar

# Written by hand from the calendar: Sunday moves to Monday, Saturday is not moved.
NERC_TABLE = {
    2015: ("01-01", "05-25", "07-04", "09-07", "11-26", "12-25"),
    2016: ("01-01", "05-30", "07-04", "09-05", "11-24", "12-26"),
    2017: ("01-02", "05-29", "07-04", "09-04", "11-23", "12-25"),
    2021: ("01-01", "05-31", "07-05", "09-06", "11-25", "12-25"),
    2022: ("01-01", "05-30", "07-04", "09-05", "11-24", "12-26"),
    2023: ("01-02", "05-29", "07-04", "09-04", "11-23", "12-25"),
    2024: ("01-01", "05-27", "07-04", "09-02", "11-28", "12-25"),
    2025: ("01-01", "05-26", "07-04", "09-01", "11-27", "12-25"),
    2026: ("01-01", "05-25", "07-04", "09-07", "11-26", "12-25"),
}
NAMES = sorted(PEAK_CALENDARS)


@pytest.mark.parametrize("year", sorted(NERC_TABLE))
def test_nerc_holidays__are_those_of_the_hand_written_table(year: int) -> None:
    assert [day.strftime("%m-%d") for day in nerc_holidays(year)] == list(NERC_TABLE[year])


@pytest.mark.parametrize("year", range(2015, 2051))
def test_nerc_holidays__follow_the_rule_of_each_day(year: int) -> None:
    new_year, memorial, independence, labor, thanks, christmas = nerc_holidays(year)
    assert memorial.weekday() == labor.weekday() == 0
    assert (memorial + timedelta(days=7)).month == 6
    assert labor.month == 9
    assert labor.day <= 7
    assert thanks.weekday() == 3
    assert 22 <= thanks.day <= 28
    for observed, plain in ((new_year, (1, 1)), (independence, (7, 4)), (christmas, (12, 25))):
        day = date(year, *plain)
        assert observed == (day + timedelta(days=1) if day.weekday() == 6 else day)


def hour(zone: str, *wall: int) -> DeliveryInterval:
    year, month, day, begin = wall
    return DeliveryInterval.of_minutes(datetime(year, month, day, begin, tzinfo=ZoneInfo(zone)).astimezone(UTC), 60)


@pytest.mark.parametrize(
    ("name", "zone", "first", "last"),
    [
        ("NERC-EAST-2024", "America/New_York", 8, 23),
        ("MISO-2024", "Etc/GMT+5", 8, 23),
        ("MISO-EPT-2024", "America/New_York", 8, 23),
        ("ERCOT-2024", "America/Chicago", 7, 22),
        ("SPP-2024", "America/Chicago", 7, 22),
        ("CAISO-2024", "America/Los_Angeles", 7, 22),
    ],
)
def test_is_on_peak__from_first_to_last_hour_ending_of_a_week_day(name: str, zone: str, first: int, last: int) -> None:
    on = [he for he in range(1, 25) if load_shapes.is_on_peak(hour(zone, 2026, 7, 15, he - 1), calendar=name)]
    assert on == list(range(first, last + 1))


@pytest.mark.parametrize("name", NAMES)
def test_is_on_peak__saturday_only_in_the_west_and_never_on_holidays(name: str) -> None:
    zone = peak_calendar(name).zone
    assert load_shapes.is_on_peak(hour(zone, 2026, 7, 11, 12), calendar=name) == (name == "CAISO-2024")
    assert not load_shapes.is_on_peak(hour(zone, 2026, 7, 12, 12), calendar=name)
    assert not load_shapes.is_on_peak(hour(zone, 2026, 7, 4, 12), calendar=name)  # a Saturday
    assert not load_shapes.is_on_peak(hour(zone, 2023, 1, 2, 12), calendar=name)  # observed Monday
    assert load_shapes.is_on_peak(hour(zone, 2026, 7, 3, 12), calendar=name)  # the Friday before is worked
    assert load_shapes.is_on_peak(hour(zone, 2026, 11, 11, 12), calendar=name)  # a federal holiday, not NERC's


def test_is_on_peak__refuses_an_interval_on_both_sides() -> None:
    ercot = peak_calendar("ERCOT-2024")
    edge = hour("America/Chicago", 2026, 7, 15, 6)
    assert ercot.is_on_peak(edge)
    with pytest.raises(LoadShapeError, match="split"):
        ercot.is_on_peak(DeliveryInterval(edge.start - timedelta(minutes=5), edge.end))


@given(
    name=st.sampled_from(NAMES),
    day=st.dates(date(2015, 1, 1), date(2050, 12, 1)),
    length=st.integers(1, 40),
)
@settings(max_examples=40)
def test_hours__shapes_partition_any_run_of_days(name: str, day: date, length: int) -> None:
    calendar = peak_calendar(name)
    local = calendar_of_zone(calendar.zone)
    period = DeliveryInterval(local.day_interval(day).start, local.day_interval(day + timedelta(days=length)).start)
    count = {shape: calendar.hours(period, shape=shape) for shape in calendar.shapes}
    assert count[LoadShape.AROUND_THE_CLOCK] == period.hours
    assert count[calendar.peak_shape] + count[calendar.rest_shape] + count[LoadShape.NIGHT_7X8] == period.hours
    assert count[calendar.peak_shape] + count[LoadShape.OFF_PEAK] == period.hours
    by_hour = sum(calendar.is_on_peak(tile) for tile in period.split(60))
    assert count[calendar.peak_shape] == by_hour


@pytest.mark.parametrize(
    ("name", "year", "month", "peak_days", "total"),
    [
        ("NERC-EAST-2024", 2026, 11, 20, 721),  # 21 week days less Thanksgiving; 25-hour day
        ("NERC-EAST-2024", 2026, 3, 22, 743),  # 23-hour day
        ("ERCOT-2024", 2026, 7, 23, 744),  # Independence Day on a Saturday takes no peak day
        ("CAISO-2024", 2026, 7, 26, 744),  # 27 week days and Saturdays less Saturday the 4th
        ("MISO-2024", 2026, 11, 20, 720),
    ],
)
def test_hours__of_a_month_counted_by_hand(name: str, year: int, month: int, peak_days: int, total: int) -> None:
    calendar = peak_calendar(name)
    local = calendar_of_zone(calendar.zone)
    period = DeliveryInterval(
        local.day_interval(date(year, month, 1)).start,
        local.day_interval(date(year + month // 12, month % 12 + 1, 1)).start,
    )
    assert load_shapes.hours(period, shape=LoadShape.AROUND_THE_CLOCK, calendar=name) == total
    assert load_shapes.hours(period, shape=calendar.peak_shape, calendar=name) == peak_days * 16
    assert load_shapes.hours(period, shape=LoadShape.OFF_PEAK, calendar=name) == total - peak_days * 16


@pytest.mark.parametrize(("day", "night"), [(date(2026, 3, 8), 7), (date(2026, 11, 1), 9), (date(2026, 7, 5), 8)])
def test_hours__the_night_takes_the_clock_change(day: date, night: int) -> None:
    period = calendar_of("PJM").day_interval(day)
    east = peak_calendar("NERC-EAST-2024")
    assert east.hours(period, shape=LoadShape.NIGHT_7X8) == night
    assert east.hours(period, shape=LoadShape.WEEKEND_2X16) == 16


def test_blocks__are_maximal_and_in_order() -> None:
    east = peak_calendar("NERC-EAST-2024")
    friday, monday = (
        calendar_of("PJM").day_interval(date(2026, 7, 17)),
        calendar_of("PJM").day_interval(date(2026, 7, 20)),
    )
    period = DeliveryInterval(friday.start, monday.end)
    peak = east.blocks(period, shape=LoadShape.PEAK_5X16)
    off = east.blocks(period, shape=LoadShape.OFF_PEAK)
    assert [block.hours for block in peak] == [16, 16]
    assert [block.hours for block in off] == [7, 1 + 24 + 24 + 7, 1]
    assert east.blocks(period, shape=LoadShape.AROUND_THE_CLOCK) == (period,)


@pytest.mark.parametrize(("name", "shape"), [("CAISO-2024", "5x16"), ("ERCOT-2024", "6x16"), ("CAISO-2024", "2x16")])
def test_blocks__refuse_a_shape_that_the_calendar_does_not_define(name: str, shape: str) -> None:
    period = calendar_of("CAISO").day_interval(date(2026, 7, 15))
    with pytest.raises(LoadShapeError, match="shape"):
        peak_calendar(name).blocks(period, shape=LoadShape(shape))


def test_peak_calendar__unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(LoadShapeError, match="ERCOT-2024"):
        peak_calendar("ERCOT")
