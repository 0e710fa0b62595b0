"""Half-open UTC intervals and instants as text."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from powerdesk.kernel.intervals import (
    DeliveryInterval,
    InstantError,
    IntervalError,
    format_instant,
    parse_instant,
    require_utc,
)

T0 = datetime(2026, 3, 8, 8, tzinfo=UTC)
instants = st.datetimes(datetime(2015, 1, 1), datetime(2050, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - bounds


@given(start=instants, length=st.timedeltas(timedelta(microseconds=1), timedelta(days=400)))
@settings(max_examples=300)
def test_interval__text_form_round_trips(start: datetime, length: timedelta) -> None:
    interval = DeliveryInterval(start, start + length)
    assert DeliveryInterval.parse(str(interval)) == interval


@pytest.mark.parametrize(
    ("minutes", "text"),
    [
        (60, "2026-03-08T08:00Z/PT1H"),
        (15, "2026-03-08T08:00Z/PT15M"),
        (90, "2026-03-08T08:00Z/PT1H30M"),
        (25 * 60, "2026-03-08T08:00Z/PT25H"),
    ],
)
def test_interval__text_form_is_start_and_duration(minutes: int, text: str) -> None:
    assert str(DeliveryInterval.of_minutes(T0, minutes)) == text


def test_interval__seconds_and_microseconds_show_only_when_present() -> None:
    start = T0 + timedelta(seconds=4)
    assert str(DeliveryInterval(start, start + timedelta(seconds=5, microseconds=30))) == (
        "2026-03-08T08:00:04Z/PT5.000030S"
    )
    assert str(DeliveryInterval(T0, T0 + timedelta(minutes=1, seconds=2))) == "2026-03-08T08:00Z/PT1M2S"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-03-08T08:00Z",
        "2026-03-08T08:00Z/",
        "2026-03-08T08:00Z/PT",
        "2026-03-08T08:00Z/P1D",
        "2026-03-08T08:00Z/PT0H",
        "2026-03-08T08:00Z/2026-03-08T09:00Z",
        "2026-03-08T08:00Z/PT999999999H",
        "2026-03-08T08:00Z/PT1H ",
    ],
)
def test_interval__other_texts_are_refused(text: str) -> None:
    with pytest.raises(IntervalError):
        DeliveryInterval.parse(text)


def test_interval__needs_an_offset_in_its_text() -> None:
    with pytest.raises(InstantError):
        DeliveryInterval.parse("2026-03-08T08:00/PT1H")


@pytest.mark.parametrize(
    "bound",
    [
        datetime(2026, 3, 8, 9),  # noqa: DTZ001 - the naive bound is the case
        datetime(2026, 3, 8, 9, tzinfo=ZoneInfo("America/New_York")),
        datetime(2026, 1, 8, 9, tzinfo=ZoneInfo("Europe/London")),
        datetime(2026, 3, 8, 9, tzinfo=timezone(timedelta(hours=1))),
    ],
)
def test_interval__refuses_bounds_that_are_not_utc(bound: datetime) -> None:
    with pytest.raises(InstantError):
        DeliveryInterval(T0, bound)
    with pytest.raises(InstantError):
        DeliveryInterval(bound, T0 + timedelta(days=1))


def test_interval__takes_other_spellings_of_utc_as_the_same() -> None:
    zoned = T0.replace(tzinfo=ZoneInfo("UTC"))
    interval = DeliveryInterval(zoned, zoned + timedelta(hours=1))
    assert interval == DeliveryInterval.of_minutes(T0, 60)
    assert interval.start.tzinfo is UTC


@pytest.mark.parametrize("minutes", [0, -5])
def test_interval__refuses_a_length_that_is_not_positive(minutes: int) -> None:
    with pytest.raises(IntervalError, match="exclusive"):
        DeliveryInterval.of_minutes(T0, minutes)


@given(minutes=st.integers(1, 100_000))
def test_hours__is_the_float_nearest_to_the_exact_value(minutes: int) -> None:
    assert DeliveryInterval.of_minutes(T0, minutes).hours == float(Fraction(minutes, 60))


def test_contains__is_half_open() -> None:
    hour = DeliveryInterval.of_minutes(T0, 60)
    assert hour.contains(T0)
    assert hour.contains(hour.end - timedelta(microseconds=1))
    assert not hour.contains(hour.end)
    with pytest.raises(InstantError):
        hour.contains(datetime(2026, 3, 8, 8))  # noqa: DTZ001 - the naive instant is the case


def test_overlaps_and_adjoins__tell_touching_from_sharing() -> None:
    first, second = DeliveryInterval.of_minutes(T0, 120).split(60)
    wide = DeliveryInterval.of_minutes(T0 + timedelta(minutes=30), 60)
    assert not first.overlaps(second)
    assert first.adjoins(second)
    assert second.adjoins(first)
    assert wide.overlaps(first)
    assert second.overlaps(wide)
    assert not wide.adjoins(first)
    assert first.intersection(second) is None
    assert wide.intersection(first) == DeliveryInterval.of_minutes(T0 + timedelta(minutes=30), 30)
    assert DeliveryInterval.of_minutes(T0, 120).covers(second)
    assert not first.covers(wide)


@given(start=instants, minutes=st.sampled_from([5, 15, 30, 60]), count=st.integers(1, 400))
@settings(max_examples=50)
def test_split__tiles_the_interval(start: datetime, minutes: int, count: int) -> None:
    whole = DeliveryInterval.of_minutes(start, minutes * count)
    pieces = whole.split(minutes)
    assert len(pieces) == count
    assert pieces[0].start == whole.start
    assert pieces[-1].end == whole.end
    assert all(left.end == right.start for left, right in itertools.pairwise(pieces))


@pytest.mark.parametrize("minutes", [0, -15, 7, 120])
def test_split__refuses_pieces_that_do_not_fill(minutes: int) -> None:
    with pytest.raises(IntervalError):
        DeliveryInterval.of_minutes(T0, 60).split(minutes)


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-08T08:00:00Z",
        "2026-03-08T08:00Z",
        "2026-03-08 08:00:00z",
        "2026-03-08t00:00:00-08:00",
        "2026-03-08T13:30:00+05:30",
        "2026-03-08T08:00:00.000Z",
        "2026-03-08T08:00:00.000000000+00:00",
    ],
)
def test_parse_instant__reads_rfc_3339(text: str) -> None:
    instant = parse_instant(text)
    assert instant == T0
    assert instant.tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2026-03-08",
        "2026-03-08T08:00:00",
        "2026-03-08T08:00:00 00:00",
        "20260308T080000+0000",
        "2026-W10-7T08:00:00Z",
        "2026-W10-7T08:0000Z",
        "2026-02-30T08:00:00Z",
        "2026-03-08T24:00:00Z",
        "2026-03-08T24:00:00+01:00",
        "2026-03-08T08:60:00Z",
        "2016-12-31T23:59:60Z",
        "2026-03-08T08:00:00.1234567Z",
        "2026-03-08T08:00.5Z",
        "0001-01-01T00:00:00+01:00",
        "2026-03-08T08:00:00+24:00",
        "\u0662026-03-08T08:00:00Z",
        "2026-03-08T08:00:00Z\n",
        "2026-03-08T08:00:0\u0660Z",
    ],
)
def test_parse_instant__refuses_the_rest_with_a_remedy(text: str) -> None:
    with pytest.raises(InstantError) as caught:
        parse_instant(text)
    assert caught.value.found
    assert "offset" in caught.value.allowed
    assert caught.value.remedy


def test_parse_instant__tells_of_a_plus_sign_lost_in_a_url() -> None:
    with pytest.raises(InstantError, match="%2B"):
        parse_instant("2026-03-08T08:00:00 02:00")


@given(instant=instants)
def test_format_instant__round_trips(instant: datetime) -> None:
    assert parse_instant(format_instant(instant)) == instant


def test_format_instant__shows_microseconds_only_when_present() -> None:
    assert format_instant(T0) == "2026-03-08T08:00:00Z"
    assert format_instant(T0 + timedelta(microseconds=5)) == "2026-03-08T08:00:00.000005Z"


def test_require_utc__refuses_a_naive_datetime() -> None:
    with pytest.raises(InstantError, match="naive"):
        require_utc(datetime(2026, 1, 1))  # noqa: DTZ001 - the naive instant is the case
