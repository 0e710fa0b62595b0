"""Whatever the source does, every row it owed is stored or is a gap with a reason."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
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

CASES = {
    "caiso-da": ("caiso", "da-prices", ZoneInfo("America/Los_Angeles"), None),
    "caiso-rt5": ("caiso", "rt5-prices", ZoneInfo("America/Los_Angeles"), timedelta(hours=1)),
    "nyiso-da": ("nyiso", "da-prices", ZoneInfo("America/New_York"), None),
    "nyiso-load": ("nyiso", "load", ZoneInfo("America/New_York"), None),
}
BROKEN = [fault for fault in Fault if fault is not Fault.SLOW_BODY]


def span(desk: Desk, case: str) -> tuple[str, str, datetime, datetime]:
    """Return feed, report and the range of the case on the day before the clock's."""
    feed, report, zone, length = CASES[case]
    start, end = payloads.day_bounds((desk.clock.now() - timedelta(days=1)).date(), zone)
    return feed, report, start, end if length is None else start + length


def owed(coverage: Coverage) -> set[tuple[str, datetime]]:
    """Return (series, interval start) of every row that was to come, by counting, not by the code under test."""
    count = int((coverage.end - coverage.start) / coverage.step)
    return {(series, coverage.start + n * coverage.step) for series in coverage.series for n in range(count)}


def kept(rows: pa.Table) -> Counter[tuple[str, datetime]]:
    return Counter(zip(rows.column("location").to_pylist(), rows.column("interval_start").to_pylist(), strict=True))


def in_gaps(desk: Desk, coverage: Coverage, wanted: set[tuple[str, datetime]]) -> set[tuple[str, datetime]]:
    covered: set[tuple[str, datetime]] = set()
    for one in desk.gaps():
        gap = one.gap
        assert gap.reason
        series = coverage.series if gap.series == "*" else (gap.series,)
        steps = range(int((gap.end - gap.start) / coverage.step)) if gap.end > coverage.start else ()
        covered |= {(name, gap.start + number * coverage.step) for name in series for number in steps}
    return covered & wanted


def account(desk: Desk, case: str) -> tuple[set[tuple[str, datetime]], set[tuple[str, datetime]]]:
    """Return (stored, in a gap) of what was owed, after checking that nothing is in neither and nothing twice."""
    name, report, start, end = span(desk, case)
    feed = desk.services.feed(name)
    coverage = planner.expected(
        feed.report(report), market=feed.market, day=(desk.clock.now() - timedelta(days=1)).date()
    )
    wanted = {cell for cell in owed(coverage) if start <= cell[1] < end}
    assert wanted
    found = kept(desk.rows(coverage.dataset, coverage.market, start=start, end=end))
    assert not [cell for cell, count in found.items() if count > 1]
    stored = wanted & found.keys()
    lost = in_gaps(desk, coverage, wanted)
    assert wanted - stored - lost == set(), "silently lost"
    assert stored & lost == set(), "stored and called missing"
    return stored, lost


@pytest.mark.parametrize("case", CASES)
def test_every_fault__leaves_no_row_unaccounted_and_asking_again_heals_it(
    desk: Desk, iso: IsoServer, case: str
) -> None:
    for fault in BROKEN:
        desk.clock.instant += timedelta(days=1)
        iso.inject(fault)
        desk.run(*span(desk, case))
        stored, lost = account(desk, case)
        assert stored | lost, fault

        iso.heal()
        desk.clock.instant += timedelta(minutes=5)
        desk.run(*span(desk, case))
        stored, lost = account(desk, case)
        assert stored, fault
        assert lost == set(), fault


def test_a_body_that_drips__hits_the_total_deadline_and_becomes_gaps(tmp_path: Path, iso: IsoServer) -> None:
    desk = Desk(tmp_path, base_url=iso.base_url, limits=fetching.Limits(connect_s=2, read_s=2, total_s=0.2, attempts=1))
    desk.clock.looks_take_s = 0.05
    try:
        iso.inject(Fault.SLOW_BODY)
        fetched, _ = desk.run(*span(desk, "caiso-da"))
        assert [one.outcome for one in fetched] == [Outcome.TRANSIENT]
        assert "not complete after 0.2 s" in fetched[0].detail
        stored, lost = account(desk, "caiso-da")
        assert stored == set()
        assert {one.gap.reason for one in desk.gaps()} == {"transient"}
        assert len(lost) == 7 * 24
    finally:
        desk.close()


def test_a_gap__says_why(desk: Desk, iso: IsoServer) -> None:
    reasons = {
        Fault.THROTTLE_HTML: "throttled",
        Fault.THROTTLE_200: "throttled",
        Fault.UNAVAILABLE: "transient",
        Fault.TRUNCATED: "transient",
        Fault.OASIS_1000: "no-data-final",
        Fault.OASIS_1004: "schema",
        Fault.OASIS_1014: "expired",
        Fault.OASIS_1015: "not-yet",
        Fault.RENAMED_COLUMN: "schema",
        Fault.EMPTY_DAY: "absent",
        Fault.CONFLICTING_ROWS: "rejected",
        Fault.BAD_NUMBER: "rejected",
        Fault.SHORT_ROW: "rejected",
        Fault.MISSING_ROWS: "rejected",
    }
    for fault, reason in reasons.items():
        desk.clock.instant += timedelta(days=1)
        before = {one.number for one in desk.gaps()}
        iso.inject(fault)
        desk.run(*span(desk, "caiso-da"))
        assert {one.gap.reason for one in desk.gaps() if one.number not in before} == {reason}, fault


def test_a_restatement__is_a_new_revision_and_the_old_value_stays_readable(desk: Desk, iso: IsoServer) -> None:
    desk.run(*span(desk, "nyiso-da"))
    before = desk.rows("markets.prices", "NYISO")
    desk.clock.instant += timedelta(minutes=10)
    iso.inject(Fault.RESTATED)
    desk.run(*span(desk, "nyiso-da"))
    after = desk.rows("markets.prices", "NYISO")
    assert before.num_rows == after.num_rows == 24 * 15
    old, new = (table.column("price_per_mwh").to_pylist() for table in (before, after))
    assert [round(b - a, 6) for a, b in zip(old, new, strict=True)] == [1.0] * 360
    assert set(after.column("revision").to_pylist()) == {1}


def test_the_same_payload_again__stores_nothing_new(desk: Desk) -> None:
    desk.run(*span(desk, "nyiso-load"))
    first = desk.rows("markets.load", "NYISO")
    desk.run(*span(desk, "nyiso-load"))
    assert desk.rows("markets.load", "NYISO").equals(first)


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 8), 23), (date(2025, 11, 2), 25)])
@pytest.mark.parametrize("report", ["da-prices", "rt5-prices", "load", "fuel-mix"])
def test_clock_change_days__are_whole(desk: Desk, day: date, hours: int, report: str) -> None:
    start, end = payloads.day_bounds(day, ZoneInfo("America/New_York"))
    desk.clock.instant = end + timedelta(hours=6)
    desk.run("nyiso", report, start, end)
    coverage = planner.expected(desk.services.feed("nyiso").report(report), market="NYISO", day=day)
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
