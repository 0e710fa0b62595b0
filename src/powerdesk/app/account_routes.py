"""Routes of the operator about tenants, people, service accounts and their keys: translation only."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec
from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from powerdesk.access import limits
from powerdesk.access.operations import accounts, minting
from powerdesk.access.queries import audit_log, directory
from powerdesk.access.types import Channel
from powerdesk.app import access_wiring, bodies
from powerdesk.app.gate import LOOPBACK_HOSTS
from powerdesk.kernel import intervals

if TYPE_CHECKING:
    from powerdesk.app.desk import Desk


class NewTenant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A tenant to be made; it may read nothing until entitlements are put."""

    name: str
    title: str = ""
    plan: str = limits.STANDARD.name


class NewUser(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An account to be made."""

    name: str
    roles: tuple[str, ...] = ("viewer",)
    tenant: str = accounts.FIRST_TENANT


class LinkWanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose sign-in link."""

    name: str = accounts.FIRST_USER


class KeyWanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A key to be made for an account."""

    name: str
    scopes: tuple[str, ...] = ("api", "stream")
    expires_at: str | None = None
    owner: str = accounts.FIRST_USER


class NewServiceAccount(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A service account to be made: it owns keys and cannot sign in."""

    name: str
    roles: tuple[str, ...] = ("viewer",)
    tenant: str = accounts.FIRST_TENANT


def router(desk: Desk) -> APIRouter:
    """Return the routes that only the operator and auditors use."""
    routes = APIRouter(prefix="/v1", tags=["accounts"])
    _add_tenants(routes, desk)
    _add_accounts(routes, desk)
    return routes


def _add_tenants(routes: APIRouter, desk: Desk) -> None:
    services = desk.access

    @routes.get("/tenants")
    def list_tenants(request: Request) -> Response:
        """List the tenants with their plan and how many people, service accounts and entitlements they have."""
        caller = desk.gate.caller(request)
        access_wiring.ensure_first_account(services)
        with services.records.reader() as reader:
            found = directory.tenant_views(reader, principal=caller.principal)
        return bodies.answer({"tenants": [asdict(view) for view in found]})

    @routes.post("/tenants", status_code=201)
    async def create_tenant(request: Request) -> Response:
        """Make a tenant; it may read nothing until PUT /v1/entitlements/{tenant} grants it something."""
        wanted = bodies.decoded(await request.body(), NewTenant)
        caller = desk.gate.caller(request)

        def make() -> dict[str, Any]:
            access_wiring.ensure_first_account(services)
            with services.change() as unit:
                act = services.act(caller.principal, request_id=caller.request_id)
                accounts.create_tenant(
                    unit, act, tenant=wanted.name, name=wanted.title or wanted.name, plan=wanted.plan
                )
            return {"id": wanted.name, "title": wanted.title or wanted.name, "plan": wanted.plan}

        return bodies.answer(await run_in_threadpool(make), status=201)

    @routes.post("/service-accounts", status_code=201)
    async def create_service_account(request: Request) -> Response:
        """Make a service account; POST /v1/operator/keys makes keys that act for it."""
        wanted = bodies.decoded(await request.body(), NewServiceAccount)
        caller = desk.gate.caller(request)

        def make() -> dict[str, Any]:
            access_wiring.ensure_first_account(services)
            account = desk.ids.new("svc")
            with services.change() as unit:
                act = services.act(caller.principal, request_id=caller.request_id)
                accounts.create_service_account(
                    unit, act, tenant=wanted.tenant, account=account, name=wanted.name, roles=wanted.roles
                )
            return {"id": account, "name": wanted.name, "tenant": wanted.tenant, "roles": sorted(wanted.roles)}

        return bodies.answer(await run_in_threadpool(make), status=201)


def _add_accounts(routes: APIRouter, desk: Desk) -> None:
    services = desk.access

    @routes.post("/users", status_code=201)
    async def create_user(request: Request) -> Response:
        """Make an account and a one-time link with which its owner signs in."""
        wanted = bodies.decoded(await request.body(), NewUser)
        caller = desk.gate.caller(request)

        def make() -> dict[str, Any]:
            access_wiring.ensure_first_account(services)
            with services.change() as unit:
                act = services.act(caller.principal, request_id=caller.request_id)
                view = accounts.create_user(
                    unit, act, tenant=wanted.tenant, user=desk.ids.new("usr"), name=wanted.name, roles=wanted.roles
                )
            return {
                "id": view.id,
                "name": view.name,
                "tenant": view.tenant,
                "link": desk.sign_in_link(_base(desk, request), view.name),
            }

        return bodies.answer(await run_in_threadpool(make), status=201)

    @routes.post("/users/{name}/reset")
    def reset_user(request: Request, name: str) -> Response:
        """Take the password and all sessions of an account away and give a one-time link."""
        _change_user(desk, request, name, accounts.forget_password)
        return bodies.answer({"name": name, "link": desk.sign_in_link(_base(desk, request), name)})

    @routes.post("/users/{name}/unlock", status_code=204)
    def unlock_user(request: Request, name: str) -> Response:
        """Lift the wait after wrong passwords."""
        _change_user(desk, request, name, accounts.unlock_user)
        return Response(status_code=204)

    @routes.post("/sign-in-links", status_code=201)
    async def make_link(request: Request) -> Response:
        """Give a new one-time sign-in link."""
        wanted = bodies.decoded(await request.body(), LinkWanted)
        link = await run_in_threadpool(desk.sign_in_link, _base(desk, request), wanted.name)
        return bodies.answer({"name": wanted.name, "link": link}, status=201)

    @routes.post("/operator/keys", status_code=201)
    async def make_key(request: Request) -> Response:
        """Make a key for a user or service account; its secret is in this answer and nowhere else."""
        wanted = bodies.decoded(await request.body(), KeyWanted)
        caller = desk.gate.caller(request)
        return bodies.answer(
            await run_in_threadpool(_make_key, desk, wanted, caller.principal, caller.request_id), status=201
        )

    @routes.get("/audit/verify")
    def verify_audit(request: Request) -> Response:
        """Check the hash chain of the audit log from end to end."""
        desk.gate.caller(request)
        services.reads.flush()
        with desk.engines.records.reader() as reader:
            verdict = audit_log.verify(reader, pepper=services.pepper)
        return bodies.answer({**asdict(verdict), "intact": verdict.intact})


def _make_key(desk: Desk, wanted: KeyWanted, by: Any, request_id: str) -> dict[str, Any]:
    access_wiring.ensure_first_account(desk.access)
    try:
        scopes = [Channel(scope) for scope in wanted.scopes]
    except ValueError as error:
        raise bodies.BadBodyError(found=str(error), allowed=", ".join(Channel), remedy="choose from these") from error
    expires_at = None if wanted.expires_at is None else intervals.parse_instant(wanted.expires_at)
    with desk.access.change() as unit:
        owner = directory.account_by_name(unit, name=wanted.owner)
        if owner is None:
            raise access_wiring.unknown_user(wanted.owner)
        act = desk.access.act(by, request_id=request_id)
        made = minting.create(unit, act, name=wanted.name, scopes=scopes, expires_at=expires_at, owner=owner)
    return {"key": asdict(made.key), "secret": made.secret}


def _change_user(desk: Desk, request: Request, name: str, change: Any) -> None:
    caller = desk.gate.caller(request)
    with desk.access.change() as unit:
        view = directory.user_by_name(unit, name=name)
        if view is None:
            raise access_wiring.unknown_user(name)
        change(unit, desk.access.act(caller.principal, request_id=caller.request_id), user=view.id)


def _base(desk: Desk, request: Request) -> str:
    """Return the address for a link: as asked, except that a proxy's https is never said of the loopback port."""
    host = request.headers.get("host", "localhost")
    if urlsplit(f"//{host}").hostname not in LOOPBACK_HOSTS:
        return f"{request.url.scheme}://{host}"
    chosen = desk.settings
    if chosen.secure_cookies and chosen.public_hosts:
        return f"https://{chosen.public_hosts[0]}"
    return f"{chosen.scheme}://{host}".replace("//127.0.0.1", "//localhost")
