"""The verb `sim`: history of the simulated market, on its own grid or on any case, day by day into Parquet files."""

from __future__ import annotations

import contextlib
import json
import time
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import typer

from powerdesk.app.cli.root import Out, app
from powerdesk.kernel.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pyarrow as pa

    from powerdesk.simulation.world import World

DEFAULT = "default"
ABOUT = "about.json"
FORMAT = 1
HUB = "SIM:HUB_AVERAGE"
MOST_DAYS = 4_000
FIRST_YEAR, LAST_YEAR = 1900, 2200
"""Of the first day, so that a history stays within the calendar."""
WRITABLE = "a folder that this user may write to"


class OtherHistoryError(Problem):
    """A folder holds days of another case or seed."""

    status: ClassVar[int] = 422
    slug: ClassVar[str] = "simulated-history-other"
    title: ClassVar[str] = "The folder holds another history"


@app.command()
def sim(
    start: Annotated[str, typer.Option(help="First operating day, YYYY-MM-DD.")],
    case: Annotated[
        str, typer.Option(help="Case file or RTS-GMLC folder as `powerdesk grid` reads it; or 'default'.")
    ] = DEFAULT,
    days: Annotated[int, typer.Option(min=1, max=MOST_DAYS, help="How many days.")] = 1,
    seed: Annotated[int, typer.Option(help="Another seed is another market.")] = 1,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for DAY/DATASET.parquet; days that are there are kept.")
    ] = None,
    output: Out = None,
) -> None:
    """Make days of a simulated market: commitment, day-ahead, real time; tell each day, write its datasets."""
    from powerdesk.app.cli import printing  # noqa: PLC0415 - loads only when a verb needs it

    first = _day(start)
    world, name = _world(case)
    told: list[dict[str, Any]] = []
    with contextlib.ExitStack() as held:
        held.callback(lambda: printing.records(told, output=output) if told else None)  # interrupted or not
        if out is not None:
            held.enter_context(_claimed(out, {"format": FORMAT, "case": name, "seed": seed}))
        moving = held.enter_context(_bar(days))
        for number in range(days):
            day, advanced = first + timedelta(days=number), moving(number)
            folder = out / day.isoformat() if out is not None else None
            if folder is not None and folder.is_dir():
                told.append(_kept(day, folder))
            else:
                told.append(_made(world, seed, day, folder, advanced))
            advanced(1.0)


def _day(text: str) -> date:
    try:
        day = datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007 - a day of the market's calendar
    except ValueError as error:
        raise typer.BadParameter(f"'{text}' is no day: give YYYY-MM-DD") from error
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise typer.BadParameter(f"'{text}' is too far off: give a day of the years {FIRST_YEAR} to {LAST_YEAR}")
    return day


def _world(case: str) -> tuple[World, str]:
    """Return the world of a case, and a name that changes with its content."""
    from powerdesk.app.cli.grid_verbs import network_of  # noqa: PLC0415 - the solvers load only when a verb needs them
    from powerdesk.simulation import cases, world  # noqa: PLC0415 - as above

    if case == DEFAULT:
        return world.default(), DEFAULT
    network = network_of(Path(case))
    return cases.world_of(network), f"{network.name} {cases.fingerprint(network)}"


@contextlib.contextmanager
def _claimed(out: Path, about: dict[str, Any]) -> Iterator[None]:
    """Hold the folder, which notes what its days are of.

    Raises OtherHistoryError when it holds others, FolderOwnedError while another process makes days there.
    """
    from powerdesk.app import ownership  # noqa: PLC0415 - loads only when needed
    from powerdesk.app.cli.leaving import FileUnusableError  # noqa: PLC0415 - as above

    try:
        out.mkdir(parents=True, exist_ok=True)
        handle = (out / ownership.LOCK_NAME).open("a+b")
    except OSError as error:
        raise FileUnusableError.of(error, allowed=WRITABLE) from error
    with handle:
        try:
            ownership.lock_patiently(handle)
        except OSError as error:
            raise ownership.FolderOwnedError(
                found=f"{out}, into which another process makes days",
                allowed="one process at a time",
                remedy="wait until it ends, or give another folder to --out",
            ) from error
        _note(out / ABOUT, about)
        yield


def _note(path: Path, about: dict[str, Any]) -> None:
    """Write what days are of, or see that the note there says the same."""
    from powerdesk.app.cli.leaving import FileUnusableError  # noqa: PLC0415 - problems load only when needed

    try:
        if not path.exists():
            path.write_text(json.dumps(about), encoding="utf-8")
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FileUnusableError.of(error, allowed=WRITABLE) from error
    if found != about:
        raise OtherHistoryError(found=f"{found}", allowed=f"{about}", remedy="give another folder to --out")


@contextlib.contextmanager
def _bar(days: int) -> Iterator[Callable[[int], Callable[[float], None]]]:
    """Show a bar with the time left, on standard error and only on a terminal; give of each day what moves the bar."""
    from rich import progress  # noqa: PLC0415 - used here only
    from rich.console import Console  # noqa: PLC0415 - as above

    console = Console(stderr=True)
    columns = (*progress.Progress.get_default_columns(), progress.TimeElapsedColumn())
    bar = progress.Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    with bar:
        task = bar.add_task("simulated days", total=days)
        yield lambda number: lambda share: bar.update(task, completed=number + share)


def _made(world: World, seed: int, day: date, folder: Path | None, advanced: Callable[[float], None]) -> dict[str, Any]:
    """Make a day, write it whole or not at all, and return what to tell of it."""
    from powerdesk.simulation import history  # noqa: PLC0415 - the solvers load only when a verb needs them

    began = time.process_time()
    made = history.day(world, seed=seed, operating_day=day, advanced=advanced)
    if folder is not None:
        _write(made, folder)
    rows = sum(table.num_rows for table in made.values())
    return {**_figures(day, made.get, rows), "seconds": round(time.process_time() - began, 2)}


def _kept(day: date, folder: Path) -> dict[str, Any]:
    """Return what to tell of a day that was made before; raises FileUnusableError."""
    from pyarrow import lib, parquet  # noqa: PLC0415 - loads only when a verb needs it

    from powerdesk.app.cli.leaving import FileUnusableError  # noqa: PLC0415 - as above

    def table(dataset: str) -> pa.Table | None:
        path = folder / f"{dataset}.parquet"
        return parquet.read_table(path) if path.exists() else None

    try:
        rows = sum(parquet.read_metadata(path).num_rows for path in folder.glob("*.parquet"))
        return {**_figures(day, table, rows), "seconds": None}
    except (OSError, lib.ArrowException) as error:
        raise FileUnusableError(
            found=f"{folder}: {error}", allowed="a day as this command wrote it", remedy="delete the folder of the day"
        ) from error


def _write(made: dict[str, pa.Table], folder: Path) -> None:
    """Write the datasets beside the folder's name and rename: what has the name is whole."""
    import shutil  # noqa: PLC0415 - used here only

    from pyarrow import parquet  # noqa: PLC0415 - as above

    from powerdesk.app.cli.leaving import FileUnusableError  # noqa: PLC0415 - as above

    part = folder.with_name(f".{folder.name}.part")
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        for dataset, rows in made.items():
            parquet.write_table(rows, part / f"{dataset}.parquet", compression="zstd")
        part.rename(folder)
    except OSError as error:
        raise FileUnusableError.of(error, allowed=WRITABLE) from error


def _figures(day: date, table: Callable[[str], pa.Table | None], rows: int) -> dict[str, Any]:
    """Return the day's hub prices, how often lines bound, and how many rows there are."""
    import pyarrow.compute as pc  # noqa: PLC0415 - loads only when a verb needs it

    prices, bound = table("markets.prices"), table("grid.shadow_prices")
    if prices is None:
        raise FileNotFoundError("markets.prices.parquet is missing")
    at_hub = prices.filter(pc.equal(prices["location"], HUB))
    found: dict[str, Any] = {"day": day.isoformat()}
    for run, name in (("DA", "da"), ("RT5", "rt")):
        price = at_hub.filter(pc.equal(at_hub["market_run"], run))["price_per_mwh"]
        found[f"{name}_mean_per_mwh"] = round(pc.mean(price).as_py(), 2)
        found[f"{name}_max_per_mwh"] = pc.max(price).as_py()
    intervals = 0
    if bound is not None:
        intervals = pc.count_distinct(bound.filter(pc.equal(bound["market_run"], "RT5"))["interval_start"]).as_py()
    return {**found, "rt_intervals_bound": intervals, "rows": rows}
