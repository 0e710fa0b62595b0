"""Verbs about networks: opf, ptdf, contingencies and network on case files, which need no desk; explain on a desk."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from powerdesk.app.cli.root import Data, Key, Out, Output, RowsOut, Url, app

if TYPE_CHECKING:
    from powerdesk.grid.clearing.result import Clearing
    from powerdesk.grid.types import FloatArray, Network

LONGEST_NUMBER = 15
"""Digits of a bus number."""

grid = typer.Typer(help="Networks: clear a case file, its shift factors, its outages.", no_args_is_help=True)
app.add_typer(grid, name="grid")


class Model(StrEnum):
    """The branch model; see grid.types.BranchModel."""

    DCP = "dcp"
    MATPOWER = "matpower"


class Engine(StrEnum):
    """The formulation; see grid.clearing.engines."""

    PTDF = "ptdf"
    ANGLE = "angle"
    CLARABEL = "clarabel"


class Losses(StrEnum):
    """How losses are taken; see grid.clearing.cuts."""

    NONE = "none"
    FROZEN = "frozen"
    QUADRATIC = "quadratic"
    BRANCH = "branch"


Case = Annotated[
    Path,
    typer.Argument(
        help=(
            "MATPOWER, PGLib, Egret, pglib-uc or UnitCommitment.jl file, plain or gzip, told by its content; "
            "or a folder of RTS-GMLC tables."
        ),
        metavar="CASE",
    ),
]
Models = Annotated[Model, typer.Option(help="dcp: x/(r^2+x^2), taps ignored; matpower: 1/(x tap), phase shifts.")]
Reference = Annotated[
    str | None,
    typer.Option(
        help="Reference of the parts: a bus by number or name, or 'load' for the load-weighted mean.",
        show_default="case",
    ),
]
Interval = Annotated[int, typer.Option(min=0, help="Of a case with time series: which interval, from 0.")]


@grid.command()
def opf(
    case: Case,
    model: Models = Model.DCP,
    losses: Annotated[
        Losses, typer.Option(help="none, frozen factors, quadratic, or of each branch (clarabel).")
    ] = Losses.NONE,
    engine: Annotated[Engine, typer.Option(help="ptdf, angle or clarabel: they agree.")] = Engine.PTDF,
    reference: Reference = None,
    interval: Interval = 0,
    output: Out = None,
) -> None:
    """Dispatch a case at least cost and price every bus: energy, losses, congestion."""
    import time  # noqa: PLC0415 - used here only

    from powerdesk.app.cli import printing  # noqa: PLC0415 - as above
    from powerdesk.grid import prices  # noqa: PLC0415 - the solvers load only when a verb needs them
    from powerdesk.grid.clearing import cuts, engines  # noqa: PLC0415 - as above
    from powerdesk.grid.types import BranchModel  # noqa: PLC0415 - as above

    network = network_of(case, interval)
    weights = _reference(network, reference)
    began = time.perf_counter()
    cleared = engines.clear(
        network,
        model=BranchModel(model.value),
        engine=engines.Engine(engine.value),
        losses=cuts.Losses(losses.value),
    )
    seconds = time.perf_counter() - began
    answer = _answer(cleared, prices.parts(cleared, reference=weights), seconds)
    lists = {name: answer.pop(name) for name in ("binding", "prices")}
    printing.tables(answer, lists, output=output)


def _answer(cleared: Clearing, found: Any, seconds: float) -> dict[str, Any]:
    """Return what `opf` prints; a bus declared isolated has no price, and `name` is there where it is no number."""
    import numpy as np  # noqa: PLC0415 - loads only when a verb needs it

    network = cleared.programme.network
    columns = (cleared.lmp, found.energy, found.loss, found.congestion)
    lists = ([None if np.isnan(price) else price for price in one.tolist()] for one in columns)
    numbers, names = network.buses.number.tolist(), network.buses.name
    words = [{} if name == str(number) else {"name": name} for number, name in zip(numbers, names, strict=True)]
    rows = zip(numbers, *lists, strict=True)
    return {
        "objective_usd_per_h": cleared.objective_usd_per_h,
        "status": "optimal",
        "rung": cleared.found.rung,
        "kkt_residual": cleared.found.kkt.worst,
        "seconds": seconds,
        "losses_mw": float(cleared.losses_mw.sum()),
        "binding": [
            {
                "constraint": one.name,
                "shadow_price": one.shadow_price_usd_per_mwh,
                "flow_mw": one.flow_mw,
                "limit_mw": one.limit_mw,
            }
            for one in cleared.constraints
        ],
        "prices": [
            {**dict(zip(("bus", "lmp", "energy", "loss", "congestion"), row, strict=True)), **word}
            for row, word in zip(rows, words, strict=True)
        ],
    }


@grid.command()
def ptdf(
    case: Case,
    branches: Annotated[
        str,
        typer.Option(
            help="Names as FROM-TO, comma separated, in \"quotes\" where they hold one; 'rated' for all limits."
        ),
    ],
    out: Annotated[Path | None, typer.Option("--out", help="Write to a file.")] = None,
    model: Models = Model.DCP,
    reference: Reference = None,
    output: RowsOut = None,
) -> None:
    """Write shift factors: MW on a branch per MW injected at a bus and withdrawn at the reference."""
    import numpy as np  # noqa: PLC0415 - loads only when a verb needs it
    import pyarrow as pa  # noqa: PLC0415 - as above

    from powerdesk.grid.sensitivities import Sensitivities  # noqa: PLC0415 - as above
    from powerdesk.grid.types import BranchModel  # noqa: PLC0415 - as above

    network = network_of(case)
    chosen = _branches(network, branches)
    sensitivities = Sensitivities(network, model=BranchModel(model.value))
    weights = sensitivities.weights_of(_reference(network, reference))
    rows = sensitivities.ptdf(np.array(chosen, np.int64), weights=weights)
    names = pa.array([network.branches.name[one] for one in chosen])
    table = pa.table(
        {
            "branch": names.take(pa.array(np.repeat(np.arange(len(chosen)), len(network.buses)))),
            "bus": pa.array(np.tile(network.buses.number, len(chosen))),
            "shift_factor": pa.array(rows.ravel()),
        }
    )
    _write(table, output, out)


@grid.command()
def contingencies(
    case: Case,
    model: Models = Model.DCP,
    interval: Interval = 0,
    output: Out = None,
) -> None:
    """List the single outages that overload a branch of the least-cost dispatch, or part the network."""
    import numpy as np  # noqa: PLC0415 - loads only when a verb needs it

    from powerdesk.app.cli import printing  # noqa: PLC0415 - as above
    from powerdesk.grid import contingencies as outages  # noqa: PLC0415 - as above
    from powerdesk.grid.clearing import engines  # noqa: PLC0415 - as above
    from powerdesk.grid.types import BranchModel  # noqa: PLC0415 - as above

    network = network_of(case, interval)
    cleared = engines.clear(network, model=BranchModel(model.value))
    whole, parting = outages.single_outages(network)
    emergency, normal = network.branches.emergency_rating_mw, network.branches.rating_mw
    found = outages.screen(
        cleared.programme.sensitivities,
        flows_mw=cleared.flows_mw,
        limits_mw=np.where(np.isfinite(emergency), emergency, normal),
        outages=whole,
        tolerance_mw=1e-3,
    )
    name = network.branches.name
    nothing = dict.fromkeys(("branch", "flow_mw", "limit_mw", "outage_factor"))
    rows: list[dict[str, Any]] = [{"outage": name[one], "parts_network": True, **nothing} for one in parting.tolist()]
    columns = (found.outage, found.branch, found.flow_mw, found.limit_mw, found.factor)
    for outage, branch, flow, limit, factor in zip(*(one.tolist() for one in columns), strict=True):
        row = {"branch": name[branch], "flow_mw": flow, "limit_mw": limit, "outage_factor": factor}
        rows.append({"outage": name[outage], "parts_network": False, **row})
    printing.records(rows, output=output)


@grid.command()
def network(case: Case, model: Models = Model.DCP, output: Out = None) -> None:
    """Tell a network in numbers: elements, degrees, islands, load and capacity by area, lines that could bind."""
    from dataclasses import asdict  # noqa: PLC0415 - used here only

    from powerdesk.app.cli import printing  # noqa: PLC0415 - as above
    from powerdesk.grid import statistics  # noqa: PLC0415 - loads only when a verb needs it
    from powerdesk.grid.clearing import engines  # noqa: PLC0415 - as above
    from powerdesk.grid.types import BranchModel  # noqa: PLC0415 - as above

    read = network_of(case)
    islands = statistics.islands(read)
    flows = None
    if all(one.adequate for one in islands):
        flows = engines.clear(statistics.without_ratings(read), model=BranchModel(model.value)).flows_mw
    else:
        typer.echo("note: an island cannot serve its load, so no line is named as a candidate to bind", err=True)
    candidates = () if flows is None else statistics.binding_candidates(read, flows_mw=flows)
    answer = {"name": read.name, **asdict(statistics.statistics(read))}
    lists = {
        "islands": [asdict(one) for one in islands],
        "areas": [asdict(one) for one in statistics.areas(read)],
        "candidates": [asdict(one) for one in candidates],
    }
    printing.tables(_without_nan(answer), _without_nan(lists), output=output)


def _without_nan(value: Any) -> Any:
    """Return an answer with None for what is not a number."""
    if isinstance(value, dict):
        return {name: _without_nan(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(one) for one in value]
    return None if value != value else value  # noqa: PLR0124 - NaN is what differs from itself


@grid.command()
def explain(
    location: Annotated[str, typer.Option(help="Location id MARKET:NAME.")],
    interval: Annotated[str, typer.Option(help="An instant of the interval, with offset.")],
    run: Annotated[str, typer.Option("--run", help="Market run: DA, RT5, ...")] = "RT5",
    as_of: Annotated[str | None, typer.Option("--as-of", help="Only what was known by then.")] = None,
    data: Data = None,
    url: Url = None,
    key: Key = None,
    output: Out = None,
) -> None:
    """Say why a price is what it is: energy, losses, each binding constraint, and what these leave unexplained."""
    from powerdesk.app.cli import connection, printing  # noqa: PLC0415 - HTTP loads only when a verb calls

    asked = {"location": location, "interval_start": interval, "market_run": run, "as_of": as_of}
    with connection.reach(data=data, url=url, key=key, reading=True) as desk:
        found = desk.get("/v1/grid/explain", **{name: value for name, value in asked.items() if value is not None})
    contributions = {"contributions": found.pop("contributions")}
    printing.tables(found, contributions, output=output)


def network_of(case: Path, interval: int = 0) -> Network:
    """Return the network of a case file or folder; what it holds and the network does not is told on standard error."""
    from powerdesk.app.cli.leaving import FileUnusableError  # noqa: PLC0415 - problems load only when needed
    from powerdesk.grid import case_files, matlab  # noqa: PLC0415 - as above

    try:
        if case.is_dir():
            folders = [case / one for one in case_files.FOLDERS]
            folder = next((one for one in folders if any((one / name).exists() for name in case_files.TABLES)), case)
            named = {one: folder / one for one in case_files.TABLES}
            read = case_files.read_folder(
                {one: path.read_bytes() for one, path in named.items() if path.exists()}, folder=folder.name
            )
        else:
            with case.open("rb") as opened:
                data = opened.read(matlab.LARGEST_BYTES + 1)
            read = case_files.read(data, file=case.name, interval=interval)
    except OSError as error:
        raise FileUnusableError.of(error, allowed="a readable file") from error
    for note in read.notes:
        typer.echo(f"note: {note}", err=True)
    return read.network


def _reference(network: Network, named: str | None) -> int | FloatArray | None:
    """Return the reference that was asked for: a position, weights, or None for the case's own."""
    if named is None:
        return None
    if named == "load":
        return network.demand_mw
    if named.isascii() and named.isdigit() and len(named) <= LONGEST_NUMBER:
        return network.position(int(named))
    if named not in network.buses.name:
        raise typer.BadParameter(f"'{named}' is no reference: give a bus by number or name, or 'load'")
    return network.buses.name.index(named)


def _branches(network: Network, named: str) -> list[int]:
    """Return the positions of branches by name."""
    import numpy as np  # noqa: PLC0415 - loads only when a verb needs it

    from powerdesk.delivery import value_lists  # noqa: PLC0415 - as above

    if named == "rated":
        on = network.live_branches
        return [int(one) for one in on[np.isfinite(network.branches.rating_mw[on])]]
    place = {name: at for at, name in enumerate(network.branches.name)}
    asked = value_lists.split(named)
    missing = [one for one in asked if one not in place]
    if missing:
        raise typer.BadParameter(
            f"no branch {', '.join(missing)}: names are FROM-TO, the second in parallel FROM-TO #2"
        )
    return [place[one] for one in asked]


def _write(table: Any, output: Output | None, out: Path | None) -> None:
    """Write a table as a file of columns, or print its rows."""
    import sys  # noqa: PLC0415 - used here only

    from powerdesk.app.cli import printing  # noqa: PLC0415 - as above
    from powerdesk.app.cli.leaving import FileUnusableError  # noqa: PLC0415 - as above
    from powerdesk.delivery.rest import encoding  # noqa: PLC0415 - as above

    how = printing.chosen(output)
    if how not in {Output.CSV, Output.PARQUET, Output.ARROW}:
        printing.records(table.to_pylist(), output=how)
        return
    data = encoding.BULK[encoding.Format(how.value)](table)
    if out is None:
        sys.stdout.buffer.write(data)
        return
    try:
        out.write_bytes(data)
    except OSError as error:
        raise FileUnusableError.of(error, allowed="a file in a folder that this user may write to") from error
