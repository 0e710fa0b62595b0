"""Recorded files: the same parse and record path as fetched payloads, answered when done."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from powerdesk.kernel import calendars, problem
from powerdesk.markets import sniffing
from powerdesk.markets.operations import recording
from powerdesk.markets.types import Outcome
from powerdesk.store import checking
from powerdesk.store import operations as store_operations
from powerdesk.store import queries as store_queries

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from powerdesk.app.desk import Desk
    from powerdesk.kernel.problem import Finding
    from powerdesk.markets.types import Gap

SHOWN_FINDINGS = 20


class UnreadableFileError(problem.Problem):
    """A recorded file is no report that the connector knows."""

    status = 422
    slug = "unreadable-file"
    title = "The file cannot be read"


def take_file(desk: Desk, *, source: str, name: str, data: bytes, dry_run: bool) -> list[dict[str, Any]]:
    """Return one line per dataset of the file: rows, new, revised, duplicates, rejected, findings, gaps.

    Rows that the parser refused or met twice are told in the first line.
    """
    lines = (_tried if dry_run else _stored)(desk, source, name, data)
    return [{"file": name, **line} for line in lines]


def _stored(desk: Desk, source: str, name: str, data: bytes) -> list[dict[str, Any]]:
    feed = desk.markets.feed(source)
    with desk.engines.records.unit() as unit:
        recorded = recording.import_payload(unit, desk.markets, feed_id=feed.id, payload=data, name=name)
    if recorded.outcome is not Outcome.OK and not recorded.accepted:
        raise _unreadable(name, feed.market, recorded.detail or recorded.outcome.value, recorded.findings)
    desk.catch_up_if_alone()
    accepted = {one.dataset: one for one in recorded.accepted}
    repeated = recorded.duplicates - sum(one.repeated for one in recorded.accepted)
    rejected = recorded.rejected - sum(one.rejected for one in recorded.accepted)
    lines = []
    for dataset in recorded.datasets:
        one = accepted.get(dataset)
        outcome = None if one is None else store_operations.settled(desk.store, one)
        lines.append(
            {
                "dataset": dataset,
                "kind": recorded.kind,
                "rows": one.rows if one else 0,
                "new": outcome.new if outcome else 0,
                "revised": outcome.revised if outcome else 0,
                "duplicates": repeated + (outcome.duplicates + one.repeated if outcome and one else 0),
                "rejected": rejected + (one.rejected if one else 0),
                "findings": _texts((*recorded.findings, *_cut_off(name, data, recorded.gaps))),
                "gaps": _number(recorded.gaps, dataset),
                "commit": (outcome.commit or None) if outcome else None,
                "sha256": recorded.sha256,
            }
        )
        repeated = rejected = 0
    return lines


def _tried(desk: Desk, source: str, name: str, data: bytes) -> list[dict[str, Any]]:
    feed = desk.markets.feed(source)
    parsed = feed.parse(data, name=name or None, not_after=desk.clock.now())
    if parsed.outcome is not Outcome.OK and not parsed.rows:
        raise _unreadable(name, feed.market, parsed.detail or parsed.outcome.value, parsed.findings)
    left = recording.gaps_left(desk.markets, parsed=parsed)
    repeated, rejected, lines = parsed.duplicates, parsed.rejected, []
    for dataset, table in parsed.tables.items():
        checked = checking.check(store_queries.dataset(desk.store, dataset), table)
        lines.append(
            {
                "dataset": dataset,
                "kind": parsed.kind,
                "rows": checked.rows.num_rows,
                "duplicates": repeated + checked.repeated,
                "rejected": rejected + checked.rejected,
                "findings": _texts(
                    (*parsed.findings, *checked.findings, *checked.warnings, *_cut_off(name, data, left))
                ),
                "gaps": _number(left, dataset),
                "dry_run": True,
            }
        )
        repeated = rejected = 0
    return lines


def _unreadable(name: str, market: str, found: str, findings: tuple[Finding, ...]) -> UnreadableFileError:
    return UnreadableFileError(
        found=f"{name}: {found.removeprefix(f'{name}: ')}",
        allowed=f"a recorded report of {market}",
        remedy="see errors; nothing of it was stored" if findings else "get the file anew: it holds no data",
        findings=findings,
    )


def _cut_off(name: str, data: bytes, lacking: Sequence[Gap]) -> tuple[Finding, ...]:
    """Return what to say of a plain file that stops within its day in a line without an end: 12.34 may read 12.3."""
    if data.endswith((b"\n", b"\r")) or sniffing.sniff(data).form is not sniffing.Form.TEXT:
        return ()  # an archive knows itself whether it is whole
    if not any(gap.end == _end_of_day(gap) for gap in lacking):
        return ()
    found = "the day ends early, in a line without an end: its last value may be cut too"
    return (problem.Finding(name, found, "a whole day", "get the file anew and import it; the line was kept"),)


def _end_of_day(gap: Gap) -> datetime:
    calendar = calendars.calendar_of(gap.market)
    return calendar.day_interval(calendar.operating_day(gap.end - timedelta(microseconds=1))).end


def _number(gaps: Sequence[Gap], dataset: str) -> int:
    return sum(gap.dataset == dataset for gap in gaps)


def _texts(findings: tuple[Finding, ...]) -> list[str]:
    shown = [str(finding) for finding in findings[:SHOWN_FINDINGS]]
    left = len(findings) - len(shown)
    return [*shown, f"... and {left} more"] if left > 0 else shown
