"""Routes about the grid: translation only."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime  # noqa: TC003 - the document of the route is made from it
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from powerdesk.access import entitlements
from powerdesk.app import bodies
from powerdesk.delivery.rest.parameters import BadParametersError, future
from powerdesk.grid import datasets, explaining, queries
from powerdesk.grid.explaining import Explanation
from powerdesk.kernel import intervals
from powerdesk.kernel.belief import Knowledge
from powerdesk.kernel.locations import LocationId
from powerdesk.kernel.problem import Finding, Problem
from powerdesk.store import queries as store_queries

if TYPE_CHECKING:
    from powerdesk.app.desk import Desk


@dataclass(frozen=True, slots=True)
class Explained(Explanation):
    """An explanation and the cut that makes it repeatable."""

    as_of: datetime
    knowledge: Knowledge
    commit: int


EXPLAIN = "grid/explain"
"""What the audit log calls it."""
Instant = Annotated[str, Query(json_schema_extra={"format": "date-time"}, description="any instant of the interval")]
AsOf = Annotated[
    str | None, Query(json_schema_extra={"format": "date-time"}, description="only what was known by then")
]
Place = Annotated[str, Query(description="location id MARKET:NAME")]
Run = Annotated[str, Query(description="market run: DA, RT5, ...")]
Known = Annotated[Knowledge, Query(description="whose knowledge")]


def router(desk: Desk) -> APIRouter:
    """Return the routes about the grid."""
    routes = APIRouter(prefix="/v1/grid", tags=["grid"])

    @routes.get("/explain")
    def explain_price(
        request: Request,
        location: Place,
        interval_start: Instant,
        market_run: Run = "RT5",
        as_of: AsOf = None,
        knowledge: Known = Knowledge.PUBLISHED,
    ) -> Response:
        """Say why a price is what it is: energy, losses, each binding constraint, and what these leave unexplained."""
        caller = desk.gate.caller(request)
        place, instant, at = _read(location, interval_start, as_of, now=caller.at)
        desk.gate.afford(caller, product=datasets.CONGESTION)
        cut = store_queries.snapshot(desk.store, as_of=at or caller.at, knowledge=knowledge)
        asker = desk.gate.asker(caller)
        try:
            evidence = queries.evidence(
                desk.store, asker, location=place, market_run=market_run, instant=instant, cut=cut
            )
        except entitlements.RefusedError as refused:
            desk.gate.note_denial(caller, what=EXPLAIN, missing=refused.missing)
            raise
        limits = desk.gate.spend(caller, product=datasets.CONGESTION, rows=evidence.shadow_prices.num_rows + 1)
        desk.gate.note_read(caller, what=EXPLAIN, rows=evidence.shadow_prices.num_rows + 1)
        found = asdict(explaining.explain(evidence))
        answer = bodies.answer(Explained(**found, as_of=cut.as_of, knowledge=cut.knowledge, commit=cut.commit))
        answer.headers.update({**limits, "Cache-Control": "private, no-cache", "Vary": "Authorization, Cookie"})
        return answer

    return routes


def _read(
    location: str, instant: str, as_of: str | None, *, now: datetime
) -> tuple[LocationId, datetime, datetime | None]:
    """Return the parameters understood; raise BadParametersError naming every one that cannot be."""
    found: dict[str, Any] = {}
    findings = []
    ways = {"location": LocationId.parse, "interval_start": _instant, "as_of": _instant}
    for name, text in (("location", location), ("interval_start", instant), ("as_of", as_of)):
        try:
            found[name] = None if text is None else ways[name](text)
        except Problem as error:
            findings.append(Finding(pointer=name, found=error.found, allowed=error.allowed, remedy=error.remedy))
    at = found.get("as_of")
    if at is not None and (fault := future("as_of", at, now)) is not None:
        findings.append(fault)
    if findings:
        raise BadParametersError(
            found=f"{len(findings)} parameters that cannot be read",
            allowed="see errors",
            remedy="correct them",
            findings=tuple(findings),
        )
    return found["location"], found["interval_start"], at


def _instant(text: str) -> datetime:
    return intervals.parse_instant(text.replace(" ", "+"))  # a '+' in a URL arrives as a space
