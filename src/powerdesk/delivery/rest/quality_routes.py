"""Completeness, freshness, gaps and restatements of a dataset, with the reasons that markets know."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
from fastapi import APIRouter, Request, Response

from powerdesk.delivery import columns
from powerdesk.delivery.rest import encoding, parameters, reading
from powerdesk.kernel import intervals
from powerdesk.store import queries
from powerdesk.store.types import Request as RowsRequest

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from powerdesk.delivery.rest import answers
    from powerdesk.delivery.rest.routes import Rest
    from powerdesk.store.quality import Gap, GroupQuality
    from powerdesk.store.queries import Quality

    Reason = Callable[[str, Gap], tuple[str, str]]

DEFAULT_SPAN = timedelta(hours=24)
LONGEST_SPAN = timedelta(days=31)
GAPS_SHOWN = 200


def router(rest: Rest, *, reason: Reason) -> APIRouter:
    """Return the quality route; `reason(dataset, gap)` gives (code, detail) for a gap."""
    routes = APIRouter(prefix="/v1", tags=["datasets"])

    @routes.get("/datasets/{dataset_id}/quality")
    def read_quality(request: Request, dataset_id: str) -> Response:
        """Say what was due and is there, every gap with its reason, how fresh the newest row is, what was restated."""
        caller = rest.gate.caller(request)
        declared = queries.dataset(rest.store, dataset_id)
        rest.gate.afford(caller, product=declared.product)
        pairs = request.query_params.multi_items()
        asked = parameters.read(declared, pairs, accept="", display_only=caller.display_only, now=caller.at)
        end = asked.request.end or asked.as_of or caller.at
        start = max(asked.request.start or end - DEFAULT_SPAN, end - LONGEST_SPAN)
        cut = queries.snapshot(rest.store, as_of=asked.as_of or caller.at, knowledge=asked.knowledge)
        asker = rest.gate.asker(caller)
        whole = RowsRequest(dataset_id, within=asked.request.within)
        refused = queries.left_out(rest.store, asker, request=whole)
        found = queries.quality(
            rest.store,
            asker,
            dataset_id=dataset_id,
            within=asked.request.within,
            span=queries.Span(start, end),
            cut=cut,
        )
        rest.gate.spend(caller, product=declared.product, rows=0)
        rest.gate.note_read(caller, what=f"{dataset_id}/quality", rows=len(found.groups))
        body = _body(found, start, end, cut.as_of, reason, reading.lacking(refused))
        return Response(msgspec.json.encode(body), media_type=encoding.MEDIA_TYPES[encoding.Format.JSON])

    return routes


def _body(
    found: Quality,
    start: datetime,
    end: datetime,
    as_of: datetime,
    reason: Reason,
    left_out: list[answers.Lacking],
) -> answers.QualityShown:
    expected = sum(group.expected for group in found.groups)
    present = sum(group.present for group in found.groups)
    restated: answers.Restated = {
        "in_span": found.restated,
        "last_24h": found.restated_24h,
        "last": columns.records(found.restatements),
    }
    gaps = [_gap(found.dataset, gap, reason) for group in found.groups for gap in group.gaps]
    return {
        "dataset": found.dataset,
        "start": intervals.format_instant(start),
        "end": intervals.format_instant(end),
        "as_of": intervals.format_instant(as_of),
        "expected": expected,
        "present": present,
        "missing": expected - present,
        "completeness": present / expected if expected else None,
        "groups": [_group(group) for group in found.groups],
        "freshness": {
            "newest_interval_end": _instant(found.newest_interval_end),
            "age_s": None if found.age is None else found.age.total_seconds(),
            "state": found.state.value,
        },
        "gaps": gaps[:GAPS_SHOWN],
        "gap_count": len(gaps),
        "restatements": restated,
        "left_out": left_out,
    }


def _group(group: GroupQuality) -> answers.GroupShown:
    return {
        "group": list(group.group),
        "minutes": group.minutes,
        "series": group.series,
        "expected": group.expected,
        "present": group.present,
        "completeness": group.completeness,
    }


def _gap(dataset: str, gap: Gap, reason: Reason) -> answers.GapShown:
    code, detail = reason(dataset, gap)
    return {
        "group": list(gap.group),
        "market": gap.group[0] if gap.group else None,
        "market_run": gap.group[1] if len(gap.group) > 1 else None,
        "series": list(gap.series),
        "start": intervals.format_instant(gap.start),
        "end": intervals.format_instant(gap.end),
        "intervals": gap.intervals,
        "reason": code,
        "detail": detail,
    }


def _instant(value: datetime | None) -> str | None:
    return None if value is None else intervals.format_instant(value)
