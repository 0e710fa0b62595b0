"""Verbs about who may do what: users, keys, the sign-in link, the audit log."""

from __future__ import annotations

from typing import Annotated

import typer

from powerdesk.app.cli.root import Data, Out, app

users = typer.Typer(help="Local accounts.", no_args_is_help=True)
keys = typer.Typer(help="API keys.", no_args_is_help=True)
audit = typer.Typer(help="The audit log.", no_args_is_help=True)
app.add_typer(users, name="user")
app.add_typer(keys, name="key")
app.add_typer(audit, name="audit")

KEY_COLUMNS = ("id", "name", "owner", "scopes", "state", "expires_at", "last_used_at")


@users.command("create")
def create_user(
    name: str,
    roles: Annotated[str, typer.Option(help="Roles, comma separated.")] = "viewer",
    tenant: Annotated[
        str | None, typer.Option(help="Tenant the user belongs to; the desk's own when left out.")
    ] = None,
    data: Data = None,
    output: Out = None,
) -> None:
    """Create an account and print its one-time sign-in link."""
    from powerdesk.app.cli import connection, printing  # noqa: PLC0415 - HTTP loads only when a verb calls

    with connection.reach(data=data) as desk:
        body = {"name": name, "roles": roles.split(",")} | ({} if tenant is None else {"tenant": tenant})
        printing.one(desk.post("/v1/users", body), output=output)


@users.command("reset")
def reset_user(name: str, data: Data = None, output: Out = None) -> None:
    """End a user's sessions and print a one-time link with which a new password can be set."""
    from powerdesk.app.cli import connection, printing  # noqa: PLC0415 - HTTP loads only when a verb calls

    with connection.reach(data=data) as desk:
        printing.one(desk.post(f"/v1/users/{connection.segment(name)}/reset"), output=output)


@users.command("unlock")
def unlock_user(name: str, data: Data = None) -> None:
    """Lift the lock-out after too many wrong passwords."""
    from powerdesk.app.cli import connection  # noqa: PLC0415 - HTTP loads only when a verb calls

    with connection.reach(data=data) as desk:
        desk.post(f"/v1/users/{connection.segment(name)}/unlock")
        print(f"{name} may try again")


@keys.command("create")
def create_key(
    name: str,
    scopes: Annotated[str, typer.Option(help="Channels, comma separated.")] = "api,stream",
    expires_at: Annotated[str | None, typer.Option(help="Instant with offset.")] = None,
    owner: Annotated[str, typer.Option(help="Person or service account that the key acts for.")] = "admin",
    data: Data = None,
    output: Out = None,
) -> None:
    """Create a key; its secret is shown once."""
    from powerdesk.app.cli import connection, printing  # noqa: PLC0415 - HTTP loads only when a verb calls

    with connection.reach(data=data) as desk:
        body = {"name": name, "scopes": scopes.split(","), "expires_at": expires_at, "owner": owner}
        made = desk.post("/v1/operator/keys", body)
        printing.one({**made["key"], "secret": made["secret"]}, output=output)


@keys.command("list")
def list_keys(data: Data = None, output: Out = None) -> None:
    """List keys, never their secrets."""
    from powerdesk.app.cli import connection, printing  # noqa: PLC0415 - HTTP loads only when a verb calls

    with connection.reach(data=data, reading=True) as desk:
        printing.records(desk.get("/v1/keys")["keys"], output=output, columns=KEY_COLUMNS)


@keys.command("rotate")
def rotate_key(
    key_id: str,
    overlap_hours: Annotated[float, typer.Option(help="Hours for which the old secret still works.")] = 24.0,
    data: Data = None,
    output: Out = None,
) -> None:
    """Make a successor; both work during the overlap."""
    from powerdesk.app.cli import connection, printing  # noqa: PLC0415 - HTTP loads only when a verb calls

    with connection.reach(data=data) as desk:
        made = desk.post(f"/v1/keys/{connection.segment(key_id)}/rotate", {"overlap_hours": overlap_hours})
        printing.one({**made["key"], "secret": made["secret"]}, output=output)


@keys.command("revoke")
def revoke_key(key_id: str, data: Data = None) -> None:
    """End a key now, on open sockets too."""
    from powerdesk.app.cli import connection  # noqa: PLC0415 - HTTP loads only when a verb calls

    with connection.reach(data=data) as desk:
        desk.call("DELETE", f"/v1/keys/{connection.segment(key_id)}")
        print(f"{key_id} is revoked")


@app.command("sign-in-link")
def sign_in_link(
    name: Annotated[str, typer.Option("--user", help="Whose link.")] = "admin", data: Data = None, output: Out = None
) -> None:
    """Print a new one-time sign-in link."""
    from powerdesk.app.cli import connection, printing  # noqa: PLC0415 - HTTP loads only when a verb calls

    with connection.reach(data=data) as desk:
        printing.one(desk.post("/v1/sign-in-links", {"name": name}), output=output)


@audit.command("verify")
def verify_audit(data: Data = None, output: Out = None) -> None:
    """Check the hash chain of the audit log from the first row to the last."""
    from powerdesk.app.cli import connection, printing  # noqa: PLC0415 - HTTP loads only when a verb calls

    with connection.reach(data=data, reading=True) as desk:
        verdict = desk.get("/v1/audit/verify")
        printing.one(verdict, output=output)
    if not verdict["intact"]:
        raise typer.Exit(1)
