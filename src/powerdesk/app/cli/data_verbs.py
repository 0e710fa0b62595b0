"""Verbs about data: import, backfill, get, live, replay, datasets, locations, feeds."""

from __future__ import annotations

import contextlib
import io
import sys
from pathlib import Path  # noqa: TC003 - typer reads annotations when it runs
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import parse_qs, urlsplit

import typer

from powerdesk.app.cli.root import Data, Key, Out, Output, RowsOut, Url, app

if TYPE_CHECKING:
    from collections.abc import Iterator

    from powerdesk.app.cli.connection import Reached
    from powerdesk.kernel.problem import Problem

feeds = typer.Typer(help="Feeds: list, pause, resume, retry.", no_args_is_help=True)
locations = typer.Typer(help="Places where prices are settled.", no_args_is_help=True)
app.add_typer(feeds, name="feeds")
app.add_typer(locations, name="locations")

Instant = Annotated[str | None, typer.Option(help="Instant with offset, e.g. 2026-11-21T00:00:00-05:00.")]
BULK = frozenset({Output.CSV, Output.PARQUET, Output.ARROW})
BULK_PAGE_ROWS = 1_000_000
NOT_SHOWN = frozenset(
    {"interval_end", "published_by", "received_at", "source", "revision", "commit", "reason", "lineage"}
)
"""System columns that a table leaves out; --columns and the other outputs have them."""


@app.command("import")
def import_files(
    source: Annotated[str, typer.Argument(help="nyiso or caiso.")],
    files: Annotated[list[Path], typer.Argument(help="Recorded files, plain, gzip or zip.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Parse and check only.")] = False,  # noqa: FBT002 - a flag
    data: Data = None,
    output: Out = None,
) -> None:
    """Store recorded files through the same parse and record path as fetched ones."""
    from powerdesk.app.cli import connection, printing  # noqa: PLC0415 - HTTP loads only when a verb calls
    from powerdesk.app.cli.leaving import Exit, show  # noqa: PLC0415 - as above
    from powerdesk.kernel.problem import Problem  # noqa: PLC0415 - as above

    failed = False
    rows: list[dict[str, Any]] = []
    with connection.reach(data=data) as desk:
        for path in files:
            try:
                params = {"name": path.name, "dry_run": str(dry_run).lower()}
                answer = desk.call(
                    "POST", f"/v1/imports/{connection.segment(source)}", params=params, data=_bytes(path)
                ).json()
                rows += answer["files"]
                failed |= _useless(answer["files"])
            except Problem as error:
                show(error)
                rows.append(_refused(path.name, error))
                failed = True
    printing.records(rows, output=output, columns=tuple(dict.fromkeys(name for row in rows for name in row)))
    if failed:
        raise typer.Exit(Exit.FAILED)


def _useless(lines: list[dict[str, Any]]) -> bool:
    """Tell whether a file had rows and not one of them could be used."""
    return any(line["rejected"] for line in lines) and not any(line["rows"] for line in lines)


def _refused(file: str, error: Problem) -> dict[str, Any]:
    """Return the line of a file of which nothing was stored."""
    findings = [str(one) for one in error.findings] or [error.detail]
    counts = dict.fromkeys(("rows", "duplicates", "rejected"), 0)
    return {"file": file, "dataset": None, **counts, "findings": findings, "gaps": 0, "refused": error.title}


def _bytes(path: Path) -> bytes:
    from powerdesk.app.cli.leaving import FileUnusableError  # noqa: PLC0415 - problems load only when needed

    try:
        return path.read_bytes()
    except OSError as error:
        raise FileUnusableError.of(error, allowed="a readable file") from error


def _write(path: Path, data: bytes) -> None:
    from powerdesk.app.cli.leaving import FileUnusableError  # noqa: PLC0415 - problems load only when needed

    try:
        path.write_bytes(data)
    except OSError as error:
        raise FileUnusableError.of(error, allowed="a file in a folder that this user may write to") from error


@app.command()
def backfill(
    feed: str,
    start: Annotated[str, typer.Option(help="First instant, inclusive.")],
    end: Annotated[str, typer.Option(help="First instant no longer included.")],
    estimate: Annotated[bool, typer.Option("--estimate", help="Only say what it would cost.")] = False,  # noqa: FBT002 - a flag
    data: Data = None,
    output: Out = None,
) -> None:
    """Fill a range of a feed from its source, with estimate and progress."""
    from powerdesk.app.cli import connection, printing, waiting  # noqa: PLC0415 - HTTP loads only when a verb calls

    body = {"feed": feed, "start": start, "end": end}
    need_running = not estimate and feed != "sim"  # which is refused either way, with what to do instead
    with connection.reach(data=data, need_running=need_running) as desk:
        printing.one(desk.post("/v1/backfills/estimate", body), output=output)
        if not estimate:
            ended = waiting.job(desk, desk.post("/v1/backfills", body)["run_id"])
            printing.one(ended, output=output)
            if ended["state"] != "done":
                raise typer.Exit(1)


@app.command()
def get(
    dataset: str,
    market: Annotated[str | None, typer.Option(help="Market code.")] = None,
    location: Annotated[str | None, typer.Option(help="Location ids, comma separated.")] = None,
    run: Annotated[str | None, typer.Option("--run", help="Market run: DA, RT5, ...")] = None,
    where: Annotated[list[str] | None, typer.Option("--where", help="column=value, any key column.")] = None,
    start: Instant = None,
    end: Instant = None,
    as_of: Annotated[str | None, typer.Option("--as-of", help="Only what was known by then.")] = None,
    columns: Annotated[str | None, typer.Option(help="Columns, comma separated.")] = None,
    limit: Annotated[int | None, typer.Option(help="Most rows.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write to a file.")] = None,
    data: Data = None,
    url: Url = None,
    key: Key = None,
    output: RowsOut = None,
) -> None:
    """Read rows of a dataset as known at a moment."""
    from powerdesk.app.cli import connection, printing  # noqa: PLC0415 - HTTP loads only when a verb calls

    how = printing.chosen(output or (Output.JSON if out else None))
    if how in BULK - {Output.CSV} and out is None and sys.stdout.isatty():
        raise typer.BadParameter(f"{how.value} is no text for a terminal; give --out FILE, or a pipe")
    params: dict[str, Any] = dict(map(_condition, where or ()))
    named: dict[str, Any] = {"market": market, "location": location, "market_run": run, "start": start, "end": end}
    named |= {"as_of": as_of, "columns": columns, "limit": limit}
    params |= {name: value for name, value in named.items() if value is not None}
    with connection.reach(data=data, url=url, key=key, reading=True) as desk:
        written = (_write_bulk if how in BULK else _write_records)(desk, dataset, params, how, out)
        if not written:
            raise _nothing(desk, f"no row of {dataset}", params)


def _condition(pair: str) -> tuple[str, str]:
    column, equals, value = pair.partition("=")
    if not (column and equals):
        raise typer.BadParameter(f"--where {pair!r} is no column=value, for example --where fuel=wind")
    return column, value


def _nothing(desk: Reached, found: str, params: dict[str, Any]) -> Problem:
    """Return the problem of a question without an answer; a location that is not known is told from those that are."""
    from powerdesk.app.cli.leaving import NothingFoundError  # noqa: PLC0415 - problems load only when needed

    asked = ", ".join(f"{name} {value}" for name, value in params.items() if name not in ("columns", "limit"))
    remedy = "widen the range or leave a condition out; `powerdesk locations search TEXT` finds names"
    location = str(params.get("location", ""))
    text = location.split(",", maxsplit=1)[0].rpartition(":")[2]
    near = [row["id"] for row in desk.get("/v1/locations", search=text)["locations"]] if text else []
    if near and location not in near:
        remedy = f"did you mean {', '.join(near[:3])}?"
    return NothingFoundError(
        found=f"{found} with {asked}" if asked else found,
        allowed="names as the data has them (SIM:HUB_NORTH, RT5), from start to before end, known by then",
        remedy=remedy,
    )


def _write_bulk(desk: Reached, dataset: str, params: dict[str, Any], how: Output, out: Path | None) -> int:
    import pyarrow as pa  # noqa: PLC0415 - loads only for files

    from powerdesk.delivery.rest import encoding  # noqa: PLC0415 - as above

    pages = [pa.ipc.open_stream(page).read_all() for page in _bulk_pages(desk, dataset, params)]
    table = pa.concat_tables(pages)
    data = encoding.BULK[encoding.Format(how.value)](table)
    if out is None:
        sys.stdout.buffer.write(data)
    else:
        _write(out, data)
    return int(table.num_rows)


def _bulk_pages(desk: Reached, dataset: str, params: dict[str, Any]) -> Iterator[bytes]:
    """Yield pages as Arrow streams; a limit is for the whole answer, not for a page."""
    path = _rows_of(dataset)
    asked = {"limit": BULK_PAGE_ROWS, **params, "format": "arrow"}
    answer = desk.call("GET", path, params=asked)
    yield answer.content
    while "next" in answer.links and "limit" not in params:
        (cursor,) = parse_qs(urlsplit(answer.links["next"]["url"]).query)["cursor"]
        answer = desk.call("GET", path, params={**asked, "cursor": cursor})
        yield answer.content


def _write_records(desk: Reached, dataset: str, params: dict[str, Any], how: Output, out: Path | None) -> int:
    from powerdesk.app.cli import printing  # noqa: PLC0415 - used here only

    rows = [row for page in _pages(desk, dataset, params) for row in page["records"]]
    narrow = how is Output.TABLE and rows and params.get("columns") is None
    columns = tuple(name for name in rows[0] if name not in NOT_SHOWN) if narrow else None
    printed = io.StringIO()
    with contextlib.nullcontext() if out is None else contextlib.redirect_stdout(printed):
        printing.records(rows, output=how, columns=columns)
    if out is not None:
        _write(out, printed.getvalue().encode())
    return len(rows)


def _rows_of(dataset: str) -> str:
    from powerdesk.app.cli import connection  # noqa: PLC0415 - HTTP loads only when a verb calls

    return f"/v1/datasets/{connection.segment(dataset)}/rows"


def _pages(desk: Reached, dataset: str, params: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield pages; a limit is for the whole answer, not for a page."""
    page = desk.get(_rows_of(dataset), **params, format="records")
    yield page
    while page["next"] is not None and params.get("limit") is None:
        page = desk.get(_rows_of(dataset), **params, format="records", cursor=page["next"])
        yield page


@app.command("datasets")
def list_datasets(data: Data = None, url: Url = None, key: Key = None, output: Out = None) -> None:
    """List the datasets."""
    from powerdesk.app.cli import connection, printing  # noqa: PLC0415 - HTTP loads only when a verb calls

    with connection.reach(data=data, url=url, key=key, reading=True) as desk:
        rows = desk.get("/v1/datasets")["datasets"]
        printing.records(rows, output=output, columns=("id", "title", "grain", "product", "position"))


@locations.command("search")
def search_locations(
    text: str, market: str | None = None, data: Data = None, url: Url = None, key: Key = None, output: Out = None
) -> None:
    """Find locations by part of their name."""
    from powerdesk.app.cli import connection, printing  # noqa: PLC0415 - HTTP loads only when a verb calls
    from powerdesk.app.cli.leaving import NothingFoundError  # noqa: PLC0415 - as above

    with connection.reach(data=data, url=url, key=key, reading=True) as desk:
        rows = desk.get("/v1/locations", search=text, market=market)["locations"]
    if not rows:
        raise NothingFoundError(
            found=f"no location with {text!r}" + (f" in market {market}" if market else ""),
            allowed="a part of a name or id of a location that the desk knows",
            remedy="search for less of the name, or without --market",
        )
    printing.records(rows, output=output, columns=("id", "market", "name", "kind", "zone"))


@feeds.command("list")
def list_feeds(data: Data = None, url: Url = None, key: Key = None, output: Out = None) -> None:
    """List the feeds with state, last success and next try."""
    from powerdesk.app.cli import connection, printing  # noqa: PLC0415 - HTTP loads only when a verb calls

    columns = ("id", "market", "state", "since", "last_ok_at", "last_error", "next_try_at", "rows_24h")
    with connection.reach(data=data, url=url, key=key, reading=True) as desk:
        printing.records(desk.get("/v1/feeds")["feeds"], output=output, columns=columns)


DONE = {"pause": "paused", "resume": "resumed", "retry": "asked again"}


def _tell_feed(feed: str, verb: str, data: Path | None, *, need_running: bool = False) -> None:
    from powerdesk.app.cli import connection  # noqa: PLC0415 - HTTP loads only when a verb calls

    with connection.reach(data=data, need_running=need_running) as desk:
        desk.post(f"/v1/feeds/{connection.segment(feed)}/{verb}")
        typer.echo(f"{feed}: {DONE[verb]}")


@feeds.command("pause")
def pause_feed(feed: str, data: Data = None) -> None:
    """Stop asking a source until resumed."""
    _tell_feed(feed, "pause", data)


@feeds.command("resume")
def resume_feed(feed: str, data: Data = None) -> None:
    """Ask a paused source again."""
    _tell_feed(feed, "resume", data)


@feeds.command("retry")
def retry_feed(feed: str, data: Data = None) -> None:
    """Try an unreachable source now."""
    _tell_feed(feed, "retry", data, need_running=True)


@app.command()
def live(
    location: Annotated[str, typer.Argument(help="Location id, e.g. SIM:HUB_NORTH.")],
    run: Annotated[str, typer.Option("--run", help="Market run.")] = "RT5",
    updates: Annotated[int, typer.Option(help="Leave after so many updates; 0 goes on.", min=0)] = 0,
    data: Data = None,
    url: Url = None,
    key: Key = None,
    output: Out = None,
) -> None:
    """Show prices as they come, with a sparkline."""
    from powerdesk.app.cli import connection, watching  # noqa: PLC0415 - HTTP loads only when a verb calls

    with connection.reach(data=data, url=url, key=key, need_running=True) as desk:
        params = {"location": location, "market_run": run}
        watching.show(desk, params=params, updates=updates, output=output, nothing=_nothing)


@app.command()
def replay(
    location: str,
    start: Annotated[str, typer.Option(help="First instant, inclusive.")],
    end: Annotated[str, typer.Option(help="First instant no longer included.")],
    speed: Annotated[float, typer.Option(help="Times real time.")] = 60.0,
    run: Annotated[str, typer.Option("--run", help="Market run.")] = "RT5",
    data: Data = None,
    url: Url = None,
    key: Key = None,
    output: Out = None,
) -> None:
    """Play a past window again through the stream, at any speed."""
    from powerdesk.app.cli import connection, watching  # noqa: PLC0415 - HTTP loads only when a verb calls

    params = {"location": location, "market_run": run, "replay_start": start, "replay_end": end, "speed": speed}
    with connection.reach(data=data, url=url, key=key, need_running=True) as desk:
        watching.show(desk, params=params, updates=0, output=output, nothing=_nothing)
