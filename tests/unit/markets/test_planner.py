"""Ranges become requests, requests have a price, and gaps are asked again where that helps."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta

import pytest

from powerdesk.markets import feeds, jobs, planner
from powerdesk.markets.types import Coverage, Gap, Outcome

NOW = datetime(2026, 11, 3, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("feed", "day", "hours"),
    [
        (feeds.CAISO, date(2026, 3, 8), 23),
        (feeds.CAISO, date(2026, 11, 1), 25),
        (feeds.NYISO, date(2026, 3, 8), 23),
        (feeds.NYISO, date(2026, 11, 1), 25),
        (feeds.NYISO, date(2026, 7, 4), 24),
    ],
)
def test_expected__follows_the_operating_day(feed: feeds.FeedSpec, day: date, hours: int) -> None:
    for report in feed.reports:
        coverage = planner.expected(report, market=feed.market, day=day)
        assert coverage.end - coverage.start == timedelta(hours=hours)
        assert (coverage.end - coverage.start) % coverage.step == timedelta(0)


def test_caiso_backfill__is_one_request_per_report_and_operating_day_without_hole() -> None:
    start, end = datetime(2026, 10, 30, 7, tzinfo=UTC), datetime(2026, 11, 3, 8, tzinfo=UTC)
    plan = planner.backfill(feeds.CAISO, reports=("da-prices",), start=start, end=end, now=NOW)
    spans = [(request.coverage[0].start, request.coverage[0].end) for request in plan]
    assert (spans[0][0], spans[-1][1], len(spans)) == (start, end, 4)
    assert all(one[1] == other[0] for one, other in itertools.pairwise(spans))
    assert dict(plan[2].params)["startdatetime"] == "20261101T07:00-0000"
    assert dict(plan[2].params)["enddatetime"] == "20261102T08:00-0000"
    assert planner.estimate(plan, seconds_per_request=5.0) == planner.Estimate(4, 15.0)


def test_nyiso_backfill__takes_a_monthly_zip_for_old_days_and_files_for_recent_ones() -> None:
    start, end = datetime(2026, 9, 29, 4, tzinfo=UTC), datetime(2026, 11, 3, 5, tzinfo=UTC)
    plan = planner.backfill(feeds.NYISO, reports=("load",), start=start, end=end, now=NOW)
    names = [request.name for request in plan]
    assert names[:2] == ["20260901pal_csv.zip", "20261001pal_csv.zip"]
    assert names[2:] == [f"{date(2026, 10, 24) + timedelta(days=n):%Y%m%d}pal.csv" for n in range(10)]
    covered = sum((part.end - part.start for request in plan for part in request.coverage), timedelta())
    assert covered == end - start


def test_polls__look_back_a_window_or_ahead_to_tomorrow() -> None:
    report = feeds.CAISO.report("rt5-prices")
    (request,) = planner.poll(feeds.CAISO, report, now=NOW + timedelta(minutes=3))
    assert (request.coverage[0].start, request.coverage[0].end) == (NOW - timedelta(hours=1), NOW)
    ahead = planner.poll(feeds.CAISO, feeds.CAISO.report("da-prices"), now=NOW)
    assert [part.start for request in ahead for part in request.coverage] == [
        datetime(2026, 11, 3, 8, tzinfo=UTC),
        datetime(2026, 11, 4, 8, tzinfo=UTC),
    ]


@pytest.mark.parametrize(
    ("reports", "start", "end"),
    [
        (("nope",), NOW, NOW + timedelta(days=1)),
        ((), NOW, NOW),
        ((), NOW - timedelta(days=9000), NOW),
    ],
)
def test_a_range_that_makes_no_sense__is_refused(reports: tuple[str, ...], start: datetime, end: datetime) -> None:
    with pytest.raises(planner.RangeError):
        planner.backfill(feeds.CAISO, reports=reports, start=start, end=end, now=NOW)


def gap(reason: str, *, hour: int = 0, run: str = "RT5") -> Gap:
    start = datetime(2026, 11, 2, 10, tzinfo=UTC) + timedelta(hours=hour)
    return Gap("markets.prices", "CAISO", run, "CAISO:TH_NP15_GEN-APND", start, start + timedelta(hours=1), reason)


def test_refill__joins_neighbours_and_leaves_hopeless_gaps_alone() -> None:
    asked = [(gap("transient"), NOW), (gap("absent", hour=1), NOW), (gap("expired", hour=5), NOW)]
    (request,) = planner.refill(feeds.CAISO, open_gaps=asked, now=NOW)
    assert request.report == "rt5-prices"
    assert request.coverage[0].end - request.coverage[0].start == timedelta(hours=2)
    old = [(gap("transient"), NOW - timedelta(days=61))]
    assert planner.refill(feeds.CAISO, open_gaps=old, now=NOW) == ()
    assert planner.refill(feeds.NYISO, open_gaps=asked, now=NOW) == ()


def test_no_data__is_final_only_when_something_was_due() -> None:
    part = Coverage("markets.prices", "CAISO", "DA", ("x",), NOW, NOW + timedelta(days=1), timedelta(hours=1))
    final = planner.final_outcome(Outcome.NO_DATA_FINAL, [part], due_starts=[part.end])
    early = planner.final_outcome(Outcome.NO_DATA_FINAL, [part], due_starts=[part.start])
    assert (final, early) == (Outcome.NO_DATA_FINAL, Outcome.NOT_YET)
    assert planner.final_outcome(Outcome.AUTH, [part], due_starts=[part.start]) is Outcome.AUTH


def test_poll_schedules__follow_the_cadence() -> None:
    crons = jobs.poll_jobs(feeds.NYISO)
    assert crons["rt5-prices"] == "*/5 * * * *"
    assert crons["load-forecast"] == "7 */6 * * *"
