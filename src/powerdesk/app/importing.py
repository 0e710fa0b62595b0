"""Recorded files: the same parse and record path as fetched payloads, answered when done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from powerdesk.kernel import problem
from powerdesk.markets import operations
from powerdesk.markets.types import Outcome
from powerdesk.store import checking
from powerdesk.store import operations as store_operations
from powerdesk.store import queries as store_queries

if TYPE_CHECKING:
    import pyarrow as pa

    from powerdesk.app.desk import Desk
    from powerdesk.kernel.problem import Finding
    from powerdesk.store.types import Accepted

SHOWN_FINDINGS = 20


class UnreadableFileError(problem.Problem):
    """A recorded file is no report that the connector knows."""

    status = 422
    slug = "unreadable-file"
    title = "The file cannot be read"


def take_file(desk: Desk, *, source: str, name: str, data: bytes, dry_run: bool) -> list[dict[str, Any]]:
    """Return one line per dataset of the file: rows, new, revised, duplicates, findings, gaps."""
    feed = desk.markets.feed(source)
    if dry_run:
        parsed = feed.parse(data, name=name or None, not_after=desk.clock.now())
        return [_dry_line(desk, name, dataset, table, parsed.findings) for dataset, table in parsed.tables.items()]
    with desk.engines.records.unit() as unit:
        recorded = operations.import_payload(unit, desk.markets, feed_id=feed.id, payload=data, name=name)
    if recorded.outcome is not Outcome.OK and not recorded.accepted:
        raise UnreadableFileError(
            found=f"{name}: {recorded.detail or recorded.outcome.value}",
            allowed=f"a recorded report of {feed.market}",
            remedy="see errors; nothing of it was stored",
            findings=recorded.findings,
        )
    desk.catch_up_if_alone()
    return [_line(desk, name, recorded, accepted) for accepted in recorded.accepted]


def _line(desk: Desk, name: str, recorded: operations.Recorded, accepted: Accepted) -> dict[str, Any]:
    outcome = store_operations.settled(desk.store, accepted)
    return {
        "file": name,
        "dataset": accepted.dataset,
        "kind": recorded.kind,
        "rows": accepted.rows,
        "new": outcome.new,
        "revised": outcome.revised,
        "duplicates": outcome.duplicates + accepted.repeated,
        "rejected": accepted.rejected,
        "findings": _texts(recorded.findings),
        "gaps": len(recorded.gaps),
        "commit": outcome.commit,
        "sha256": recorded.sha256,
    }


def _dry_line(desk: Desk, name: str, dataset: str, table: pa.Table, findings: tuple[Finding, ...]) -> dict[str, Any]:
    checked = checking.check(store_queries.dataset(desk.store, dataset), table)
    return {
        "file": name,
        "dataset": dataset,
        "rows": checked.rows.num_rows,
        "rejected": checked.rejected,
        "duplicates": checked.repeated,
        "findings": _texts((*findings, *checked.findings, *checked.warnings)),
        "gaps": 0,
        "dry_run": True,
    }


def _texts(findings: tuple[Finding, ...]) -> list[str]:
    shown = [str(finding) for finding in findings[:SHOWN_FINDINGS]]
    left = len(findings) - len(shown)
    return [*shown, f"... and {left} more"] if left > 0 else shown
