"""Payloads received, kept under their content hash and announced; what did not come, accounted for."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import sqlalchemy as sa

from powerdesk.engines.ports import bus as bus_port
from powerdesk.kernel import intervals
from powerdesk.markets import events, gaps, planner, queries, tables
from powerdesk.markets.operations import feed_states, settling
from powerdesk.markets.types import Fetched, Outcome, Request
from powerdesk.store import operations as store_operations
from powerdesk.store import queries as store_queries

if TYPE_CHECKING:
    from datetime import datetime

    from powerdesk.engines.ports.objects import Objects
    from powerdesk.engines.ports.records import Unit
    from powerdesk.markets.events import PayloadReceivedV1
    from powerdesk.markets.feeds import FeedSpec
    from powerdesk.markets.operations.services import Services

RECEIVED = "received"


@dataclass(frozen=True, slots=True)
class Received:
    """A payload kept: its hash, and whether this feed had not brought it before."""

    sha256: str
    fresh: bool


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
        event = announcement(feed=feed, request=request, sha256=received.sha256, received_at=received_at)
        unit.send(events.PAYLOAD_RECEIVED_TOPIC, bus_port.Outgoing(key=feed.id, value=events.encode(event)))
    return received


def announcement(*, feed: FeedSpec, request: Request, sha256: str, received_at: datetime) -> PayloadReceivedV1:
    """Return what is said of a payload kept."""
    return events.PayloadReceivedV1(
        feed=feed.id,
        sha256=sha256,
        name=request.name,
        received_at=intervals.format_instant(received_at),
        report=request.report,
        coverage=events.to_wire(request.coverage),
    )


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
        due = settling.due_parts(services, coverage=fetched.request.coverage, now=fetched.received_at)
        outcome = planner.final_outcome(outcome, fetched.request.coverage, due_starts=[one.end for one in due])
        held = store_queries.accepted(services.store)
        settling.settle(
            unit, services, due=due, held=held, present=gaps.spans({}), reason=outcome.value, detail=fetched.detail
        )
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
    feed_states.note_fetched(unit, feed_id=feed.id, fetched=replace(fetched, outcome=outcome))
    return received


def forget(services: Services, *, before: datetime, limit: int) -> int:
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
