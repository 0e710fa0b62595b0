"""Operating days and hour labels: every day of 2015-2050, and the two odd days of each market by hand."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from powerdesk.kernel.calendars import (
    CALENDARS,
    RESOLUTIONS_MINUTES,
    CalendarError,
    MarketCalendar,
    calendar_of,
    calendar_of_zone,
)
from powerdesk.kernel.intervals import DeliveryInterval, InstantError
from powerdesk.kernel.local_times import LocalTimeError

SPRING = date(2026, 3, 8)
AUTUMN = date(2026, 11, 1)
PLAIN = date(2026, 7, 15)
MARKETS = sorted(CALENDARS)
BY_ZONE = {calendar.zone: calendar for calendar in CALENDARS.values()}
days = st.dates(date(2015, 1, 1), date(2050, 12, 31))


def all_days() -> list[date]:
    first = date(2015, 1, 1)
    return [first + timedelta(days=n) for n in range((date(2051, 1, 1) - first).days)]


@pytest.mark.parametrize("zone", sorted(BY_ZONE))
def test_day_interval__every_day_2015_to_2050_adjoins_the_next_and_has_23_24_or_25_hours(zone: str) -> None:
    calendar = BY_ZONE[zone]
    info = ZoneInfo(zone)
    odd = 0
    previous_end: datetime | None = None
    for day in all_days():
        interval = calendar.day_interval(day)
        assert previous_end in (None, interval.start)
        previous_end = interval.end
        shift = interval.end.astimezone(info).utcoffset()
        before = interval.start.astimezone(info).utcoffset()
        assert shift is not None
        assert before is not None
        assert interval.length == timedelta(days=1) - (shift - before)
        assert interval.hours in (23, 24, 25)
        odd += interval.hours != 24
    assert odd == 0 if zone == "Etc/GMT+5" else odd >= 2


@given(market=st.sampled_from(MARKETS), day=days, minutes=st.sampled_from(RESOLUTIONS_MINUTES))
@settings(max_examples=200)
def test_delivery_intervals__tile_the_day_without_gap(market: str, day: date, minutes: int) -> None:
    calendar = calendar_of(market)
    whole = calendar.day_interval(day)
    tiles = calendar.intervals(day, minutes=minutes)
    assert len(tiles) == whole.hours * 60 / minutes
    assert tiles[0].start == whole.start
    assert tiles[-1].end == whole.end
    assert all(left.end == right.start for left, right in itertools.pairwise(tiles))
    assert {calendar.operating_day(tile.start) for tile in tiles} == {day}
    assert calendar.operating_day(whole.end) == day + timedelta(days=1)


@pytest.mark.parametrize("zone", sorted(BY_ZONE))
def test_delivery_intervals__tile_every_day_of_a_clock_change(zone: str) -> None:
    calendar = BY_ZONE[zone]
    checked = 0
    for day in all_days():
        whole = calendar.day_interval(day)
        if whole.hours == 24:
            continue
        for minutes in RESOLUTIONS_MINUTES:
            tiles = calendar.intervals(day, minutes=minutes)
            assert len(tiles) * minutes == whole.hours * 60
            assert tiles[0].start == whole.start
            assert all(left.end == right.start for left, right in itertools.pairwise(tiles))
            assert tiles[-1].end == whole.end
            checked += 1
    assert checked == 0 if calendar.zone == "Etc/GMT+5" else checked >= 2


@given(market=st.sampled_from(MARKETS), day=st.one_of(days, st.sampled_from([SPRING, AUTUMN])))
@settings(max_examples=150)
def test_labels__round_trip_to_their_intervals_by_number_and_by_text(market: str, day: date) -> None:
    calendar = calendar_of(market)
    labels = calendar.hour_ending_labels(day)
    hours = calendar.intervals(day)
    assert len(labels) == len(hours)
    for label, hour in zip(labels, hours, strict=True):
        assert calendar.label(hour) == label
        assert calendar.label(hour.split(5)[7]) == label
        assert calendar.interval_of(day, hour_ending=label.hour_ending, repeated=label.repeated) == hour
        assert calendar.interval_of(day, hour_ending=str(label), repeated=label.repeated) == hour


NUMBERS = {
    "counted": (list(range(1, 24)), list(range(1, 26))),
    "wall": ([1, 2, *range(4, 25)], [1, 2, 2, *range(3, 25)]),
    "fixed": (list(range(1, 25)), list(range(1, 25))),
}


@pytest.mark.parametrize(
    ("market", "kind"),
    [
        ("CAISO", "counted"),
        ("SIM", "counted"),
        ("MISO", "fixed"),
        ("IESO", "fixed"),
        ("PJM", "wall"),
        ("ERCOT", "wall"),
        ("SPP", "wall"),
        ("NYISO", "wall"),
        ("ISONE", "wall"),
    ],
)
def test_labels__of_the_spring_and_autumn_day(market: str, kind: str) -> None:
    calendar = calendar_of(market)
    spring, autumn = NUMBERS[kind]
    assert [label.hour_ending for label in calendar.hour_ending_labels(SPRING)] == spring
    assert [label.hour_ending for label in calendar.hour_ending_labels(AUTUMN)] == autumn
    assert [label.hour_ending for label in calendar.hour_ending_labels(PLAIN)] == list(range(1, 25))


def test_aeso__follows_alberta_and_stars_the_repeated_hour() -> None:
    calendar = calendar_of("AESO")
    texts = [str(label) for label in calendar.hour_ending_labels(date(2024, 11, 3))]
    assert texts[:5] == ["01", "02", "02*", "03", "04"]
    assert "03" not in [str(label) for label in calendar.hour_ending_labels(date(2024, 3, 10))]


def test_caiso__operating_hour_25_is_the_last_of_the_autumn_day() -> None:
    calendar = calendar_of("CAISO")
    assert str(calendar.interval_of(AUTUMN, hour_ending=2)) == "2026-11-01T08:00Z/PT1H"
    assert str(calendar.interval_of(AUTUMN, hour_ending=3)) == "2026-11-01T09:00Z/PT1H"
    assert str(calendar.interval_of(AUTUMN, hour_ending="25")) == "2026-11-02T07:00Z/PT1H"
    with pytest.raises(CalendarError):
        calendar.interval_of(SPRING, hour_ending=24)


def test_ercot__flag_decides_the_repeated_hour() -> None:
    calendar = calendar_of("ERCOT")
    assert str(calendar.interval_of(AUTUMN, hour_ending="02:00", repeated=False)) == "2026-11-01T06:00Z/PT1H"
    assert str(calendar.interval_of(AUTUMN, hour_ending=2, repeated=True)) == "2026-11-01T07:00Z/PT1H"
    assert str(calendar.interval_of(AUTUMN, hour_ending="24:00", repeated=False)) == "2026-11-02T05:00Z/PT1H"
    with pytest.raises(CalendarError, match="which occurrence"):
        calendar.interval_of(AUTUMN, hour_ending=2)
    with pytest.raises(CalendarError):
        calendar.interval_of(SPRING, hour_ending=3, repeated=False)
    with pytest.raises(CalendarError):
        calendar.interval_of(PLAIN, hour_ending=2, repeated=True)


def test_isone__the_extra_hour_is_02x() -> None:
    calendar = calendar_of("ISONE")
    assert [str(label) for label in calendar.hour_ending_labels(AUTUMN)][:4] == ["01", "02", "02X", "03"]
    assert str(calendar.interval_of(AUTUMN, hour_ending="02")) == "2026-11-01T05:00Z/PT1H"
    assert str(calendar.interval_of(AUTUMN, hour_ending="02X")) == "2026-11-01T06:00Z/PT1H"
    assert [str(label) for label in calendar.hour_ending_labels(SPRING)][:4] == ["01", "02", "04", "05"]


def test_nyiso__stamps_the_beginning_of_the_hour_with_the_zone_in_force() -> None:
    calendar = calendar_of("NYISO")
    texts = [str(label) for label in calendar.hour_ending_labels(AUTUMN)]
    assert texts[:4] == [
        "11/01/2026 00:00 EDT",
        "11/01/2026 01:00 EDT",
        "11/01/2026 01:00 EST",
        "11/01/2026 02:00 EST",
    ]
    assert str(calendar.interval_of(AUTUMN, hour_ending="11/01/2026 01:00 EST")) == "2026-11-01T06:00Z/PT1H"


@pytest.mark.parametrize("market", ["MISO", "IESO"])
def test_fixed_est__keeps_24_hours_from_05_utc(market: str) -> None:
    calendar = calendar_of(market)
    for day in (SPRING, AUTUMN, PLAIN):
        interval = calendar.day_interval(day)
        assert interval.hours == 24
        assert interval.start == datetime(day.year, day.month, day.day, 5, tzinfo=UTC)
    assert str(calendar_of("MISO").hour_ending_labels(PLAIN)[23]) == "HE 24"


def test_operating_day__turns_at_local_midnight() -> None:
    calendar = calendar_of("CAISO")
    midnight = datetime(2026, 3, 9, 7, tzinfo=UTC)
    assert calendar.operating_day(midnight) == date(2026, 3, 9)
    assert calendar.operating_day(midnight - timedelta(microseconds=1)) == SPRING
    with pytest.raises(InstantError):
        calendar.operating_day(datetime(2026, 3, 9, 7))  # noqa: DTZ001 - the naive instant is the case


def test_label__refuses_an_interval_of_two_hours() -> None:
    calendar = calendar_of("PJM")
    first, second = calendar.intervals(PLAIN)[:2]
    with pytest.raises(CalendarError, match="one clock hour"):
        calendar.label(DeliveryInterval(first.start, second.end))


@pytest.mark.parametrize("minutes", [0, 7, 1440])
def test_intervals__refuse_other_resolutions(minutes: int) -> None:
    with pytest.raises(CalendarError):
        calendar_of("PJM").intervals(PLAIN, minutes=minutes)


def test_calendar_of__suggests_the_nearest_market() -> None:
    with pytest.raises(CalendarError, match="did you mean CAISO"):
        calendar_of("caiso")


def test_calendar_of_zone__serves_any_iana_zone() -> None:
    berlin = calendar_of_zone("Europe/Berlin")
    assert isinstance(berlin, MarketCalendar)
    assert berlin.day_interval(date(2026, 3, 29)).hours == 23
    assert berlin.day_interval(date(2026, 10, 25)).hours == 25
    with pytest.raises(LocalTimeError):
        calendar_of_zone("Europe/Nowhere")


def test_day_interval__begins_at_the_change_where_midnight_is_skipped() -> None:
    brazil = calendar_of_zone("America/Sao_Paulo")
    interval = brazil.day_interval(date(2017, 10, 15))
    assert interval.start == datetime(2017, 10, 15, 3, tzinfo=UTC)
    assert interval.hours == 23


def test_market_calendar__resolves_and_shows_local_time() -> None:
    calendar = calendar_of("NYISO")
    twice = datetime(2026, 11, 1, 1)  # noqa: DTZ001 - wall clock
    instant = calendar.resolve_local(twice, repeated=True)
    assert instant == datetime(2026, 11, 1, 6, tzinfo=UTC)
    assert calendar.local_time(instant).tzname() == "EST"
    with pytest.raises(LocalTimeError):
        calendar.resolve_local(twice)
