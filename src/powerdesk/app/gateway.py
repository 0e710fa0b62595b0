"""The HTTP application: every route, its policy, its errors and its document."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Any

import prometheus_client
from fastapi import Depends, FastAPI, Request, Response, routing
from starlette.concurrency import run_in_threadpool

from powerdesk.access import policies
from powerdesk.access import routes as access_routes
from powerdesk.app import account_routes, bodies, grid_routes, operator_routes, policy_table, registry
from powerdesk.app.doctor import STATIC
from powerdesk.app.roles import Part
from powerdesk.delivery import downloads, perimeter
from powerdesk.delivery.hub import routes as hub_routes
from powerdesk.delivery.rest import direct, lanes, problems, quality_routes
from powerdesk.delivery.rest import routes as rest_routes
from powerdesk.delivery.stream import asyncapi as stream_document

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.types import ASGIApp

    from powerdesk.app.desk import Desk
    from powerdesk.delivery.stream.hub import Hub

TITLE = "Powerdesk"
VERSION = "1"


def create(desk: Desk, *, hub: Hub | None = None) -> ASGIApp:
    """Return the application of a desk behind its perimeter; without a stream hub the SSE route answers 503."""
    app = application(desk, hub=hub)
    return perimeter.Perimeter(
        direct.Direct(app, ways=direct.ways(routing.iter_route_contexts(app.routes)), enforce=app.state.enforce),
        clock=desk.clock,
        ids=desk.ids,
        host_allowed=desk.gate.host_allowed,
        body_bytes=bodies.most_bytes,
        secure=desk.settings.secure,
    )


def application(desk: Desk, *, hub: Hub | None = None) -> FastAPI:
    """Return the routes of a desk with their policies.

    `app.state.policies` is the table that guards them, `app.state.enforce` lets a request pass by it or raises.
    """
    table = policies.Policies()
    policy_table.add_all(table)
    enforce = _enforcing(desk, table)
    app = FastAPI(
        title=TITLE,
        version=VERSION,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        dependencies=[Depends(enforce)],
    )
    built = hub_routes.Built.load(STATIC)
    problems.install(app, unknown_address=built.unknown_address)
    if Part.HTTP in desk.does:
        _add_rooms(app, desk, table)
    if Part.HTTP in desk.does or hub is not None:
        app.include_router(operator_routes.stream_router(desk, hub))
    _add_plain_routes(app, desk)
    if Part.HTTP in desk.does:
        _add_pages(app, built, table)
    app.state.policies, app.state.enforce = table, enforce
    app.openapi = lambda: _document(app)  # type: ignore[method-assign]  # FastAPI's own way to replace the document
    return app


def _add_rooms(app: FastAPI, desk: Desk, table: policies.Policies) -> None:
    """Add what a gateway serves: datasets, downloads, accounts, the operator's routes."""
    lane = lanes.Lane(lanes.LaneLimits(**desk.settings.large_reads.model_dump()))
    rest = rest_routes.Rest(store=desk.store, gate=desk.gate, secret=desk.secrets.cursors, lane=lane)
    app.include_router(rest_routes.router(rest))
    app.include_router(quality_routes.router(rest, reason=desk.gap_reason))
    app.include_router(
        downloads.router(
            downloads.Downloads(
                store=desk.store,
                gate=desk.gate,
                secret=desk.secrets.downloads,
                principal_by_id=desk.principal_by_id,
                lane=lane,
            )
        )
    )
    app.include_router(access_routes.router(desk.access_routes(table)))
    app.include_router(account_routes.router(desk))
    app.include_router(operator_routes.router(desk))
    app.include_router(grid_routes.router(desk))


def _add_pages(app: FastAPI, built: hub_routes.Built, table: policies.Policies) -> None:
    """Add the hub last: its addresses are those that nothing else has."""
    pages = hub_routes.router(built)
    for route in pages.routes:
        table.declare(kind=policies.Kind.ROUTE, name=f"GET {getattr(route, 'path', '')}", policy=policies.PUBLIC)
    app.include_router(pages)


def _enforcing(desk: Desk, table: policies.Policies) -> Callable[[Request], Awaitable[None]]:
    """Return what lets a request pass only by the policy declared for its route.

    A credential that memory does not know is looked up in Records: at once where they are this process's own, on a
    thread where a server has to answer.
    """
    shared = desk.engines.records.shared

    async def enforce(request: Request) -> None:
        name = f"{request.method} {request.scope['route'].path}"
        policy = table.policy(kind=policies.Kind.ROUTE, name=name)
        if policy.rule is policies.Rule.PUBLIC:
            return
        caller = await run_in_threadpool(desk.gate.caller, request) if shared else desk.gate.caller(request)
        try:
            policy.check(caller.principal, name=name)
        except policies.ForbiddenError:
            await run_in_threadpool(
                access_routes.note_denial, desk.access, caller.principal, target=name, request_id=caller.request_id
            )
            raise

    return enforce


def _add_plain_routes(app: FastAPI, desk: Desk) -> None:
    @app.get("/health", tags=["operations"])
    async def health() -> dict[str, str]:
        """Say that the process answers."""
        return {"status": "ok"}

    @app.get("/ready", tags=["operations"])
    def ready() -> Response:
        """Say whether the desk can serve: its workers live and its log is projected."""
        return operator_routes.ready(desk)

    @app.get("/metrics", tags=["operations"])
    def metrics() -> Response:
        """Answer with the metrics in Prometheus' text format."""
        return Response(prometheus_client.generate_latest(), media_type=prometheus_client.CONTENT_TYPE_LATEST)

    @app.get("/openapi.json", tags=["documents"])
    async def openapi_json() -> dict[str, Any]:
        """Answer with this document."""
        return app.openapi()

    @app.get("/asyncapi.json", tags=["documents"])
    async def asyncapi_json() -> dict[str, Any]:
        """Answer with the document of the stream."""
        return asyncapi()


def asyncapi() -> dict[str, Any]:
    """Return the AsyncAPI document."""
    return stream_document.document({dataset.id: dataset for dataset in registry.DATASETS})


def openapi() -> dict[str, Any]:
    """Return the OpenAPI document, made from a desk in a temporary folder."""
    from powerdesk.app import desk, settings  # noqa: PLC0415 - only for the documents

    with tempfile.TemporaryDirectory() as folder:
        chosen = settings.load({"data": folder, "feeds": "sim"}, environment={})
        with desk.opened(chosen) as opened:
            return application(opened).openapi()


def route_names(app: FastAPI) -> tuple[str, ...]:
    """Return `METHOD path` of every route the application serves."""
    return tuple(
        f"{method} {found.path}"
        for found in routing.iter_route_contexts(app.routes)
        for method in sorted(found.methods or ())
    )


def _document(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document, made when first asked for."""
    from powerdesk.app import document  # noqa: PLC0415 - only when asked for

    if app.openapi_schema is None:
        app.openapi_schema = document.openapi(app, title=TITLE, version=VERSION)
    return app.openapi_schema
