"""Verbs that move a whole desk: store copy, backup, restore."""

from __future__ import annotations

import contextlib
from pathlib import Path  # noqa: TC003 - typer reads annotations when it runs
from typing import TYPE_CHECKING, Annotated

import typer

from powerdesk.app.cli.root import Data, Out, Output, app

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.progress import TaskID

    from powerdesk.app.moving.copying import Note, Reporter

store = typer.Typer(help="The whole of a desk: copy it between engines.", no_args_is_help=True)
app.add_typer(store, name="store")

Until = Annotated[
    str | None,
    typer.Option("--until", help="Leave out what was accepted later: an instant with offset, or a commit."),
]


@store.command("copy")
def copy(
    source: Annotated[str, typer.Option("--from", help="Data folder of the desk, or its file: URL.")],
    target: Annotated[str, typer.Option("--to", help="Folder to copy into; its settings.toml may name other engines.")],
    until: Until = None,
    output: Out = None,
) -> None:
    """Copy a desk that is at rest between embedded and scaled engines; a copy broken off goes on where it was."""
    _moved(source=source, target=target, until=until, output=output)


@app.command()
def backup(
    to: Annotated[Path, typer.Option("--to", help="A new folder for the backup.")],
    data: Data = None,
    output: Out = None,
) -> None:
    """Copy the desk, running or not, into a new folder, cut at one position of its log."""
    from powerdesk.app import ownership, settings  # noqa: PLC0415 - engines load only when a verb needs them
    from powerdesk.app.cli import connection, printing, waiting  # noqa: PLC0415 - as above

    chosen = settings.load({} if data is None else {"data": str(data)})
    if ownership.find(chosen.data) is None:
        _moved(source=str(chosen.data), target=str(to), until=None, output=output)
        return
    with connection.reach(data=data) as desk:
        ended = waiting.job(desk, desk.post("/v1/operator/backups", {"folder": str(to.resolve())})["run_id"])
    printing.one(ended, output=output)
    if ended["state"] != "done":
        raise typer.Exit(1)


@app.command()
def restore(
    source: Annotated[str, typer.Option("--from", help="Folder of a backup.")],
    data: Data = None,
    until: Until = None,
    output: Out = None,
) -> None:
    """Make a desk from a backup in an empty data folder, or in the engines that its settings.toml names."""
    from powerdesk.app import settings  # noqa: PLC0415 - engines load only when a verb needs them

    chosen = settings.load({} if data is None else {"data": str(data)})
    _moved(source=source, target=str(chosen.data), until=until, output=output)


def _moved(*, source: str, target: str, until: str | None, output: Output | None) -> None:
    from powerdesk.app.cli import printing  # noqa: PLC0415 - engines load only when a verb needs them
    from powerdesk.app.moving import moves  # noqa: PLC0415 - as above

    with _bars() as report:
        note = moves.move(source=source, target=target, until=until, report=report)
    printing.records(rows_of(note), output=output)


def rows_of(note: Note) -> list[dict[str, object]]:
    """Return what arrived, a row for each dataset, table and the objects together."""
    found = [{"what": f"rows of {name}", **facts} for name, facts in note.datasets.items()]
    found += [{"what": f"table {name}", **facts} for name, facts in note.records.items() if facts["rows"]]
    found.append({"what": "objects", "rows": note.objects["count"], "sha256": note.objects["sha256"]})
    return [{**row, "sha256": str(row["sha256"])[:16]} for row in found]


@contextlib.contextmanager
def _bars() -> Iterator[Reporter]:
    """Yield a reporter that shows a bar for each stage on standard error."""
    from rich.console import Console  # noqa: PLC0415 - only where something is shown
    from rich.progress import (  # noqa: PLC0415 - as above
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )

    columns = (TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        tasks: dict[str, TaskID] = {}

        def report(stage: str, done: int, total: int | None) -> None:
            if stage not in tasks:
                tasks[stage] = progress.add_task(stage, total=total)
            progress.advance(tasks[stage], done)

        yield report
