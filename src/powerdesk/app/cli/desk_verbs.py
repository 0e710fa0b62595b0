"""Verbs about the desk itself: up, serve, status, down, doctor."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads annotations when it runs
from typing import Annotated, Any

import typer

from powerdesk.app.cli.root import Data, Key, Out, Output, Url, app

Port = Annotated[
    int | None, typer.Option("--port", help="The one visible port; 0 takes a free one.", show_default=False)
]
Host = Annotated[str | None, typer.Option("--host", help="Address to listen on.", show_default=False)]
Feeds = Annotated[str | None, typer.Option("--feeds", help="Feeds to run, e.g. sim,caiso,nyiso.", show_default=False)]


STOP_S = 30.0


def overrides(data: Path | None, port: int | None, host: str | None, feeds: str | None) -> dict[str, Any]:
    """Return what the command line says over the environment."""
    given = {"data": None if data is None else str(data), "port": port, "host": host, "feeds": feeds}
    return {name: value for name, value in given.items() if value is not None}


@app.command()
def up(
    data: Data = None,
    port: Port = None,
    host: Host = None,
    feeds: Feeds = None,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Do not open a browser.")] = False,  # noqa: FBT002 - a flag
) -> None:
    """Start every role in one process and print one sign-in link; Ctrl-C stops cleanly."""
    from powerdesk.app import serving, settings  # noqa: PLC0415 - engines load only when a desk opens

    serving.up(settings.load(overrides(data, port, host, feeds)), open_browser=not no_browser)


@app.command()
def serve(
    role: Annotated[
        str, typer.Option("--role", help="gateway, ingest, stream, compute, trade, jobs; comma separated.")
    ],
    data: Data = None,
    port: Port = None,
    host: Host = None,
) -> None:
    """Start some roles; embedded engines run all roles in one process and refuse to be split."""
    from powerdesk.app import roles, serving, settings  # noqa: PLC0415 - engines load only when a desk opens

    chosen = settings.load(overrides(data, port, host, None))
    serving.up(chosen, open_browser=False, names=roles.check(role.split(","), chosen))


@app.command()
def status(data: Data = None, url: Url = None, key: Key = None, output: Out = None) -> None:
    """Say whether the desk runs, since when, and how its feeds are."""
    from powerdesk.app.cli import connection, printing  # noqa: PLC0415 - HTTP loads only when a verb calls

    with connection.reach(data=data, url=url, key=key, need_running=True) as desk:
        if printing.chosen(output) is not Output.CSV:  # which is one table
            printing.one({"url": desk.base, **desk.get("/ready")}, output=output)
        printing.records(
            desk.get("/v1/feeds")["feeds"], output=output, columns=("id", "market", "state", "last_ok_at", "rows_24h")
        )


@app.command()
def down(data: Data = None) -> None:
    """Stop the desk that owns the data folder, cleanly."""
    from powerdesk.app.cli import connection  # noqa: PLC0415 - HTTP loads only when a verb calls

    with connection.reach(data=data, need_running=True) as desk:
        desk.post("/v1/operator/shutdown")
    if not connection.stopped(data=data, within_s=STOP_S):
        typer.echo(f"{desk.base} is still stopping after {STOP_S:g} s", err=True)
        raise typer.Exit(1)
    print(f"stopped {desk.base}")


@app.command()
def doctor(data: Data = None, output: Out = None) -> None:
    """Check clock, disk, port, feeds, engines and versions, and say what to do."""
    from powerdesk.app import doctor as checks  # noqa: PLC0415 - engines load only when a verb needs them
    from powerdesk.app import ownership, settings  # noqa: PLC0415 - as above
    from powerdesk.app.cli import connection, printing  # noqa: PLC0415 - as above

    chosen = settings.load({} if data is None else {"data": str(data)})
    found = checks.examine(chosen)
    if ownership.find(chosen.data) is not None:
        with connection.reach(data=data) as desk:
            standing = [checks.of_standing(one) for one in desk.get("/v1/operator/engines")["engines"]]
            found = (*found, *standing, *checks.feeds(desk.get("/v1/feeds")["feeds"]))
    printing.records([finding.as_row() for finding in found], output=output)
    if any(finding.level == "bad" for finding in found):
        raise typer.Exit(1)
