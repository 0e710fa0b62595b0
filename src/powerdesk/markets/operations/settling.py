"""Gaps closed by what came and opened by what should have come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from powerdesk.markets import gaps, queries, tables

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from powerdesk.engines.ports.records import Unit
    from powerdesk.markets.operations.services import Services
    from powerdesk.markets.types import Coverage, Gap


def due_parts(services: Services, *, coverage: Sequence[Coverage], now: datetime) -> tuple[Coverage, ...]:
    """Return the part of each coverage that should be there by now."""
    return tuple(gaps.due(one, dataset=services.store.datasets[one.dataset], now=now) for one in coverage)


def settle(
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
    present, fresh = missing(services, due=due, held=held, present=present, reason=reason, detail=detail)
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


def missing(
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


def _gap_row(gap: Gap) -> dict[str, Any]:
    names = ("dataset", "market", "market_run", "series", "start", "end", "reason", "detail")
    return {name: getattr(gap, name) for name in names}
