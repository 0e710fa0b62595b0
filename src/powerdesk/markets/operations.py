"""Writes: keep what was received, record what it says, and account for everything that was expected."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from powerdesk.engines.ports import bus as bus_port
from powerdesk.kernel import ids, intervals, problem
from powerdesk.markets import events, frames, gaps, planner, queries, tables
from powerdesk.markets.types import Fetched, Outcome, Parsed, PayloadError, Request
from powerdesk.store import checking
from powerdesk.store import lineage as lineages
from powerdesk.store import operations as store_operations
from powerdesk.store import queries as store_queries
from powerdesk.store.types import Accepted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from powerdesk.engines.ports.objects import Objects
    from powerdesk.engines.ports.records import Records, Unit
    from powerdesk.kernel.clock import Clock
    from powerdesk.kernel.problem import Finding
    from powerdesk.markets.events import PayloadReceivedV1
    from powerdesk.markets.feeds import FeedSpec
    from powerdesk.markets.fetching import Fetcher
    from powerdesk.markets.types import Coverage, Gap
    from powerdesk.store.queries import Store

RECEIVED = "received"
IMPORTED = "import"
"""The report of a file that a person has; it owes what lies between the first and the last interval it brings."""
_WAITING, _RUNNING, _THROTTLED, _UNREACHABLE = "waiting", "running", "throttled", "unreachable"
_MAX_FINDINGS_KEPT = 200


class UnknownFeedError(problem.Problem):
    """There is no feed of that id."""

    status = 404
    slug = "unknown-feed"
    title = "No such feed"


@dataclass(frozen=True, slots=True)
class Services:
    """What jobs and handlers work with; `app` makes one. `fetcher` may be None where nothing is fetched."""

    records: Records
    objects: Objects
    store: Store
    clock: Clock
    feeds: Mapping[str, FeedSpec]
    fetcher: Fetcher | None = None

    def feed(self, feed_id: str) -> FeedSpec:
        """Return the feed; raise UnknownFeedError naming those there are."""
        found = self.feeds.get(feed_id)
        if found is None:
            raise UnknownFeedError(
                found=f"feed {feed_id!r}", allowed=", ".join(sorted(self.feeds)), remedy="choose one of these"
            )
        return found


@dataclass(frozen=True, slots=True)
class Received:
    """A payload kept: its hash, and whether this feed had not brought it before."""

    sha256: str
    fresh: bool


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


def object_key(sha256: str) -> str:
    """Return where a payload lies in Objects."""
    return f"raw/{sha256[:2]}/{sha256}"


def keep(
    unit: Unit, objects: Objects, *, feed: FeedSpec, request: Request, payload: bytes, received_at: datetime
) -> Received:
    """Keep a payload under its content hash; `fresh` tells whether it still has to be recorded by this parser."""
    sha256 = hashlib.sha256(payload).hexdigest()
    if not objects.exists(object_key(sha256)):
        objects.put(object_key(sha256), payload)
    table = tables.payloads
    same = sa.and_(table.c.sha256 == sha256, table.c.feed == feed.id)
    known = unit.connection.execute(sa.select(table).where(same)).one_or_none()
    if known is not None and known.forgotten_at is not None:
        unit.connection.execute(sa.update(table).where(same).values(forgotten_at=None))
    if known is None:
        unit.connection.execute(
            sa.insert(table).values(
                sha256=sha256,
                feed=feed.id,
                url=request.url,
                name=request.name,
                received_at=received_at,
                bytes=len(payload),
                outcome=RECEIVED,
            )
        )
    return Received(sha256, known is None or known.outcome == RECEIVED or known.parser_version != feed.parser_version)


def receive(
    unit: Unit, objects: Objects, *, feed: FeedSpec, request: Request, payload: bytes, received_at: datetime
) -> Received:
    """Keep a payload and announce it. One that was recorded before stays quiet unless gaps are to be settled by it."""
    received = keep(unit, objects, feed=feed, request=request, payload=payload, received_at=received_at)
    if received.fresh or request.coverage:
        event = _event(feed, request, received.sha256, received_at)
        unit.send(events.PAYLOAD_RECEIVED_TOPIC, bus_port.Outgoing(key=feed.id, value=events.encode(event)))
    return received


def import_payload(unit: Unit, services: Services, *, feed_id: str, payload: bytes, name: str) -> Recorded:
    """Keep and record a file that a person has, by the same parser and record as a fetched one.

    One that was recorded before says nothing anew, also where the source has said something else since.
    """
    feed = services.feed(feed_id)
    received_at = services.clock.now()
    request = Request(feed=feed.id, report=IMPORTED, url=f"file:{name}", name=name)
    received = keep(unit, services.objects, feed=feed, request=request, payload=payload, received_at=received_at)
    event = _event(feed, request, received.sha256, received_at)
    known = None if received.fresh else _known(services, feed=feed, event=event, payload=payload)
    return known or record(unit, services, event=event, payload=payload)


def _known(services: Services, *, feed: FeedSpec, event: PayloadReceivedV1, payload: bytes) -> Recorded | None:
    """Return what a payload recorded before comes to: repetitions; None when the store does not hold all of it."""
    parsed, held = _parsed(feed, event=event, payload=payload), store_queries.accepted(services.store)
    present, now = gaps.spans(parsed.tables), services.clock.now()
    owed = gaps.owed(present)
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


def _event(feed: FeedSpec, request: Request, sha256: str, received_at: datetime) -> PayloadReceivedV1:
    return events.PayloadReceivedV1(
        feed=feed.id,
        sha256=sha256,
        name=request.name,
        received_at=intervals.format_instant(received_at),
        report=request.report,
        coverage=events.to_wire(request.coverage),
    )


def forget_payloads(services: Services, *, before: datetime, limit: int) -> int:
    """Delete the bytes of at most `limit` recorded payloads received before an instant; return how many.

    Their lineages are marked first as no longer reproducible, and what is known of each payload stays.
    """
    table, now = tables.payloads, services.clock.now()
    last = sa.func.max(table.c.received_at)
    kept = sa.func.max(sa.case((table.c.forgotten_at.is_(None), 1), else_=0)) == 1
    recorded = sa.func.max(sa.case((table.c.outcome == RECEIVED, 1), else_=0)) == 0
    chosen = sa.select(table.c.sha256).group_by(table.c.sha256).having(last < before, kept, recorded).limit(limit)
    with services.records.reader() as reader:
        found = tuple(reader.connection.execute(chosen).scalars())
    if found:
        with services.records.unit() as unit:
            ids = queries.payload_lineages(unit, sha256=found)
            store_operations.lose(unit, ids=ids, why="retention deleted the payload", now=now)
        for sha256 in found:
            services.objects.delete(object_key(sha256))
        with services.records.unit() as unit:
            unit.connection.execute(sa.update(table).where(table.c.sha256.in_(found)).values(forgotten_at=now))
    return len(found)


def take(unit: Unit, services: Services, *, feed: FeedSpec, fetched: Fetched) -> Received | None:
    """Account for one fetch: keep its payload, or open gaps with the reason why nothing came; note the feed's state."""
    received = None
    outcome = fetched.outcome
    if outcome is Outcome.OK:
        received = receive(
            unit,
            services.objects,
            feed=feed,
            request=fetched.request,
            payload=fetched.payload,
            received_at=fetched.received_at,
        )
    else:
        due = _due(services, fetched.request.coverage, fetched.received_at)
        outcome = planner.final_outcome(outcome, fetched.request.coverage, due_starts=[one.end for one in due])
        held = store_queries.accepted(services.store)
        _settle(unit, services, due=due, held=held, present=gaps.spans({}), reason=outcome.value, detail=fetched.detail)
    unit.connection.execute(
        sa.insert(tables.fetches).values(
            feed=feed.id,
            report=fetched.request.report,
            at=fetched.received_at,
            outcome=outcome.value,
            detail=fetched.detail[:400],
            sha256=received.sha256 if received else None,
        )
    )
    _note_state(unit, feed_id=feed.id, fetched=replace(fetched, outcome=outcome))
    return received


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
    due = _due(services, gaps.owed(present) if event.report == IMPORTED else coverage, received_at)
    lacking = _settle(
        unit,
        services,
        due=due,
        held=held,
        present=present,
        reason=_reason(parsed, rejected=rejected),
        detail=parsed.detail or (str(parsed.findings[0]) if parsed.findings else ""),
    )
    recorded = _recorded(event, parsed, accepted, lacking=lacking)
    _note_recorded(unit, feed=feed, recorded=recorded, tables_of=parsed.tables, received_at=received_at)
    return recorded


def _parsed(feed: FeedSpec, *, event: PayloadReceivedV1, payload: bytes) -> Parsed:
    """Parse a payload; one that cannot be read comes without tables and says why."""
    try:
        return feed.parse(payload, name=event.name, not_after=intervals.parse_instant(event.received_at))
    except PayloadError as fault:
        findings = fault.findings or (
            problem.Finding(event.name or "payload", fault.found, fault.allowed, fault.remedy),
        )
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


def _due(services: Services, coverage: Sequence[Coverage], now: datetime) -> tuple[Coverage, ...]:
    return tuple(gaps.due(one, dataset=services.store.datasets[one.dataset], now=now) for one in coverage)


def _settle(
    unit: Unit,
    services: Services,
    *,
    due: Sequence[Coverage],
    held: int,
    present: gaps.Spans,
    reason: str,
    detail: str,
) -> tuple[Gap, ...]:
    """Close what came, open what should have come and return it; rows up to position `held` count as present."""
    now = services.clock.now()
    present, fresh = _lacking(services, due=due, held=held, present=present, reason=reason, detail=detail)
    scopes = {(one.dataset, one.market) for one in due} | {key[:2] for key in present.by_series}
    known = [
        gap for dataset, market in sorted(scopes) for gap in queries.open_gaps(unit, dataset=dataset, market=market)
    ]
    settled = gaps.settle(known, present=present, coverage=due, fresh=fresh)
    if settled.close:
        unit.connection.execute(
            sa.update(tables.gaps).where(tables.gaps.c.number.in_(settled.close)).values(closed_at=now)
        )
    if settled.open:
        unit.connection.execute(
            sa.insert(tables.gaps), [{**_gap_row(gap), "since": since or now} for gap, since in settled.open]
        )
    return fresh


def _lacking(
    services: Services, *, due: Sequence[Coverage], held: int, present: gaps.Spans, reason: str, detail: str
) -> tuple[gaps.Spans, tuple[Gap, ...]]:
    """Return what is present, with what is stored where that was looked up, and which due intervals are not."""
    found: list[Gap] = []
    for one in due:
        lacking = gaps.missing(one, present=present, reason=reason, detail=detail[:400])
        if lacking:
            stored = queries.stored_spans(services.store, coverage=one, now=services.clock.now(), held=held)
            present = gaps.joined(present, stored)
            lacking = gaps.missing(one, present=present, reason=reason, detail=detail[:400])
        found.extend(lacking)
    return present, tuple(found)


def gaps_left(services: Services, *, parsed: Parsed) -> tuple[Gap, ...]:
    """Return the gaps that recording a file would leave; nothing is written."""
    present = gaps.spans(parsed.tables)
    due = _due(services, gaps.owed(present), services.clock.now())
    held, reason = store_queries.accepted(services.store), _reason(parsed, rejected=parsed.rejected)
    return _lacking(services, due=due, held=held, present=present, reason=reason, detail=parsed.detail)[1]


def _gap_row(gap: Gap) -> dict[str, Any]:
    names = ("dataset", "market", "market_run", "series", "start", "end", "reason", "detail")
    return {name: getattr(gap, name) for name in names}


def _note_recorded(
    unit: Unit,
    *,
    feed: FeedSpec,
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
    error = None if recorded.outcome is Outcome.OK else recorded.detail or recorded.outcome.value
    changes: dict[str, Any] = {"last_payload_sha256": recorded.sha256, "last_rows": recorded.rows}
    if error:
        changes |= {"last_error": error[:400], "last_error_at": received_at}
    _ensure_feed(unit, feed_id=feed.id, now=received_at)
    unit.connection.execute(sa.update(tables.feeds).where(tables.feeds.c.id == feed.id).values(**changes))


def _findings_json(findings: Sequence[Finding]) -> str:
    names = ("pointer", "found", "allowed", "remedy")
    kept = [{name: getattr(one, name) for name in names} for one in findings[:_MAX_FINDINGS_KEPT]]
    return msgspec.json.encode(kept).decode()


def _note_state(unit: Unit, *, feed_id: str, fetched: Fetched) -> None:
    """Write how the feed stands after a fetch; `since` moves only when the state does.

    A fetch that was not tried, since the host is known to be unreachable, leaves the cause that the last try met.
    """
    now = fetched.received_at
    current = _ensure_feed(unit, feed_id=feed_id, now=now)
    state = {Outcome.THROTTLED: _THROTTLED, Outcome.TRANSIENT: _UNREACHABLE}.get(fetched.outcome, _RUNNING)
    changes: dict[str, Any] = {"state": state}
    if state != current:
        changes["since"] = now
    if fetched.outcome in (Outcome.OK, Outcome.NOT_YET, Outcome.NO_DATA_FINAL):
        changes |= {"last_ok_at": now, "next_try_at": None}
    else:
        if fetched.attempts:
            changes |= {"last_error": f"{fetched.outcome.value}: {fetched.detail}"[:400], "last_error_at": now}
        changes["next_try_at"] = (
            None if fetched.retry_after_s is None else now + timedelta(seconds=fetched.retry_after_s)
        )
    unit.connection.execute(sa.update(tables.feeds).where(tables.feeds.c.id == feed_id).values(**changes))


def note_published(unit: Unit, *, feed: FeedSpec, request: Request, now: datetime) -> None:
    """Write that a feed which makes its own payloads runs, also while it makes history."""
    _note_state(unit, feed_id=feed.id, fetched=Fetched(request=request, outcome=Outcome.OK, received_at=now))


def _ensure_feed(unit: Unit, *, feed_id: str, now: datetime) -> str:
    """Return the state of the feed, which exists afterwards."""
    table = tables.feeds
    state = unit.connection.execute(sa.select(table.c.state).where(table.c.id == feed_id)).scalar()
    if state is None:
        unit.connection.execute(sa.insert(table).values(id=feed_id, paused=False, state=_WAITING, since=now))
        return _WAITING
    return str(state)


def pause(unit: Unit, *, feed: FeedSpec, paused: bool, now: datetime) -> None:
    """Stop or resume polling of a feed; what is queued already is still recorded."""
    _ensure_feed(unit, feed_id=feed.id, now=now)
    unit.connection.execute(
        sa.update(tables.feeds).where(tables.feeds.c.id == feed.id).values(paused=paused, since=now)
    )
