"""Wall clock to UTC, against a brute-force scan of UTC as oracle."""

from __future__ import annotations

import csv
import gzip
import os
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from powerdesk.kernel.calendars import CALENDARS
from powerdesk.kernel.local_times import LocalTimeError, local_to_utc, resolve_local, transitions, utc_to_local, zone_of

MARKET_ZONES = sorted({calendar.zone for calendar in CALENDARS.values()})
ODD_ZONES = [
    "Africa/Casablanca",
    "America/Sao_Paulo",
    "America/St_Johns",
    "Asia/Kolkata",
    "Asia/Tehran",
    "Australia/Lord_Howe",
    "Australia/Sydney",
    "Europe/Berlin",
    "Europe/London",
]
ZONES = MARKET_ZONES + ODD_ZONES
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def scan(zone: str, start: datetime, end: datetime, step: timedelta) -> tuple[list[datetime], list[bool], list[int]]:
    """Walk UTC and read the wall clock: the oracle knows nothing of transitions."""
    info = ZoneInfo(zone)
    walls: list[datetime] = []
    folds: list[bool] = []
    utc: list[int] = []
    instant = start
    while instant < end:
        local = instant.astimezone(info)
        walls.append(local.replace(tzinfo=None, fold=0))
        folds.append(local.fold == 1)
        utc.append((instant - EPOCH) // timedelta(microseconds=1))
        instant += step
    return walls, folds, utc


@lru_cache(maxsize=64)
def fall_back_days(zone: str) -> list[datetime]:
    """Instants of every change 2015-2050."""
    return [
        EPOCH + timedelta(microseconds=change.at_us) for year in range(2015, 2051) for change in transitions(zone, year)
    ]


@pytest.mark.parametrize("zone", [zone for zone in MARKET_ZONES if zone != "Etc/GMT+5"])
def test_local_to_utc__agrees_with_the_scan_on_every_day_2015_to_2050(zone: str) -> None:
    walls, folds, utc = scan(zone, datetime(2015, 1, 1, tzinfo=UTC), datetime(2051, 1, 1, tzinfo=UTC), 4 * HOUR)
    local = np.array(walls, dtype="datetime64[us]")
    got = local_to_utc(local, zone=zone, ambiguity=np.array(folds))
    assert got.dtype == np.dtype("datetime64[us]")
    assert np.array_equal(got.astype(np.int64), np.array(utc))


@pytest.mark.parametrize("zone", ZONES)
def test_local_to_utc__agrees_with_the_scan_every_five_minutes_around_every_change(zone: str) -> None:
    walls: list[datetime] = []
    folds: list[bool] = []
    utc: list[int] = []
    for at in fall_back_days(zone):
        piece = scan(zone, at - 3 * HOUR, at + 3 * HOUR, timedelta(minutes=5))
        walls += piece[0]
        folds += piece[1]
        utc += piece[2]
    local = np.array(walls, dtype="datetime64[us]")
    got = local_to_utc(local, zone=zone, ambiguity=np.array(folds, dtype=bool))
    assert got.astype(np.int64).tolist() == utc


def test_changes__are_those_the_statute_names() -> None:
    found = [EPOCH + timedelta(microseconds=change.at_us) for change in transitions("America/New_York", 2026)]
    assert found == [datetime(2026, 3, 8, 7, tzinfo=UTC), datetime(2026, 11, 1, 6, tzinfo=UTC)]
    assert transitions("Etc/GMT+5", 2026) == ()


@pytest.mark.parametrize("zone", [zone for zone in ZONES if zone not in ("Etc/GMT+5", "Asia/Kolkata")])
@pytest.mark.parametrize("minutes", [5, 15, 30])
def test_local_to_utc__infers_the_repeated_hour_from_the_sequence(zone: str, minutes: int) -> None:
    checked = 0
    for at in fall_back_days(zone):
        walls, _, utc = scan(zone, at - 5 * HOUR, at + 5 * HOUR, timedelta(minutes=minutes))
        got = local_to_utc(np.array(walls, dtype="datetime64[us]"), zone=zone, ambiguity="sequence")
        assert got.astype(np.int64).tolist() == utc
        checked += 1
    assert checked >= 2


@pytest.mark.parametrize("year", range(2015, 2051))
def test_local_to_utc__infers_hourly_rows_of_many_series_interleaved(year: int) -> None:
    zone = "America/New_York"
    at = next(
        EPOCH + timedelta(microseconds=change.at_us)
        for change in transitions(zone, year)
        if change.after_us < change.before_us
    )
    walls, _, utc = scan(zone, at - 6 * HOUR, at + 6 * HOUR, HOUR)
    names = np.array(["CAPITL", "N.Y.C.", "WEST"])
    local = np.repeat(np.array(walls, dtype="datetime64[us]"), 3)
    got = local_to_utc(local, zone=zone, ambiguity="sequence", series=np.tile(names, len(walls)))
    assert got.astype(np.int64).tolist() == np.repeat(utc, 3).tolist()
    with pytest.raises(LocalTimeError, match="order"):
        local_to_utc(local, zone=zone, ambiguity="sequence")  # one series: 01:00 six times


def walls(*texts: str) -> np.ndarray[tuple[int], np.dtype[np.datetime64]]:
    return np.array([f"2026-11-01T{text}" for text in texts], dtype="datetime64[us]")


@pytest.mark.parametrize(
    "times",
    [
        ("00:00", "01:00", "02:00"),  # one of two
        ("00:55", "01:00", "01:05"),  # a single run without a limit
        ("01:00", "01:00", "01:05", "01:10"),  # a row printed twice, not a second pass
        ("01:05", "01:00"),  # falling order
        ("01:00", "01:00", "01:00"),  # three times
        ("01:30", "01:45", "01:00", "01:15", "01:00"),
    ],
)
def test_local_to_utc__raises_when_the_order_does_not_decide(times: tuple[str, ...]) -> None:
    with pytest.raises(LocalTimeError):
        local_to_utc(walls(*times), zone="America/New_York", ambiguity="sequence")


def test_local_to_utc__takes_a_single_run_as_first_when_the_second_lies_ahead() -> None:
    local = walls("00:55", "01:00", "01:05")
    received_at = datetime(2026, 11, 1, 5, 6, tzinfo=UTC)
    got = local_to_utc(local, zone="America/New_York", ambiguity="sequence", not_after=received_at)
    assert got.tolist()[-1] == datetime(2026, 11, 1, 5, 5)  # noqa: DTZ001 - numpy gives naive UTC
    with pytest.raises(LocalTimeError):
        local_to_utc(local, zone="America/New_York", ambiguity="sequence", not_after=received_at + 2 * HOUR)


def test_local_to_utc__refuses_repeated_hours_when_told_there_are_none() -> None:
    assert local_to_utc(walls("00:30", "02:30"), zone="America/New_York", ambiguity="refuse").size == 2
    with pytest.raises(LocalTimeError, match="01:30"):
        local_to_utc(walls("00:30", "01:30"), zone="America/New_York", ambiguity="refuse")


@pytest.mark.parametrize("time", ["02:00", "02:30", "02:59:59.999999"])
def test_local_to_utc__refuses_times_the_clock_skips(time: str) -> None:
    local = np.array([f"2026-03-08T{time}"], dtype="datetime64[us]")
    with pytest.raises(LocalTimeError, match="skips"):
        local_to_utc(local, zone="America/Los_Angeles", ambiguity="refuse")


def test_local_to_utc__keeps_the_edges_of_the_skipped_hour() -> None:
    local = np.array(["2026-03-08T01:59:59.999999", "2026-03-08T03:00"], dtype="datetime64[us]")
    got = local_to_utc(local, zone="America/Los_Angeles", ambiguity="refuse")
    assert got.tolist() == [
        datetime(2026, 3, 8, 9, 59, 59, 999_999),  # noqa: DTZ001 - numpy gives naive UTC
        datetime(2026, 3, 8, 10),  # noqa: DTZ001 - numpy gives naive UTC
    ]


def test_local_to_utc__refuses_nat_and_accepts_nothing() -> None:
    with pytest.raises(LocalTimeError, match="NaT"):
        local_to_utc(np.array(["NaT"], dtype="datetime64[us]"), zone="America/Chicago", ambiguity="refuse")
    empty = local_to_utc(np.array([], dtype="datetime64[s]"), zone="America/Chicago", ambiguity="refuse")
    assert empty.dtype == np.dtype("datetime64[us]")


@pytest.mark.parametrize(
    ("ambiguity", "series"),
    [
        (np.array([0, 1]), None),
        (np.array([True]), None),
        (np.array([True, None]), None),
        ("infer", None),
        ("sequence", np.array(["A"])),
    ],
)
def test_local_to_utc__refuses_arrays_that_do_not_fit_the_rows(ambiguity: Any, series: Any) -> None:
    with pytest.raises(LocalTimeError, match="one value per row"):
        local_to_utc(walls("01:00", "01:00"), zone="America/New_York", ambiguity=ambiguity, series=series)


def test_local_to_utc__refuses_what_is_no_column_of_times() -> None:
    whole: Any = np.array([1, 2])
    for column in (whole, walls("00:00", "00:30").reshape(2, 1)):
        with pytest.raises(LocalTimeError, match="datetime64"):
            local_to_utc(column, zone="America/New_York", ambiguity="refuse")


def test_local_to_utc__agrees_with_the_utc_column_that_pjm_prints_beside_its_own_clock() -> None:
    shared = Path(os.environ.get("POWERDESK_SHARED", Path(__file__).parents[4] / "shared"))  # noqa: TID251 - where data lies
    source = shared / "data" / "iso" / "pjm" / "da_hrl_lmps_PJM-RTO_2025.csv.gz"
    if not source.exists():
        pytest.skip(f"no recorded PJM prices at {source}")
    with gzip.open(source, "rt", encoding="utf-8-sig") as lines:
        rows = list(csv.DictReader(lines))
    columns = {
        name: np.array(
            [datetime.strptime(row[name], "%m/%d/%Y %I:%M:%S %p") for row in rows],  # noqa: DTZ007 - both columns naive
            dtype="datetime64[us]",
        )
        for name in ("datetime_beginning_ept", "datetime_beginning_utc")
    }
    got = local_to_utc(columns["datetime_beginning_ept"], zone="America/New_York", ambiguity="sequence")
    assert (columns["datetime_beginning_ept"] == np.datetime64("2025-11-02T01:00")).sum() == 2
    assert np.array_equal(got, columns["datetime_beginning_utc"])


def test_local_to_utc__fixed_zone_has_no_ambiguity() -> None:
    got = local_to_utc(walls("01:00", "01:00"), zone="Etc/GMT+5", ambiguity="sequence")
    assert got.tolist() == [datetime(2026, 11, 1, 6)] * 2  # noqa: DTZ001 - numpy gives naive UTC


@given(
    zone=st.sampled_from(ZONES),
    instant=st.datetimes(datetime(2015, 1, 1), datetime(2050, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001 - bounds
)
@settings(max_examples=300)
def test_resolve_local__inverts_the_wall_clock(zone: str, instant: datetime) -> None:
    local = instant.astimezone(ZoneInfo(zone))
    assert resolve_local(local.replace(tzinfo=None, fold=0), zone=zone, repeated=local.fold == 1) == instant


def test_resolve_local__never_chooses_for_the_caller() -> None:
    twice = datetime(2026, 11, 1, 1, 30)  # noqa: DTZ001 - wall clock
    with pytest.raises(LocalTimeError, match="twice"):
        resolve_local(twice, zone="America/Chicago")
    assert resolve_local(twice, zone="America/Chicago", repeated=False) == datetime(2026, 11, 1, 6, 30, tzinfo=UTC)
    assert resolve_local(twice, zone="America/Chicago", repeated=True) == datetime(2026, 11, 1, 7, 30, tzinfo=UTC)
    assert resolve_local(twice.replace(fold=1), zone="America/Chicago", repeated=False).hour == 6


@pytest.mark.parametrize("repeated", [None, False, True])
def test_resolve_local__refuses_a_skipped_time_whatever_the_choice(repeated: bool | None) -> None:  # noqa: FBT001 - a case
    with pytest.raises(LocalTimeError, match="skips"):
        resolve_local(datetime(2026, 3, 8, 2, 30), zone="America/Chicago", repeated=repeated)  # noqa: DTZ001 - wall clock


def test_resolve_local__refuses_a_repeat_mark_on_a_time_that_occurs_once() -> None:
    with pytest.raises(LocalTimeError, match="once"):
        resolve_local(datetime(2026, 7, 1, 1), zone="America/Chicago", repeated=True)  # noqa: DTZ001 - wall clock


def test_resolve_local__refuses_aware_times() -> None:
    with pytest.raises(LocalTimeError, match="naive"):
        resolve_local(datetime(2026, 7, 1, 1, tzinfo=UTC), zone="America/Chicago")


@pytest.mark.parametrize("name", ["America/Nowhere", "", "../etc/passwd", "/etc/localtime"])
def test_zone_of__refuses_unknown_names(name: str) -> None:
    with pytest.raises(LocalTimeError, match="zone"):
        zone_of(name)


@settings(max_examples=40, deadline=None)
@given(zone=st.sampled_from(ZONES), start=st.datetimes(datetime(2015, 1, 1), datetime(2049, 1, 1)))  # noqa: DTZ001 - UTC below
def test_utc_to_local__is_what_the_clock_shows(zone: str, start: datetime) -> None:
    walls, _, utc = scan(zone, start.replace(tzinfo=UTC), start.replace(tzinfo=UTC) + timedelta(days=150), 7 * HOUR)
    found = utc_to_local(np.array(utc, dtype=np.int64), zone=zone).astype("datetime64[us]")
    assert found.tolist() == walls
    assert utc_to_local(np.empty(0, np.int64), zone=zone).size == 0
