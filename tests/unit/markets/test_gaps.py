"""What is missing, and what becomes of it when rows arrive."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from powerdesk.markets import datasets, gaps
from powerdesk.markets.gaps import OpenGap
from powerdesk.markets.types import Coverage, Gap

T0 = datetime(2026, 3, 1, tzinfo=UTC)
FIVE = timedelta(minutes=5)
CELLS = 24
ASKED = Coverage("markets.prices", "NYISO", "RT5", ("NYISO:A", "NYISO:B"), T0, T0 + CELLS * FIVE, FIVE)


def table(*rows: tuple[str, float, float]) -> pa.Table:
    """Return price rows (series, start minute, end minute)."""
    return pa.table(
        {
            "market": ["NYISO"] * len(rows),
            "market_run": ["RT5"] * len(rows),
            "location": [series for series, _, _ in rows],
            "interval_start": pa.array(
                [T0 + timedelta(minutes=start) for _, start, _ in rows], pa.timestamp("us", "UTC")
            ),
            "interval_end": pa.array([T0 + timedelta(minutes=end) for _, _, end in rows], pa.timestamp("us", "UTC")),
        }
    )


def spans(*rows: tuple[str, float, float]) -> gaps.Spans:
    return gaps.spans({"markets.prices": table(*rows)})


def cells(found: tuple[Gap, ...]) -> set[tuple[str, int]]:
    return {
        (gap.series, int((gap.start - T0) / FIVE) + offset)
        for gap in found
        for offset in range(int((gap.end - gap.start) / FIVE))
    }


@settings(max_examples=60, deadline=None)
@given(held=st.sets(st.tuples(st.sampled_from(ASKED.series), st.integers(0, CELLS - 1))))
def test_missing__is_exactly_what_is_not_present(held: set[tuple[str, int]]) -> None:
    present = spans(*((series, cell * 5, cell * 5 + 5) for series, cell in sorted(held)))
    found = gaps.missing(ASKED, present=present, reason="absent", detail="")
    assert cells(found) == {(series, cell) for series in ASKED.series for cell in range(CELLS)} - held
    for one, other in itertools.pairwise(found):
        assert one.series != other.series or one.end < other.start, "neighbours are joined"


def test_dispatch_out_of_turn__counts_as_present() -> None:
    whole = [("NYISO:A", 5 * n, 5 * n + 5) for n in range(CELLS) if n != 1]
    irregular = [("NYISO:A", 5.0, 7.1), ("NYISO:A", 7.1, 10.0)]
    late = Coverage(**{**_fields(ASKED), "series": ("NYISO:A",)})
    assert gaps.missing(late, present=spans(*whole, *irregular), reason="absent", detail="") == ()
    (half,) = gaps.missing(late, present=spans(*whole, ("NYISO:A", 6.0, 7.1)), reason="absent", detail="")
    assert (half.start, half.end) == (T0 + FIVE, T0 + 2 * FIVE)


def _fields(coverage: Coverage) -> dict[str, object]:
    return {name: getattr(coverage, name) for name in Coverage.__slots__}


def test_rows_that_arrive__close_what_they_fill_and_keep_the_age_of_the_rest() -> None:
    gap = Gap("markets.prices", "NYISO", "RT5", "NYISO:A", T0, T0 + 6 * FIVE, "transient")
    since = T0 + timedelta(hours=1)
    settled = gaps.settle([OpenGap(7, since, gap)], present=spans(("NYISO:A", 10, 15)), coverage=(), fresh=())
    assert settled.close == (7,)
    assert [(one.start, one.end, when) for one, when in settled.open] == [
        (T0, T0 + 2 * FIVE, since),
        (T0 + 3 * FIVE, T0 + 6 * FIVE, since),
    ]


def test_asking_again_in_vain__keeps_the_gap_or_gives_it_the_newer_reason() -> None:
    gap = Gap("markets.prices", "NYISO", "RT5", "NYISO:A", T0, T0 + CELLS * FIVE, "transient")
    known = [OpenGap(7, T0, gap)]
    nothing = spans()
    same = gaps.settle(known, present=nothing, coverage=[ASKED], fresh=[gap])
    assert (same.close, same.open) == ((), ())
    other = Gap(*(getattr(gap, name) for name in Gap.__slots__[:6]), "expired", "")
    changed = gaps.settle(known, present=nothing, coverage=[ASKED], fresh=[other])
    assert (changed.close, changed.open) == ((7,), ((other, T0),))


def test_a_gap_of_another_series__stays_untouched() -> None:
    gap = Gap("markets.prices", "NYISO", "RT5", "NYISO:Z", T0, T0 + FIVE, "transient")
    settled = gaps.settle([OpenGap(7, T0, gap)], present=spans(("NYISO:A", 0, 5)), coverage=[ASKED], fresh=())
    assert settled == gaps.Settled((), ())


def test_only_what_should_be_public__is_due() -> None:
    now = T0 + timedelta(hours=1)
    real_time = gaps.due(ASKED, dataset=datasets.PRICES, now=now)
    assert real_time.end == now - timedelta(minutes=15)
    day = Coverage(
        "markets.prices", "CAISO", "DA", ("x",), T0 + timedelta(hours=8), T0 + timedelta(hours=32), 12 * FIVE
    )
    posted = datetime(2026, 2, 28, 21, tzinfo=UTC)  # 13:00 Pacific the day before
    assert gaps.due(day, dataset=datasets.PRICES, now=posted).end == day.start
    assert gaps.due(day, dataset=datasets.PRICES, now=posted + timedelta(minutes=15)) == day
    forecast = Coverage("markets.load_forecast", "NYISO", "ISOLF", ("x",), T0, T0 + timedelta(days=6), 12 * FIVE)
    assert gaps.due(forecast, dataset=datasets.LOAD_FORECAST, now=T0) == forecast


def test_nothing_known_about_series__is_one_gap_for_all() -> None:
    unknown = Coverage(**{**_fields(ASKED), "series": ()})
    (gap,) = gaps.missing(unknown, present=spans(), reason="absent", detail="")
    assert gap.series == gaps.NOBODY
    settled = gaps.settle([OpenGap(1, T0, gap)], present=spans(("NYISO:A", 0, 120)), coverage=[unknown], fresh=())
    assert settled.close == (1,)


MIDNIGHT = datetime(2026, 3, 1, 5, tzinfo=UTC)
"""In New York: the operating day of `T0` ends there."""
DAY = timedelta(days=1)
LATER = MIDNIGHT + DAY


def owed(present: gaps.Spans, *, now: datetime = LATER, forecasts: tuple[str, ...] = ()) -> Coverage:
    (one,) = gaps.owed(present, now=now, forecasts=forecasts)
    return one


@settings(max_examples=60, deadline=None)
@given(held=st.sets(st.tuples(st.sampled_from(ASKED.series), st.integers(0, CELLS - 1)), min_size=1))
def test_owed__is_the_operating_day_of_each_series_of_a_file(held: set[tuple[str, int]]) -> None:
    found = owed(spans(*((series, cell * 5, cell * 5 + 5) for series, cell in sorted(held))))
    assert (found.dataset, found.market, found.market_run, found.step) == ("markets.prices", "NYISO", "RT5", FIVE)
    assert found.series == tuple(sorted({series for series, _ in held}))
    one_hour = len({cell * 5 // 60 for _, cell in held}) == 1
    hour = T0 + timedelta(hours=min(cell for _, cell in held) * 5 // 60)
    assert (found.start, found.end) == ((hour, hour + timedelta(hours=1)) if one_hour else (MIDNIGHT - DAY, MIDNIGHT))


def test_owed__counts_whole_steps_of_the_day_whatever_a_dispatch_out_of_turn_cuts_off() -> None:
    found = owed(spans(("NYISO:A", 3, 5), ("NYISO:A", 5, 10), ("NYISO:A", 10, 15), ("NYISO:A", 75, 77)))
    assert (found.start, found.end, found.step) == (MIDNIGHT - DAY, MIDNIGHT, FIVE)
    assert gaps.owed(gaps.spans({}), now=LATER, forecasts=()) == ()


def test_owed__of_one_interval_beyond_midnight_is_that_interval_and_not_its_day() -> None:
    minute = int((MIDNIGHT - T0) / timedelta(minutes=1))
    evening = [("NYISO:A", at, at + 5) for at in range(minute - 30, minute + 5, 5)]
    assert owed(spans(*evening)).end == MIDNIGHT + FIVE
    assert owed(spans(*evening, ("NYISO:A", minute + 5, minute + 10))).end == MIDNIGHT + DAY
    assert (owed(spans(evening[-1])).start, owed(spans(evening[-1])).end) == (MIDNIGHT, MIDNIGHT + timedelta(hours=1))
    morning = [("NYISO:A", at, at + 5) for at in range(minute - 5, minute + 30, 5)]
    assert (owed(spans(*morning)).start, owed(spans(*morning)).end) == (MIDNIGHT - FIVE, MIDNIGHT + DAY)


def test_owed__of_a_forecast_ends_with_the_file_until_the_day_is_over() -> None:
    foretold = spans(("NYISO:A", -5, 0), ("NYISO:A", 0, 5), ("NYISO:A", 5, 10), ("NYISO:A", 10, 15))
    before = owed(foretold, now=MIDNIGHT - FIVE, forecasts=("markets.prices",))
    assert (before.start, before.end) == (MIDNIGHT - DAY, T0 + 3 * FIVE)
    assert owed(foretold, now=MIDNIGHT, forecasts=("markets.prices",)).end == MIDNIGHT


@pytest.mark.parametrize(
    ("day", "hours"), [(datetime(2025, 3, 9, 5, tzinfo=UTC), 23), (datetime(2025, 11, 2, 4, tzinfo=UTC), 25)]
)
def test_owed__on_a_day_when_clocks_change_is_23_or_25_hours(day: datetime, hours: int) -> None:
    at = int((day - T0) / timedelta(minutes=1))
    found = owed(spans(*(("NYISO:A", at + 60 * hour, at + 60 * hour + 60) for hour in range(20))))
    assert (found.start, found.end - found.start, found.step) == (day, timedelta(hours=hours), timedelta(hours=1))
