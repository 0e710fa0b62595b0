"""Whatever the source does, every row it owed is stored or is a gap with a reason."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
import simulated_payloads as payloads
from market_desk import Desk
from simulated_iso import Fault, IsoServer

from powerdesk.markets import fetching, planner
from powerdesk.markets.types import Outcome

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

    from powerdesk.markets.types import Coverage

DAY = (datetime(2026, 11, 2, 8, tzinfo=UTC), datetime(2026, 11, 3, 8, tzinfo=UTC))
EASTERN_DAY = (datetime(2026, 11, 2, 5, tzinfo=UTC), datetime(2026, 11, 3, 5, tzinfo=UTC))
CASES = {
    "caiso-da": ("caiso", "da-prices", *DAY),
    "caiso-rt5": ("caiso", "rt5-prices", DAY[0], DAY[0] + timedelta(hours=1)),
    "nyiso-da": ("nyiso", "da-prices", *EASTERN_DAY),
    "nyiso-load": ("nyiso", "load", *EASTERN_DAY),
}


def owed(coverage: Coverage) -> set[tuple[str, datetime]]:
    """Return (series, interval start) of every row that was to come, by counting, not by the code under test."""
    count = int((coverage.end - coverage.start) / coverage.step)
    return {(series, coverage.start + n * coverage.step) for series in coverage.series for n in range(count)}


def kept(rows: pa.Table) -> Counter[tuple[str, datetime]]:
    return Counter(zip(rows.column("location").to_pylist(), rows.column("interval_start").to_pylist(), strict=True))


def in_gaps(desk: Desk, wanted: set[tuple[str, datetime]]) -> set[tuple[str, datetime]]:
    covered: set[tuple[str, datetime]] = set()
    for one in desk.gaps():
        assert one.gap.reason
        covered |= {
            (series, start)
            for series, start in wanted
            if one.gap.series in (series, "*") and one.gap.start <= start < one.gap.end
        }
    return covered


def account(desk: Desk, case: str) -> tuple[set[tuple[str, datetime]], set[tuple[str, datetime]]]:
    """Return (stored, in a gap) of what was owed, after checking that nothing is in neither and nothing twice."""
    feed, report, start, end = CASES[case]
    coverage = planner.expected(
        desk.services.feed(feed).report(report), market=desk.services.feed(feed).market, day=DAY[0].date()
    )
    wanted = {cell for cell in owed(coverage) if start <= cell[1] < end}
    assert wanted
    found = kept(desk.rows(coverage.dataset, coverage.market))
    assert not [cell for cell, count in found.items() if count > 1]
    stored = wanted & found.keys()
    lost = in_gaps(desk, wanted)
    assert wanted - stored - lost == set(), "silently lost"
    assert stored & lost == set(), "stored and called missing"
    return stored, lost


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("fault", [fault for fault in Fault if fault is not Fault.SLOW_BODY], ids=lambda one: one.name)
def test_every_fault__leaves_no_row_unaccounted_and_a_refill_heals_it(
    desk: Desk, iso: IsoServer, case: str, fault: Fault
) -> None:
    feed, report, start, end = CASES[case]
    iso.inject(fault, times=2)
    desk.run(feed, report, start, end)
    account(desk, case)

    iso.heal()
    desk.clock.instant += timedelta(minutes=5)
    for request in desk.requests(feed, report, start, end):
        desk.fetch(request)
    desk.handle()
    stored, lost = account(desk, case)
    assert stored
    assert lost == set()


def test_a_body_that_drips__hits_the_total_deadline_and_becomes_gaps(tmp_path: Path, iso: IsoServer) -> None:
    desk = Desk(tmp_path, base_url=iso.base_url, limits=fetching.Limits(connect_s=2, read_s=2, total_s=0.2, attempts=1))
    passing = iter(range(10_000))
    desk.clock.monotonic_s = lambda: next(passing) * 0.05  # type: ignore[method-assign]  # each look is 50 ms later
    try:
        iso.inject(Fault.SLOW_BODY)
        fetched, _ = desk.run(*CASES["caiso-da"])
        assert [one.outcome for one in fetched] == [Outcome.TRANSIENT]
        assert "not complete after 0.2 s" in fetched[0].detail
        stored, lost = account(desk, "caiso-da")
        assert stored == set()
        assert {one.gap.reason for one in desk.gaps()} == {"transient"}
        assert len(lost) == 7 * 24
    finally:
        desk.close()


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault.THROTTLE_HTML, "throttled"),
        (Fault.THROTTLE_200, "throttled"),
        (Fault.UNAVAILABLE, "transient"),
        (Fault.TRUNCATED, "transient"),
        (Fault.OASIS_1000, "no-data-final"),
        (Fault.OASIS_1004, "schema"),
        (Fault.OASIS_1014, "expired"),
        (Fault.OASIS_1015, "not-yet"),
        (Fault.RENAMED_COLUMN, "schema"),
        (Fault.EMPTY_DAY, "absent"),
        (Fault.CONFLICTING_ROWS, "rejected"),
        (Fault.BAD_NUMBER, "rejected"),
        (Fault.SHORT_ROW, "rejected"),
        (Fault.MISSING_ROWS, "absent"),
    ],
)
def test_a_gap__says_why(desk: Desk, iso: IsoServer, fault: Fault, reason: str) -> None:
    iso.inject(fault)
    desk.run(*CASES["caiso-da"])
    assert {one.gap.reason for one in desk.gaps()} == {reason}


def test_a_restatement__is_a_new_revision_and_the_old_value_stays_readable(desk: Desk, iso: IsoServer) -> None:
    desk.run(*CASES["nyiso-da"])
    before = desk.rows("markets.prices", "NYISO")
    desk.clock.instant += timedelta(minutes=10)
    iso.inject(Fault.RESTATED)
    desk.run(*CASES["nyiso-da"])
    after = desk.rows("markets.prices", "NYISO")
    assert before.num_rows == after.num_rows == 24 * 15
    old, new = (table.column("price_per_mwh").to_pylist() for table in (before, after))
    assert [round(b - a, 6) for a, b in zip(old, new, strict=True)] == [1.0] * 360
    assert set(after.column("revision").to_pylist()) == {1}


def test_the_same_payload_again__stores_nothing_new(desk: Desk) -> None:
    desk.run(*CASES["nyiso-load"])
    first = desk.rows("markets.load", "NYISO")
    desk.run(*CASES["nyiso-load"])
    assert desk.rows("markets.load", "NYISO").equals(first)


@pytest.mark.parametrize(
    ("day", "hours"),
    [
        (datetime(2026, 3, 8, tzinfo=UTC), 23),
        (datetime(2025, 11, 2, tzinfo=UTC), 25),
        (datetime(2026, 7, 1, tzinfo=UTC), 24),
    ],
)
@pytest.mark.parametrize("report", ["da-prices", "rt5-prices", "load", "fuel-mix"])
def test_clock_change_days__are_whole(desk: Desk, day: datetime, hours: int, report: str) -> None:
    start, end = payloads.day_bounds(day.date(), ZoneInfo("America/New_York"))
    desk.run("nyiso", report, start, end)
    coverage = planner.expected(desk.services.feed("nyiso").report(report), market="NYISO", day=day.date())
    rows = desk.rows(coverage.dataset, "NYISO")
    distinct = sorted(
        one for one in set(rows.column("interval_start").to_pylist()) if coverage.start <= one < coverage.end
    )
    assert len(distinct) == hours * int(timedelta(hours=1) / coverage.step)
    assert desk.gaps() == ()


def test_poll_of_a_day_not_published_yet__is_not_a_gap(desk: Desk, iso: IsoServer) -> None:
    iso.inject(Fault.OASIS_1000)
    tomorrow = (datetime(2026, 11, 4, 8, tzinfo=UTC), datetime(2026, 11, 5, 8, tzinfo=UTC))
    fetched, _ = desk.run("caiso", "da-prices", *tomorrow)  # noon Pacific: day-ahead comes at 13:00
    assert fetched[0].outcome is Outcome.NO_DATA_FINAL
    assert desk.gaps() == ()
