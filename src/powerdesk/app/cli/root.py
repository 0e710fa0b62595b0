"""The root of the command line: options that every verb shares."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="powerdesk",
    help="One power-market desk: collect, store, read as of any moment, stream.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _tell_version(asked: bool) -> None:  # noqa: FBT001 - typer gives a flag to its callback so
    if asked:
        from importlib import metadata  # noqa: PLC0415 - used here only

        typer.echo(f"powerdesk {metadata.version('powerdesk')}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[  # noqa: FBT002 - a flag
        bool, typer.Option("--version", help="Tell the version and leave.", is_eager=True, callback=_tell_version)
    ] = False,
) -> None:
    """One power-market desk: collect, store, read as of any moment, stream."""
    del version


Data = Annotated[
    Path | None, typer.Option("--data", help="Data folder of the desk (or POWERDESK_DATA).", show_default=False)
]
Url = Annotated[str | None, typer.Option("--url", help="Reach a desk on another machine.", show_default=False)]
Key = Annotated[
    str | None,
    typer.Option(
        "--key", help="API key for --url (or POWERDESK_API_KEY).", envvar="POWERDESK_API_KEY", show_default=False
    ),
]


class Output(StrEnum):
    """How a verb prints its answer."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    PARQUET = "parquet"
    ARROW = "arrow"


LISTED = (Output.TABLE, Output.JSON, Output.CSV)
"""Outputs of verbs that print records; only rows of a dataset make a file of columns."""


def _listed(output: Output | None) -> Output | None:
    """Refuse what a verb cannot print, before it does anything."""
    if output is not None and output not in LISTED:
        raise typer.BadParameter(f"'{output}' is for rows of a dataset (powerdesk get); allowed here: table, json, csv")
    return output


Out = Annotated[
    Output | None, typer.Option("-o", "--output", help="table, json or csv.", show_default=False, callback=_listed)
]
RowsOut = Annotated[
    Output | None, typer.Option("-o", "--output", help="table, json, csv, parquet or arrow.", show_default=False)
]
