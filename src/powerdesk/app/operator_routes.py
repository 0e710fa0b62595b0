"""Routes about feeds, imports, jobs and the process itself: translation only."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import msgspec
from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from powerdesk.access import entitlements
from powerdesk.access.types import Channel
from powerdesk.app import bodies, importing, registry, remaking
from powerdesk.app.desk import BACKUP
from powerdesk.app.moving import moves
from powerdesk.app.roles import Part
from powerdesk.delivery.stream import session, sse
from powerdesk.engines.ports.faults import EngineUnavailableError
from powerdesk.kernel import intervals, problem
from powerdesk.markets import jobs as market_jobs
from powerdesk.markets import planner, queries, report_card
from powerdesk.markets.operations import feed_states
from powerdesk.store import queries as store_queries

if TYPE_CHECKING:
    from powerdesk.app.desk import Desk
    from powerdesk.delivery.stream.hub import Hub
    from powerdesk.engines.ports.jobs import JobRun

MAX_LISTED = 1000
MAX_LOCATIONS = 25_000
FEED_VERBS = ("pause", "resume", "retry")


class NoStreamError(problem.Problem):
    """This process does not serve the stream."""

    status = 503
    slug = "no-stream"
    title = "The stream is not served here"


class BackfillWanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A range of a feed."""

    feed: str
    start: str
    end: str
    reports: str = ""


class BackupWanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where to."""

    folder: str


def router(desk: Desk) -> APIRouter:
    """Return all routes of the operator."""
    routes = APIRouter(prefix="/v1", tags=["operations"])
    _add_feeds(routes, desk)
    _add_payloads(routes, desk)
    _add_jobs(routes, desk)
    _add_process(routes, desk)
    return routes


def _add_feeds(routes: APIRouter, desk: Desk) -> None:
    @routes.get("/feeds")
    def list_feeds(request: Request) -> Response:
        """List the feeds: state, last success, last error, next try, history being made."""
        caller = desk.gate.caller(request)
        running = [feed for feed in desk.markets.feeds.values() if feed.id in desk.settings.feeds]
        with desk.engines.records.reader() as reader:
            found = queries.feed_statuses(reader, feeds=running, as_of=caller.at, principal=caller.principal)
        return bodies.answer({"feeds": [_feed(desk, asdict(status)) for status in found]})

    @routes.post("/feeds/{feed_id}/{verb}", status_code=204)
    def tell_feed(request: Request, feed_id: str, verb: str) -> Response:
        """Pause, resume or retry a feed."""
        caller = desk.gate.caller(request)
        feed = desk.markets.feed(feed_id)
        if verb not in FEED_VERBS:
            raise bodies.BadBodyError(
                found=repr(verb[:40]), allowed=", ".join(FEED_VERBS), remedy="choose one of these"
            )
        if verb == "retry":
            for report in feed.reports:
                desk.engines.jobs.trigger(
                    f"{market_jobs.POLL}.{feed.id}.{report.id}", key=f"retry.{feed.id}.{report.id}"
                )
        else:
            with desk.engines.records.unit() as unit:
                feed_states.pause(unit, feed=feed, paused=verb == "pause", now=caller.at)
        desk.gate.note_act(caller, action=f"feed.{verb}", target=feed_id)
        return Response(status_code=204)

    @routes.get("/locations")
    def list_locations(request: Request, search: str = "", market: str = "", limit: int = 200) -> Response:
        """Find locations by part of their id, in the markets of which the caller may read anything."""
        caller = desk.gate.caller(request)
        readable = {
            one
            for one in registry.MARKETS
            for product in registry.PRODUCTS
            if entitlements.missing(caller.principal, market=one, product=product, channel=caller.channel, at=caller.at)
            is None
        }
        found = [
            place
            for place in desk.places.all()
            if search.lower() in place["id"].lower() and market in ("", place["market"]) and place["market"] in readable
        ]
        return bodies.answer({"locations": found[: min(max(limit, 1), MAX_LOCATIONS)], "count": len(found)})


def _feed(desk: Desk, status: dict[str, Any]) -> dict[str, Any]:
    progress = desk.sim_progress() if status["id"] == "sim" else None
    backfill = None
    if progress is not None:
        backfill = {
            "progress": progress.share,
            "done": progress.done,
            "total": progress.total,
            "unit": "hours of history",
            "eta_s": progress.eta_s,
        }
    rules = [
        {"rule": rule.rule, "verdict": rule.verdict.value, "note": rule.because}
        for rule in report_card.card(status["id"])
    ]
    return {**status, "backfill": backfill, "card": rules}


def _add_payloads(routes: APIRouter, desk: Desk) -> None:
    @routes.get("/payloads")
    def list_payloads(request: Request, feed: str | None = None, limit: int = 100) -> Response:
        """List raw payloads, newest first: what came, and what parsing it gave."""
        caller = desk.gate.caller(request)
        with desk.engines.records.reader() as reader:
            found = queries.payloads(
                reader, as_of=caller.at, principal=caller.principal, feed=feed, limit=min(max(limit, 1), MAX_LISTED)
            )
        return bodies.answer({"payloads": [asdict(row) for row in found]})

    @routes.get("/payloads/{sha256}")
    def read_payload(request: Request, sha256: str) -> Response:
        """Answer with a payload exactly as it was received."""
        caller = desk.gate.caller(request)
        with desk.engines.records.reader() as reader:
            data = queries.payload_bytes(reader, desk.engines.objects, sha256=sha256, principal=caller.principal)
        desk.gate.note_export(caller, what=f"payload/{sha256}", rows=0, sha256=sha256)
        headers = {"Content-Disposition": f'attachment; filename="{sha256[:16]}.bin"'}
        return Response(data, media_type="application/octet-stream", headers=headers)

    @routes.post("/imports/{source}")
    async def import_file(request: Request, source: str, name: str = "", dry_run: bool = False) -> Response:  # noqa: FBT001, FBT002 - a query parameter
        """Take in a recorded file by the path that fetched ones take; one line for each dataset."""
        body = await request.body()
        caller = desk.gate.caller(request)
        made = await run_in_threadpool(importing.take_file, desk, source=source, name=name, data=body, dry_run=dry_run)
        if not dry_run:
            await run_in_threadpool(desk.gate.note_act, caller, action="import", target=f"{source}/{name}"[:200])
        return bodies.answer({"files": made})

    @routes.post("/lineage/{lineage_id}/remake")
    def remake(request: Request, lineage_id: str) -> Response:
        """Make rows again from their lineage and say whether they are the stored ones."""
        desk.gate.caller(request)
        return bodies.answer(asdict(remaking.remake(desk, lineage_id=lineage_id)))


def _add_jobs(routes: APIRouter, desk: Desk) -> None:
    @routes.get("/jobs")
    def list_jobs(request: Request, name: str | None = None, run_id: str | None = None) -> Response:
        """List runs, newest first."""
        desk.gate.caller(request)
        runs = desk.engines.jobs.history(name=name, limit=MAX_LISTED)
        return bodies.answer({"jobs": [_run(run) for run in runs if run_id in (None, run.run_id)]})

    @routes.post("/backfills/estimate")
    async def estimate_backfill(request: Request) -> Response:
        """Say how many requests a back-fill needs and how long they take at the source's limit."""
        wanted = bodies.decoded(await request.body(), BackfillWanted)
        feed = desk.markets.feed(wanted.feed)
        start, end = intervals.parse_instant(wanted.start), intervals.parse_instant(wanted.end)
        reports = tuple(name for name in wanted.reports.split(",") if name)
        requests = planner.backfill(feed, reports=reports, start=start, end=end, now=desk.clock.now())
        found = planner.estimate(requests, seconds_per_request=feed.seconds_per_request)
        return bodies.answer({"feed": feed.id, **asdict(found)})

    @routes.post("/backfills", status_code=202)
    async def begin_backfill(request: Request) -> Response:
        """Queue a back-fill; GET /v1/jobs shows how it goes."""
        wanted = bodies.decoded(await request.body(), BackfillWanted)
        desk.markets.feed(wanted.feed)
        for text in (wanted.start, wanted.end):
            intervals.parse_instant(text)
        arguments = {key: value for key, value in msgspec.structs.asdict(wanted).items() if value}
        run_id = await run_in_threadpool(desk.engines.jobs.trigger, market_jobs.BACKFILL, arguments=arguments)
        return bodies.answer({"run_id": run_id}, status=202)


def _run(run: JobRun) -> dict[str, Any]:
    return {**asdict(run), "state": run.state.value, "arguments": dict(run.arguments)}


def _add_process(routes: APIRouter, desk: Desk) -> None:
    @routes.get("/operator/engines")
    def list_engines() -> Response:
        """Say what each engine is, how long it takes to answer, and what is missing just now."""
        return bodies.answer({"engines": [asdict(one) for one in desk.standings.look()]})

    @routes.post("/operator/backups", status_code=202)
    async def begin_backup(request: Request) -> Response:
        """Queue a copy of the desk into a new folder where the jobs run; GET /v1/jobs shows how it goes."""
        wanted = bodies.decoded(await request.body(), BackupWanted)
        caller = desk.gate.caller(request)
        if Part.JOBS in desk.does:  # else another machine may run it, whose folders are not ours to look at
            moves.new_folder(wanted.folder)
        run_id = await run_in_threadpool(desk.engines.jobs.trigger, BACKUP, arguments={"folder": wanted.folder})
        await run_in_threadpool(desk.gate.note_act, caller, action="backup", target=wanted.folder[:200])
        return bodies.answer({"run_id": run_id}, status=202)

    @routes.post("/operator/shutdown", status_code=202, response_class=Response)
    async def shut_down() -> Response:
        """Stop the desk cleanly."""
        desk.shut_down()
        return Response(status_code=202)


def stream_router(desk: Desk, hub: Hub | None) -> APIRouter:
    """Return the SSE fallback of the stream."""
    routes = APIRouter(prefix="/v1", tags=["stream"])

    @routes.get("/stream/sse")
    async def stream_events(request: Request) -> Response:
        """One subscription as server-sent events; the WebSocket at /v1/stream is the richer way."""
        if hub is None:
            raise NoStreamError(found="no stream hub in this process", allowed="a running desk", remedy="powerdesk up")
        caller = desk.gate.caller(request)
        asker = store_queries.Asker(
            principal=caller.principal,
            channel=Channel.HUB if caller.channel is Channel.HUB else Channel.STREAM,
        )
        pairs = request.query_params.multi_items()
        sse.read(pairs)
        session.check_room(hub, asker)
        events = sse.events(hub, asker, pairs, last_event_id=request.headers.get("last-event-id"))
        return StreamingResponse(events, media_type=sse.MEDIA_TYPE, headers={"Cache-Control": "no-store"})

    return routes


def ready(desk: Desk) -> Response:
    """Return 200 when all workers live, the engines answer and the log is projected, 503 otherwise, with the facts."""
    alive = desk.workers.alive()
    missing = {one.port for one in desk.standings.look() if not one.well}
    try:
        end = 0 if missing & NEEDED else desk.engines.bus.end("store.batches")
    except EngineUnavailableError:  # it went after it was asked how it stands
        missing.add("bus")
        end = 0
    away = sorted(missing & NEEDED)
    behind = 0 if away else end - desk.store.progress.position
    fine = all(alive.values()) and behind < MAX_BEHIND and not away
    body = {
        "ready": fine,
        "workers": alive,
        "log_end": end,
        "behind": behind,
        "first_prices": desk.has_prices(),
        "degraded": sorted(missing),
    }
    if fine:
        return bodies.answer(body)
    ended = ", ".join(name for name, lives in alive.items() if not lives) or "none"
    facts = {
        "title": "The desk is not ready",
        "found": f"engines away: {', '.join(away) or 'none'}; workers that ended: {ended}; "
        f"{behind} batches not readable yet",
        "allowed": f"all engines, all workers, and fewer than {MAX_BEHIND} batches",
        "remedy": "wait; `powerdesk doctor` says which server does not answer",
    }
    return bodies.answer({**body, **facts}, status=503)


MAX_BEHIND = 1000
NEEDED = frozenset({"tables", "records", "objects", "bus"})
"""Engines without which nothing can be promised; without a cache or compute the desk does less, and says so."""
