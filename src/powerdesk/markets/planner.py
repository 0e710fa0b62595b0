"""What to ask for: ranges to requests, their cost at the rate limit, and which gaps are worth asking again. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from powerdesk.kernel import calendars
from powerdesk.kernel.problem import Problem
from powerdesk.markets import gaps
from powerdesk.markets.types import Coverage, Outcome, Report, Request

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from powerdesk.markets.feeds import FeedSpec
    from powerdesk.markets.types import Gap

FORGET_AFTER = timedelta(days=60)
"""A gap known for longer is asked again only by a back-fill that somebody starts."""
MAX_BACKFILL = timedelta(days=3660)
_WORTH = frozenset({Outcome.NOT_YET, Outcome.THROTTLED, Outcome.TRANSIENT, gaps.ABSENT, gaps.REJECTED})


class RangeError(Problem):
    """A range of time cannot be filled from a feed."""

    slug = "feed-range"
    title = "The range cannot be filled"


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a plan costs: requests, and seconds at the host's rate limit."""

    requests: int
    seconds: float


def expected(report: Report, *, market: str, day: date) -> Coverage:
    """Return the intervals that a report should have for an operating day: 23, 24 or 25 hours of them."""
    span = calendars.calendar_of(market).day_interval(day)
    return Coverage(report.dataset, market, report.market_run, report.series, span.start, span.end, report.step)


def poll(spec: FeedSpec, report: Report, *, now: datetime) -> tuple[Request, ...]:
    """Return the requests of one poll: the window up to now, or the operating days up to tomorrow for day-ahead."""
    calendar = calendars.calendar_of(spec.market)
    today = calendar.operating_day(now)
    if report.ahead:
        start = calendar.day_interval(today).start
        end = calendar.day_interval(calendar.operating_day(calendar.day_interval(today).end)).end
    else:
        start, end = _floor(now - report.window, report.step), _floor(now, report.step)
    return spec.requests(report, base_url=spec.base_url, start=start, end=end, now=now)


def backfill(
    spec: FeedSpec, *, reports: Sequence[str], start: datetime, end: datetime, now: datetime
) -> tuple[Request, ...]:
    """Return the requests that fill [start, end) with the named reports (all when empty), oldest first.

    Raises RangeError for an empty or absurd range, an unknown report or a feed that cannot be asked.
    """
    known = {report.id: report for report in spec.reports}
    if not known:
        raise RangeError(
            found=f"feed {spec.id}, which makes its own history",
            allowed="a feed that is fetched: caiso, nyiso",
            remedy="set sim.backfill_days (POWERDESK_SIM__BACKFILL_DAYS) before the first start",
        )
    unknown = [name for name in reports if name not in known]
    if unknown:
        raise RangeError(
            found=f"report {', '.join(unknown)} of feed {spec.id}",
            allowed=", ".join(known),
            remedy="choose a report of this feed",
        )
    if not start < end or end - start > MAX_BACKFILL:
        raise RangeError(
            found=f"{start.isoformat()} to {end.isoformat()}",
            allowed=f"a start before its end, at most {MAX_BACKFILL.days} days apart",
            remedy="correct the range",
        )
    chosen = [known[name] for name in reports] or list(known.values())
    plan = [
        request
        for report in chosen
        for request in spec.requests(report, base_url=spec.base_url, start=_floor(start, report.step), end=end, now=now)
    ]
    return tuple(sorted(plan, key=lambda request: request.coverage[0].start))


def estimate(requests: Sequence[Request], *, seconds_per_request: float) -> Estimate:
    """Return how many requests there are and how long the rate limit alone makes them take."""
    return Estimate(len(requests), max(0, len(requests) - 1) * seconds_per_request)


def refill(spec: FeedSpec, *, open_gaps: Iterable[tuple[Gap, datetime]], now: datetime) -> tuple[Request, ...]:
    """Return the fewest requests that ask again for gaps where that may help; `open_gaps` pairs a gap and its since."""
    wanted: dict[str, list[tuple[datetime, datetime]]] = {}
    for gap, since in open_gaps:
        if gap.market == spec.market and gap.reason in _WORTH and now - since < FORGET_AFTER:
            for report in spec.reports:
                if (report.dataset, report.market_run) == (gap.dataset, gap.market_run):
                    wanted.setdefault(report.id, []).append((gap.start, gap.end))
    reports = {report.id: report for report in spec.reports}
    plan: dict[tuple[object, ...], Request] = {}
    for name, ranges in wanted.items():
        for start, end in _merged(ranges):
            for request in spec.requests(reports[name], base_url=spec.base_url, start=start, end=end, now=now):
                plan.setdefault((request.url, request.params), request)
    return tuple(plan.values())


def final_outcome(outcome: Outcome, coverage: Sequence[Coverage], *, due_starts: Sequence[datetime]) -> Outcome:
    """Return what "no data" means: NOT_YET while nothing of the coverage is due, otherwise NO_DATA_FINAL.

    `due_starts` holds, for each coverage, the end of its due part (its start when nothing is due).
    """
    if outcome not in (Outcome.NOT_YET, Outcome.NO_DATA_FINAL):
        return outcome
    anything_due = any(end > part.start for part, end in zip(coverage, due_starts, strict=True))
    return Outcome.NO_DATA_FINAL if anything_due and outcome is Outcome.NO_DATA_FINAL else Outcome.NOT_YET


def _merged(ranges: Iterable[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    merged: list[tuple[datetime, datetime]] = []
    for start, end in sorted(ranges):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def _floor(instant: datetime, step: timedelta) -> datetime:
    midnight = instant.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + (instant - midnight) // step * step
