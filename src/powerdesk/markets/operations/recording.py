"""Payloads recorded: parsed, their rows accepted, and what they owed settled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from powerdesk.kernel import ids, intervals, problem
from powerdesk.markets import events, frames, gaps, queries, tables
from powerdesk.markets.operations import feed_states, receiving, settling
from powerdesk.markets.types import Outcome, Parsed, PayloadError, Request
from powerdesk.store import checking
from powerdesk.store import lineage as lineages
from powerdesk.store import operations as store_operations
from powerdesk.store import queries as store_queries
from powerdesk.store.types import Accepted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from powerdesk.engines.ports.records import Unit
    from powerdesk.kernel.problem import Finding
    from powerdesk.markets.events import PayloadReceivedV1
    from powerdesk.markets.feeds import FeedSpec
    from powerdesk.markets.operations.services import Services
    from powerdesk.markets.types import Coverage, Gap

IMPORTED = "import"
"""The report of a file that a person has; it owes the operating days that it is about."""
_MAX_FINDINGS_KEPT = 200


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a payload came to: accepted batches, findings of parser and check, notes, and gaps that it leaves."""

    sha256: str
    kind: str
    outcome: Outcome
    detail: str
    datasets: tuple[str, ...]
    """Those it speaks of, with rows or without."""
    accepted: tuple[Accepted, ...]
    findings: tuple[Finding, ...]
    notes: tuple[Finding, ...]
    rows: int
    duplicates: int
    rejected: int
    gaps: tuple[Gap, ...]


def import_payload(unit: Unit, services: Services, *, feed_id: str, payload: bytes, name: str) -> Recorded:
    """Keep and record a file that a person has, by the same parser and record as a fetched one.

    One that was recorded before says nothing anew, also where the source has said something else since.
    """
    feed = services.feed(feed_id)
    received_at = services.clock.now()
    request = Request(feed=feed.id, report=IMPORTED, url=f"file:{name}", name=name)
    received = receiving.keep(
        unit, services.objects, feed=feed, request=request, payload=payload, received_at=received_at
    )
    event = receiving.announcement(feed=feed, request=request, sha256=received.sha256, received_at=received_at)
    known = None if received.fresh else _known(services, feed=feed, event=event, payload=payload)
    return known or record(unit, services, event=event, payload=payload)


def _known(services: Services, *, feed: FeedSpec, event: PayloadReceivedV1, payload: bytes) -> Recorded | None:
    """Return what a payload recorded before comes to: repetitions; None when the store does not hold all of it."""
    parsed, held = _parsed(feed, event=event, payload=payload), store_queries.accepted(services.store)
    present, now = gaps.spans(parsed.tables), services.clock.now()
    owed = _owed(services, present)
    if parsed.outcome is not Outcome.OK or not {one.dataset for one in owed} >= set(parsed.tables):
        return None
    for one in owed:
        if not gaps.holds(
            queries.stored_spans(services.store, coverage=one, now=now, held=held), present, coverage=one
        ):
            return None
    checks = {name: checking.check(services.store.datasets[name], table) for name, table in parsed.tables.items()}
    accepted = tuple(
        Accepted(
            batch_id="",
            dataset=name,
            position=0,
            rows=check.rows.num_rows,
            rejected=check.rejected,
            repeated=check.repeated + check.rows.num_rows,
            findings=check.findings,
            warnings=check.warnings,
        )
        for name, check in checks.items()
    )
    return _recorded(event, parsed, accepted, lacking=gaps_left(services, parsed=parsed))


def record(unit: Unit, services: Services, *, event: PayloadReceivedV1, payload: bytes) -> Recorded:
    """Parse a kept payload, accept its rows, and settle gaps. A payload that cannot be read is recorded as that.

    Idempotent: batches are named by payload, dataset and parser version. Raises only for faults of the house.
    """
    feed = services.feed(event.feed)
    received_at = intervals.parse_instant(event.received_at)
    coverage = events.from_wire(event.coverage)
    parsed = _parsed(feed, event=event, payload=payload)
    held = store_queries.accepted(services.store)
    accepted = tuple(
        _accept(unit, services, feed=feed, event=event, parsed=parsed, dataset_id=dataset_id)
        for dataset_id, table in parsed.tables.items()
        if table.num_rows
    )
    rejected = parsed.rejected + sum(one.rejected for one in accepted)
    present = gaps.spans(parsed.tables)
    due = settling.due_parts(
        services, coverage=_owed(services, present) if event.report == IMPORTED else coverage, now=received_at
    )
    lacking = settling.settle(
        unit,
        services,
        due=due,
        held=held,
        present=present,
        reason=_reason(parsed, rejected=rejected),
        detail=parsed.detail or (str(parsed.findings[0]) if parsed.findings else ""),
    )
    recorded = _recorded(event, parsed, accepted, lacking=lacking)
    _note_recorded(
        unit, feed=feed, report=event.report, recorded=recorded, tables_of=parsed.tables, received_at=received_at
    )
    return recorded


def gaps_left(services: Services, *, parsed: Parsed) -> tuple[Gap, ...]:
    """Return the gaps that recording a file would leave; nothing is written."""
    present = gaps.spans(parsed.tables)
    due = settling.due_parts(services, coverage=_owed(services, present), now=services.clock.now())
    held, reason = store_queries.accepted(services.store), _reason(parsed, rejected=parsed.rejected)
    return settling.missing(services, due=due, held=held, present=present, reason=reason, detail=parsed.detail)[1]


def _owed(services: Services, present: gaps.Spans) -> tuple[Coverage, ...]:
    """Return what a file that a person has owes."""
    forecasts = {name for name, dataset in services.store.datasets.items() if "forecast_run" in dataset.key}
    return gaps.owed(present, now=services.clock.now(), forecasts=forecasts)


def _parsed(feed: FeedSpec, *, event: PayloadReceivedV1, payload: bytes) -> Parsed:
    """Parse a payload; one that cannot be read comes without tables and says why."""
    try:
        return feed.parse(payload, name=event.name, not_after=intervals.parse_instant(event.received_at))
    except PayloadError as fault:
        name = event.name or "payload"
        found = fault.found.removeprefix(f"{name}: ")
        findings = fault.findings or (problem.Finding(name, found, fault.allowed, fault.remedy),)
        return Parsed(kind="unreadable", source="", outcome=fault.outcome, findings=findings, detail=fault.found)


def _recorded(
    event: PayloadReceivedV1, parsed: Parsed, accepted: tuple[Accepted, ...], *, lacking: tuple[Gap, ...]
) -> Recorded:
    return Recorded(
        sha256=event.sha256,
        kind=parsed.kind,
        outcome=parsed.outcome,
        detail=parsed.detail,
        datasets=tuple(parsed.tables),
        accepted=accepted,
        findings=(*parsed.findings, *(finding for one in accepted for finding in (*one.findings, *one.warnings))),
        notes=parsed.notes,
        rows=sum(one.rows for one in accepted),
        duplicates=parsed.duplicates + sum(one.repeated for one in accepted),
        rejected=parsed.rejected + sum(one.rejected for one in accepted),
        gaps=lacking,
    )


def _accept(
    unit: Unit,
    services: Services,
    *,
    feed: FeedSpec,
    event: PayloadReceivedV1,
    parsed: Parsed,
    dataset_id: str,
) -> Accepted:
    received_at = intervals.parse_instant(event.received_at)
    lineage = lineages.Lineage(
        kind=lineages.Kind.PAYLOAD,
        name=f"markets.{feed.id}",
        version=feed.parser_version,
        dataset=dataset_id,
        payload_sha256=event.sha256,
    )
    rows = parsed.tables[dataset_id]
    # An upper bound of the stamp must not exceed receipt: what this desk holds was published.
    stamped, receipt = rows.column("published_at"), pa.scalar(received_at, frames.INSTANT)
    stamped = pc.if_else(pc.greater(stamped, receipt), receipt, stamped)
    rows = rows.set_column(rows.schema.get_field_index("published_at"), "published_at", stamped)
    return store_operations.accept(
        services.store,
        dataset=services.store.datasets[dataset_id],
        rows=rows,
        source=parsed.source,
        received_at=received_at,
        batch_id=ids.content_id(event.sha256, feed.id, dataset_id, str(feed.parser_version)),
        lineage=store_operations.note_lineage(unit, lineage=lineage, now=services.clock.now()),
    )


def _reason(parsed: Parsed, *, rejected: int) -> str:
    if parsed.outcome is not Outcome.OK:
        return parsed.outcome.value
    return gaps.REJECTED if rejected else gaps.ABSENT


def _note_recorded(
    unit: Unit,
    *,
    feed: FeedSpec,
    report: str,
    recorded: Recorded,
    tables_of: Mapping[str, pa.Table],
    received_at: datetime,
) -> None:
    table = tables.payloads
    unit.connection.execute(
        sa.update(table)
        .where(sa.and_(table.c.sha256 == recorded.sha256, table.c.feed == feed.id))
        .values(
            outcome=recorded.outcome.value,
            parser_version=feed.parser_version,
            kind=recorded.kind,
            rows=recorded.rows,
            rejected=recorded.rejected,
            duplicates=recorded.duplicates,
            findings=_findings_json(recorded.findings),
        )
    )
    dated = [one for one in tables_of.values() if one.num_rows and "interval_end" in one.column_names]
    newest = [pc.max(one.column("interval_end")).as_py() for one in dated]
    if newest and max(newest) <= received_at:  # what lies ahead (day-ahead, forecasts) has no lag
        fetched = tables.fetches
        unit.connection.execute(
            sa.update(fetched)
            .where(sa.and_(fetched.c.feed == feed.id, fetched.c.sha256 == recorded.sha256, fetched.c.lag_s.is_(None)))
            .values(lag_s=(received_at - max(newest)).total_seconds())
        )
    met = recorded.outcome is not Outcome.OK and report != IMPORTED  # a person's file says nothing of the source
    error = (recorded.detail or recorded.outcome.value) if met else None
    feed_states.note_recorded(
        unit, feed_id=feed.id, sha256=recorded.sha256, rows=recorded.rows, error=error, now=received_at
    )


def _findings_json(findings: Sequence[Finding]) -> str:
    names = ("pointer", "found", "allowed", "remedy")
    kept = [{name: getattr(one, name) for name in names} for one in findings[:_MAX_FINDINGS_KEPT]]
    return msgspec.json.encode(kept).decode()
