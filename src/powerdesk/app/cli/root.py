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


Out = Annotated[
    Output | None, typer.Option("-o", "--output", help="table, json, csv, parquet or arrow.", show_default=False)
]
