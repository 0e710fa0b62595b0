"""HTTP of access: sessions, one-time links, keys and entitlements. Translation only."""

from __future__ import annotations

import dataclasses
import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from powerdesk.access import audit, connections, entitlements, forms, keys, policies
from powerdesk.access.operations import auditing, entitling, limiting, minting, signing_in
from powerdesk.access.queries import credentials, directory
from powerdesk.access.types import Channel, Entitlement, Grants, Missing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from powerdesk.access.connections import Presented
    from powerdesk.access.operations.services import AccessServices
    from powerdesk.access.types import Principal

Id = Annotated[str, Path(max_length=100)]

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Sign in to Powerdesk</title>
<meta name="viewport" content="width=device-width, initial-scale=1"></head>
<body><main><h1>Powerdesk</h1>{body}</main></body></html>
"""
BUTTON = '<form method="post"><p>This link signs you in once.</p><button type="submit">Sign in</button></form>'
USED = (
    "<p>This link was already used or is too old (it works once, for 15 minutes).</p>"
    "<p>Make a new one: <code>powerdesk sign-in-link</code></p>"
)


@dataclass(frozen=True, slots=True)
class AccessRoutes:
    """What the routes of access need.

    `present` proves the credential of a request (connections.present with the desk's authenticator);
    `catalogue` returns the markets and products that entitlements can speak of.
    """

    services: AccessServices
    policies: policies.Policies
    present: Callable[[Request], Presented]
    catalogue: Callable[[], tuple[Sequence[str], Sequence[str]]]
    version: str


def router(deps: AccessRoutes) -> APIRouter:
    """Return the routes; each has declared its policy and checks it before it runs."""
    made = APIRouter(tags=["access"])
    _sign_in_routes(made, deps)
    _me_routes(made, deps)
    _session_routes(made, deps)
    _key_routes(made, deps)
    _entitlement_routes(made, deps)
    return made


def _guard(deps: AccessRoutes, name: str, policy: policies.Policy) -> dict[str, Any]:
    """Declare the policy of a route and return the arguments that make FastAPI check it first."""
    deps.policies.declare(kind=policies.Kind.ROUTE, name=name, policy=policy)
    method, _, path = name.partition(" ")

    def check(request: Request) -> None:
        presented = deps.present(request)
        try:
            policy.check(presented.principal, name=name)
        except policies.ForbiddenError:
            note_denial(deps.services, presented.principal, target=name, request_id=_request_id(request))
            raise
        request.state.presented = presented

    checks = [] if policy.rule is policies.Rule.PUBLIC else [Depends(check)]
    return {"path": path, "methods": [method], "dependencies": checks}


def note_denial(services: AccessServices, principal: Principal, *, target: str, request_id: str) -> None:
    """Put a refusal by policy into the audit log before the answer leaves; RateLimitedError for one of too many."""
    limiting.admit_denial(services.cache, principal=principal)
    act = services.act(principal, request_id=request_id)
    with services.records.unit() as unit:
        auditing.note(unit, act, entry=act.entry(action="route", target=target, outcome=audit.Outcome.DENIED))


def _asking(request: Request) -> Presented:
    presented: Presented = request.state.presented
    return presented


def _request_id(request: Request) -> str:
    return str(request.scope.get("powerdesk.request_id", ""))


def _visitor(request: Request) -> signing_in.Visitor:
    return signing_in.Visitor(
        address="" if request.client is None else connections.neighbourhood(request.client.host),
        agent=request.headers.get("user-agent", ""),
        old_token=request.cookies.get(connections.COOKIE),
        request_id=_request_id(request),
    )


def _set_cookie(response: Response, request: Request, opened: signing_in.Opened) -> None:
    response.set_cookie(
        connections.COOKIE,
        opened.token,
        max_age=int(credentials.SESSION_LONGEST.total_seconds()),
        path="/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="lax",
    )
    response.headers["Cache-Control"] = "no-store"


def _sign_in_routes(made: APIRouter, deps: AccessRoutes) -> None:
    services = deps.services

    @made.api_route(**_guard(deps, "POST /v1/session", policies.PUBLIC), status_code=204)
    def sign_in(body: forms.SignIn, request: Request) -> Response:
        """Sign in by name and password; the answer sets the session cookie."""
        connections.check_origin(request)
        visitor = _visitor(request)
        limiting.admit_stranger(services.cache, address=visitor.address)
        opened = signing_in.sign_in(services, name=body.name, password=body.password, visitor=visitor)
        response = Response(status_code=204)
        _set_cookie(response, request, opened)
        return response

    @made.api_route(**_guard(deps, "GET /sign-in/{code}", policies.PUBLIC), include_in_schema=False)
    def sign_in_page(code: Id) -> Response:  # noqa: ARG001 - the form posts to this same address, which holds it
        """Show one button, so that a link preview does not use the link up."""
        # Not no-referrer: under it browsers send `Origin: null` with the form.
        return HTMLResponse(
            PAGE.format(body=BUTTON), headers={"Cache-Control": "no-store", "Referrer-Policy": "same-origin"}
        )

    @made.api_route(**_guard(deps, "POST /sign-in/{code}", policies.PUBLIC), include_in_schema=False)
    def sign_in_by_link(code: Id, request: Request) -> Response:
        """Use the one-time link up and open the hub."""
        connections.check_origin(request)
        visitor = _visitor(request)
        limiting.admit_stranger(services.cache, address=visitor.address)
        try:
            opened = signing_in.open_link(services, code=code, visitor=visitor)
        except signing_in.LinkUsedError as error:
            return HTMLResponse(PAGE.format(body=USED), status_code=error.status, headers={"Cache-Control": "no-store"})
        response = RedirectResponse("/", status_code=303)
        _set_cookie(response, request, opened)
        return response


def _me_routes(made: APIRouter, deps: AccessRoutes) -> None:
    services = deps.services

    @made.api_route(**_guard(deps, "GET /v1/me", policies.SIGNED_IN))
    def me(request: Request, response: Response) -> forms.Me:
        """Say who asks, by which channels, and with which entitlements."""
        asking = _asking(request)
        principal = asking.principal
        response.headers["Cache-Control"] = "no-store"
        with services.records.reader() as reader:
            first_run = directory.is_first_run(reader)
        return forms.Me(
            user=forms.User(
                id=principal.id,
                name=principal.name,
                kind=principal.kind.value,
                tenant=principal.tenant,
                roles=sorted(principal.roles),
            ),
            csrf="" if asking.token is None else keys.csrf_token(asking.token, services.pepper),
            channels=sorted(principal.channels),
            entitlements=[_line(line) for line in principal.grants.entitlements],
            server_time=services.clock.now(),
            version=deps.version,
            first_run=first_run,
            may_set_password_without_old=asking.credential is not None and asking.credential.by_link,
        )

    @made.api_route(**_guard(deps, "POST /v1/me/password", policies.PERSON), status_code=204)
    def set_password(body: forms.NewPassword, request: Request) -> Response:
        """Set the password and end the other sessions; `current` is null only after a one-time link."""
        asking = _asking(request)
        if asking.credential is None:
            raise policies.ForbiddenError(
                found="the operator token", allowed="a person's session", remedy="sign in by a link first"
            )
        signing_in.set_password(
            services, asking.credential, current=body.current, new=body.new, request_id=_request_id(request)
        )
        return Response(status_code=204)


def _session_routes(made: APIRouter, deps: AccessRoutes) -> None:
    services = deps.services

    @made.api_route(**_guard(deps, "DELETE /v1/session", policies.PERSON), status_code=204)
    def sign_out(request: Request) -> Response:
        """End this session and forget its cookie."""
        asking = _asking(request)
        if asking.credential is not None:
            with services.change() as unit:
                act = services.act(asking.principal, request_id=_request_id(request))
                signing_in.end_session(unit, act, session=asking.credential.id)
        response = Response(status_code=204)
        response.delete_cookie(connections.COOKIE, path="/", httponly=True, samesite="lax")
        return response

    @made.api_route(**_guard(deps, "GET /v1/sessions", policies.PERSON))
    def sessions(request: Request) -> forms.Sessions:
        """List the live sessions within reach: one's own, a tenant-admin's tenant's, the operator's all."""
        asking = _asking(request)
        with services.records.reader() as reader:
            found = directory.live_sessions(reader, principal=asking.principal, now=services.clock.now())
        return forms.Sessions(
            sessions=[
                forms.Session(
                    id=view.id,
                    user=view.user,
                    created_at=view.created_at,
                    last_seen_at=view.last_seen_at,
                    expires_at=view.expires_at,
                    address=view.address,
                    agent=view.agent,
                    current=view.id == asking.principal.session,
                )
                for view in found
            ]
        )

    @made.api_route(**_guard(deps, "DELETE /v1/sessions/{id}", policies.PERSON), status_code=204)
    def end_session(id: Id, request: Request) -> Response:  # noqa: A002 - the name in the path
        """End a session at once, its open sockets within a second."""
        with services.change() as unit:
            act = services.act(_asking(request).principal, request_id=_request_id(request))
            signing_in.end_session(unit, act, session=id)
        return Response(status_code=204)


def _key_routes(made: APIRouter, deps: AccessRoutes) -> None:
    services = deps.services

    @made.api_route(**_guard(deps, "GET /v1/keys", policies.PERSON))
    def list_keys(request: Request) -> forms.Keys:
        """List the keys within reach, newest first, without their secrets."""
        with services.records.reader() as reader:
            found = directory.api_keys(reader, principal=_asking(request).principal, now=services.clock.now())
        return forms.Keys(keys=[_key(view) for view in found])

    @made.api_route(**_guard(deps, "POST /v1/keys", policies.PERSON), status_code=201)
    def create_key(body: forms.NewKey, request: Request, response: Response) -> forms.MintedKey:
        """Make a key that acts for the caller; its secret is in this answer and nowhere else."""
        with services.change() as unit:
            act = services.act(_asking(request).principal, request_id=_request_id(request))
            minted = minting.create(unit, act, name=body.name, scopes=body.scopes, expires_at=body.expires_at)
        response.headers["Cache-Control"] = "no-store"
        return forms.MintedKey(key=_key(minted.key), secret=minted.secret)

    @made.api_route(**_guard(deps, "POST /v1/keys/{id}/rotate", policies.PERSON), status_code=201)
    def rotate_key(
        id: Id,  # noqa: A002 - the name in the path
        body: forms.Rotation,
        request: Request,
        response: Response,
    ) -> forms.MintedKey:
        """Make a successor; the old key works for the overlap."""
        with services.change() as unit:
            act = services.act(_asking(request).principal, request_id=_request_id(request))
            minted = minting.rotate(unit, act, key=id, overlap=dt.timedelta(hours=body.overlap_hours))
        response.headers["Cache-Control"] = "no-store"
        return forms.MintedKey(key=_key(minted.key), secret=minted.secret)

    @made.api_route(**_guard(deps, "DELETE /v1/keys/{id}", policies.PERSON), status_code=204)
    def revoke_key(id: Id, request: Request) -> Response:  # noqa: A002 - the name in the path
        """End a key at once, its open streams within a second."""
        with services.change() as unit:
            act = services.act(_asking(request).principal, request_id=_request_id(request))
            minting.revoke(unit, act, key=id)
        return Response(status_code=204)


def _entitlement_routes(made: APIRouter, deps: AccessRoutes) -> None:
    services = deps.services

    @made.api_route(**_guard(deps, "GET /v1/entitlements", policies.SIGNED_IN))
    def list_entitlements(request: Request) -> forms.Entitlements:
        """List markets, products and channels, what is granted, and the verdict on each tuple with its reason."""
        principal = _asking(request).principal
        markets, products = deps.catalogue()
        with services.records.reader() as reader:
            reach = directory.tenants(reader, principal=principal) or (principal.tenant,)
            lines = [(tenant, credentials.grants(reader, tenant=tenant).entitlements) for tenant in reach]
        judged = entitlements.matrix(principal, markets=markets, products=products, at=services.clock.now())
        return forms.Entitlements(
            markets=list(markets),
            products=list(products),
            channels=list(Channel),
            grants=[
                forms.TenantLine(tenant=tenant, **_line(line).model_dump()) for tenant, found in lines for line in found
            ],
            verdicts=[
                forms.Judged(
                    market=market,
                    product=product,
                    channel=channel,
                    allowed=not isinstance(found, Missing),
                    why=found.why,
                )
                for market, product, channel, found in judged
            ],
        )

    @made.api_route(
        **_guard(deps, "PUT /v1/entitlements/{tenant}", policies.people_with_roles("tenant-admin")), status_code=204
    )
    def replace_entitlements(tenant: Id, body: forms.Lines, request: Request) -> Response:
        """Replace every entitlement of a tenant; open streams hear of it within a second."""
        grants = _lines(body.grants)
        with services.change() as unit:
            act = services.act(_asking(request).principal, request_id=_request_id(request))
            entitling.replace(unit, act, tenant=tenant, grants=grants)
        return Response(status_code=204)

    @made.api_route(
        **_guard(deps, "POST /v1/entitlements/{tenant}/changes", policies.people_with_roles("tenant-admin")),
        status_code=204,
    )
    def change_entitlements(tenant: Id, body: forms.LineChanges, request: Request) -> Response:
        """Add and remove lines of a tenant, leaving the others; open streams hear of it within a second."""
        add, remove = _lines(body.add), _lines(body.remove)
        with services.change() as unit:
            act = services.act(_asking(request).principal, request_id=_request_id(request))
            entitling.change(unit, act, tenant=tenant, add=add, remove=remove)
        return Response(status_code=204)

    @made.api_route(
        **_guard(deps, "POST /v1/entitlements/{tenant}/preview", policies.people_with_roles("tenant-admin"))
    )
    def preview_entitlements(tenant: Id, body: forms.LineChanges, request: Request) -> forms.Preview:
        """Say which verdicts a change of lines would turn, and when, without making it."""
        return _preview(deps, _asking(request).principal, tenant, _lines(body.add), _lines(body.remove))


def _preview(
    deps: AccessRoutes,
    asker: Principal,
    tenant: str,
    add: Sequence[Entitlement],
    remove: Sequence[Entitlement],
) -> forms.Preview:
    now = deps.services.clock.now()
    with deps.services.records.reader() as reader:
        if tenant not in directory.tenants(reader, principal=asker):
            raise entitling.UnknownTenantError(
                found=f"tenant {tenant!r}", allowed="your own tenant", remedy="name that"
            )
        grants = credentials.grants(reader, tenant=tenant)
    after = entitling.edited(grants.entitlements, add=add, remove=remove)
    entitling.check(after)
    before = dataclasses.replace(asker, tenant=tenant, grants=grants)
    markets, products = deps.catalogue()
    edges = {edge for line in (*add, *remove) for edge in (line.valid_from, line.valid_to) if edge and edge > now}
    turned = entitlements.moved(
        before,
        dataclasses.replace(before, grants=Grants(version=grants.version, entitlements=after)),
        markets=markets,
        products=products,
        moments={now, *edges},
    )
    return forms.Preview(
        moved=[
            forms.Moved(
                at=at,
                market=market,
                product=product,
                channel=channel,
                allowed=not isinstance(found, Missing),
                why=found.why,
            )
            for at, market, product, channel, found in turned
        ]
    )


def _lines(asked: Sequence[forms.Line]) -> tuple[Entitlement, ...]:
    return tuple(Entitlement(**line.model_dump()) for line in asked)


def _line(line: Entitlement) -> forms.Line:
    return forms.Line(
        market=line.market,
        product=line.product,
        channel=line.channel,
        valid_from=line.valid_from,
        valid_to=line.valid_to,
        deny=line.deny,
    )


def _key(view: directory.KeyView) -> forms.Key:
    return forms.Key.model_validate(view, from_attributes=True)
