"""Verbs that set a pilot up: tenants, what they may read, service accounts."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads annotations when it runs
from typing import Annotated, Any

import typer

from powerdesk.app.cli.root import Data, Out, app

tenants = typer.Typer(help="Tenants: whose entitlements and limits are kept apart.", no_args_is_help=True)
entitlements = typer.Typer(help="What a tenant may read: market x product x channel.", no_args_is_help=True)
services = typer.Typer(help="Service accounts: they own keys and cannot sign in.", no_args_is_help=True)
app.add_typer(tenants, name="tenant")
app.add_typer(entitlements, name="entitlement")
app.add_typer(services, name="service-account")

GRANT_COLUMNS = ("tenant", "market", "product", "channel", "valid_from", "valid_to", "deny")


@tenants.command("create")
def create_tenant(
    name: str,
    plan: Annotated[str, typer.Option(help="Rate plan: standard or trial.")] = "standard",
    title: Annotated[str, typer.Option(help="What people call it; the name when left out.")] = "",
    data: Data = None,
    output: Out = None,
) -> None:
    """Make a tenant; it may read nothing until `entitlement set` grants it something."""
    from powerdesk.app.cli import connection, printing  # noqa: PLC0415 - HTTP loads only when a verb calls

    with connection.reach(data=data) as desk:
        printing.one(desk.post("/v1/tenants", {"name": name, "title": title, "plan": plan}), output=output)


@tenants.command("list")
def list_tenants(data: Data = None, output: Out = None) -> None:
    """List the tenants with their plan and how much belongs to each."""
    from powerdesk.app.cli import connection, printing  # noqa: PLC0415 - HTTP loads only when a verb calls

    with connection.reach(data=data, reading=True) as desk:
        printing.records(desk.get("/v1/tenants")["tenants"], output=output)


@entitlements.command("list")
def list_entitlements(
    tenant: Annotated[str | None, typer.Argument(help="Only this tenant's lines.")] = None,
    data: Data = None,
    output: Out = None,
) -> None:
    """List what tenants may read, line by line."""
    from powerdesk.app.cli import connection, leaving, printing  # noqa: PLC0415 - HTTP loads only when a verb calls

    with connection.reach(data=data, reading=True) as desk:
        grants = [line for line in desk.get("/v1/entitlements")["grants"] if tenant in (None, line["tenant"])]
        printing.records(grants, output=output, columns=GRANT_COLUMNS)
        if not grants:
            known = ", ".join(one["id"] for one in desk.get("/v1/tenants")["tenants"])
            raise leaving.NothingFoundError(
                found=f"no line of {'any tenant' if tenant is None else tenant}",
                allowed=f"the tenants {known}",
                remedy="a tenant without a line may read nothing: powerdesk entitlement set grants something",
            )


@entitlements.command("set")
def set_entitlements(
    tenant: str,
    file: Annotated[Path, typer.Argument(help='JSON: {"grants": [{"market", "product", "channel", ...}, ...]}.')],
    data: Data = None,
) -> None:
    """Replace every line of a tenant by those of a file; open streams hear of it at once."""
    from powerdesk.app.cli import connection  # noqa: PLC0415 - HTTP loads only when a verb calls

    body = _lines(file)
    with connection.reach(data=data) as desk:
        desk.call("PUT", f"/v1/entitlements/{connection.segment(tenant)}", body=body)
        print(f"{tenant}: {len(body['grants'])} lines")


def _lines(file: Path) -> dict[str, Any]:
    """Return the file as the route takes it; a bare list of lines will do."""
    import json  # noqa: PLC0415 - used here only

    from powerdesk.app.cli.leaving import FileUnusableError  # noqa: PLC0415 - problems load only when needed

    allowed, remedy = '{"grants": [...]} or a list of lines', "see docs/how-to/give-access.md"
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise FileUnusableError.of(error, allowed="a readable file") from error
    except ValueError as error:
        raise FileUnusableError(found=f"{file}: {error}", allowed=allowed, remedy=remedy) from error
    body = {"grants": said} if isinstance(said, list) else said
    if not isinstance(body, dict) or not isinstance(body.get("grants"), list):
        raise FileUnusableError(found=f"{file}: no list of grants", allowed=allowed, remedy=remedy)
    return body


@services.command("create")
def create_service_account(
    name: str,
    tenant: Annotated[str, typer.Option(help="Tenant it belongs to.")] = "desk",
    roles: Annotated[str, typer.Option(help="Roles, comma separated.")] = "viewer",
    data: Data = None,
    output: Out = None,
) -> None:
    """Make a service account; `key create --owner NAME` makes its keys."""
    from powerdesk.app.cli import connection, printing  # noqa: PLC0415 - HTTP loads only when a verb calls

    with connection.reach(data=data) as desk:
        body = {"name": name, "tenant": tenant, "roles": roles.split(",")}
        printing.one(desk.post("/v1/service-accounts", body), output=output)
