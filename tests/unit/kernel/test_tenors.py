"""Tenors read back as written and name half-open local days."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from powerdesk.kernel.calendars import calendar_of
from powerdesk.kernel.tenors import Days, Tenor, TenorError, TenorKind


@st.composite
def tenors(draw: st.DrawFn) -> Tenor:
    kind = draw(st.sampled_from(TenorKind))
    if kind in (TenorKind.BALANCE_OF_MONTH, TenorKind.PROMPT_MONTH):
        return Tenor(kind)
    day = draw(st.dates(date(2000, 1, 3), date(2099, 12, 27)))
    number = {
        TenorKind.DAY: day.timetuple().tm_yday,
        TenorKind.WEEK: day.isocalendar().week,
        TenorKind.MONTH: day.month,
        TenorKind.QUARTER: (day.month + 2) // 3,
    }.get(kind, 0)
    return Tenor(kind, day.isocalendar().year if kind is TenorKind.WEEK else day.year, number)


@given(tenor=tenors())
def test_tenor__text_form_round_trips(tenor: Tenor) -> None:
    assert Tenor.parse(str(tenor)) == tenor


@pytest.mark.parametrize(
    ("text", "first", "end"),
    [
        ("Nov-26", date(2026, 11, 1), date(2026, 12, 1)),
        ("Dec-26", date(2026, 12, 1), date(2027, 1, 1)),
        ("Feb-28", date(2028, 2, 1), date(2028, 3, 1)),
        ("Q1-27", date(2027, 1, 1), date(2027, 4, 1)),
        ("Q4-27", date(2027, 10, 1), date(2028, 1, 1)),
        ("Sum-27", date(2027, 7, 1), date(2027, 9, 1)),
        ("Win-27", date(2027, 1, 1), date(2027, 3, 1)),
        ("Cal-28", date(2028, 1, 1), date(2029, 1, 1)),
        ("2026-11-21", date(2026, 11, 21), date(2026, 11, 22)),
        ("2028-02-29", date(2028, 2, 29), date(2028, 3, 1)),
        ("Wk47-26", date(2026, 11, 16), date(2026, 11, 23)),
        ("Wk53-26", date(2026, 12, 28), date(2027, 1, 4)),
        ("Wk01-26", date(2025, 12, 29), date(2026, 1, 5)),
    ],
)
def test_tenor__names_half_open_local_days(text: str, first: date, end: date) -> None:
    days = Tenor.parse(text).days()
    assert days == Days(first, end)
    assert str(Tenor.parse(text)) == text
    assert first in days
    assert end not in days
    assert days.count == (end - first).days


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nov-26",
        "Nov 26",
        "Nov-2026",
        "Q5-27",
        "Q0-27",
        "Q01-27",
        "Wk7-26",
        "Wk54-26",
        "Wk53-27",
        "Sum27",
        "Cal-7",
        "2026-02-29",
        "2026-1-1",
        "1999-12-31",
        "BALMO",
        "Prompt",
        "day",
        "H1-27",
        "Cal-28\n",
        "Cal-٢٨",
    ],
)
def test_tenor__refuses_other_texts(text: str) -> None:
    with pytest.raises(TenorError):
        Tenor.parse(text)


@pytest.mark.parametrize(
    ("kind", "year", "number"),
    [
        (TenorKind.DAY, 2026, 366),
        (TenorKind.WEEK, 2027, 53),
        (TenorKind.MONTH, 2026, 13),
        (TenorKind.CALENDAR_YEAR, 2026, 1),
        (TenorKind.CALENDAR_YEAR, 26, 0),
        (TenorKind.PROMPT_MONTH, 2026, 0),
    ],
)
def test_tenor__refuses_fields_that_name_nothing(kind: TenorKind, year: int, number: int) -> None:
    with pytest.raises(TenorError):
        Tenor(kind, year, number)


def test_relative_tenors__need_the_date_they_count_from() -> None:
    for text in ("BalMo", "PromptMonth"):
        assert Tenor.parse(text).is_relative
        with pytest.raises(TenorError, match="on="):
            Tenor.parse(text).days()
    assert not Tenor.parse("Cal-28").is_relative


@given(on=st.dates(date(2015, 1, 1), date(2050, 12, 31)))
def test_relative_tenors__follow_the_date(on: date) -> None:
    prompt = Tenor.parse("PromptMonth").days(on=on)
    assert prompt == Tenor.of_month(on.year + on.month // 12, on.month % 12 + 1).days()
    if on + timedelta(days=1) == prompt.first:
        with pytest.raises(TenorError, match="PromptMonth"):
            Tenor.parse("BalMo").days(on=on)
    else:
        assert Tenor.parse("BalMo").days(on=on) == Days(on + timedelta(days=1), prompt.first)


@given(year=st.integers(2000, 2098))
def test_tenors__months_tile_quarters_and_quarters_tile_the_year(year: int) -> None:
    whole = Tenor(TenorKind.CALENDAR_YEAR, year).days()
    quarters = [Tenor(TenorKind.QUARTER, year, n).days() for n in range(1, 5)]
    months = [Tenor.of_month(year, n).days() for n in range(1, 13)]
    assert sum(days.count for days in quarters) == sum(days.count for days in months) == whole.count
    assert [days.first for days in quarters] == [days.first for days in months[::3]]
    assert (quarters[0].first, quarters[-1].end) == (whole.first, whole.end)


def test_interval__runs_between_the_markets_midnights() -> None:
    assert str(Tenor.parse("Nov-26").interval(calendar_of("PJM"))) == "2026-11-01T04:00Z/PT721H"
    assert str(Tenor.parse("Nov-26").interval(calendar_of("MISO"))) == "2026-11-01T05:00Z/PT720H"
    assert str(Tenor.of_day(date(2026, 3, 8)).interval(calendar_of("CAISO"))) == "2026-03-08T08:00Z/PT23H"
    prompt = Tenor.parse("PromptMonth").interval(calendar_of("ERCOT"), on=date(2026, 12, 31))
    assert str(prompt) == "2027-01-01T06:00Z/PT744H"
