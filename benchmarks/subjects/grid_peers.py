"""The grid engine beside its peers on the same cases in one run: pandapower, PyPSA, Egret, lightsim2grid.

The peers run in an environment of their own (benchmarks/peers), one thread each, from their own object of the case in
hand; ours from our network. Each answer is compared: objectives and flows to ANSWER_TOLERANCE. A peer that fails on a
case is named as such there; one that takes too long is not tried on larger ones. GRID_PEERS_BUSES bounds the size.
`peers/measure.py` poses one problem to all: PyPSA gets the shunt conductances and phase shifts that it leaves out,
Egret loses its bounds of pi on angles (those of a made grid of 3 000 buses spread by 56), and pandapower has as many
steps as it needs and tolerances that it can meet. So posed they agree with us wherever they end.
Published cases are read from shared/data/networks beside the checkout; made grids need no file.
"""

from __future__ import annotations

import dataclasses
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness import Measurement, timed
from loading import module_at
from powerdesk.grid import contingencies, matpower, matpower_writing, synthetic
from powerdesk.grid.clearing.session import Session
from powerdesk.grid.sensitivities import Sensitivities
from powerdesk.grid.types import BranchModel, Network

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).resolve().parents[1]
FOLDER = HERE.parents[1] / "shared" / "data" / "networks"
PUBLISHED = ("pglib_opf_case118_ieee__api", "pglib_opf_case300_ieee", "pglib_opf_case2869_pegase__api")
MADE = (1_000, 3_000, 10_000, 30_000)
OPTIMISERS = ("pandapower", "pypsa", "egret")
LARGEST = int(os.environ.get("GRID_PEERS_BUSES", "30000"))
LIMIT_S = float(os.environ.get("GRID_PEERS_SECONDS", "600"))
"""Time that a peer may take for a case with its imports and its own reading of it."""
ANSWER_TOLERANCE = 1e-4
SHORT = 400
"""Buses up to which everything runs several times."""


def measure() -> Iterator[Measurement]:
    """Yield optimal dispatch of each case by size, then power flow and outages of made grids."""
    lost: set[str] = set()
    with tempfile.TemporaryDirectory() as folder:
        for name, network in cases():
            path = written(network, Path(folder))
            yield from dispatch(name, network, path, lost)
            if name.startswith("made"):
                yield from flows(name, network, path, lost)
            path.unlink()


def cases() -> Iterator[tuple[str, Network]]:
    """Yield the cases with their names, smallest first."""
    found = []
    for name in PUBLISHED:
        path = next(FOLDER.rglob(f"{name}.m.gz"), None)
        if path is not None:
            network = matpower.read(path.read_bytes(), file=name).network
            found.append((name.removeprefix("pglib_opf_"), network))
    found += [(f"made grid {n_bus}", made(n_bus)) for n_bus in MADE if n_bus <= LARGEST]
    for name, network in sorted(found, key=lambda one: len(one[1].buses)):
        if len(network.buses) <= LARGEST:
            yield name, network


def made(n_bus: int) -> Network:
    """Return a made grid with the bus types that peers want: generators' buses of type 2, the first of them of 3."""
    network = synthetic.network(n_bus=n_bus, seed=1, congestion=0.05)
    kind = np.ones(n_bus, dtype=np.int64)
    kind[network.generators.bus] = 2
    kind[network.generators.bus[0]] = 3
    return dataclasses.replace(network, buses=dataclasses.replace(network.buses, kind=kind))


def written(network: Network, folder: Path) -> Path:
    """Write the case under the name of its function, as Egret asks for, and return where."""
    text = matpower_writing.write(network)
    path = folder / f"{text.partition('=')[2].partition(chr(10))[0].strip()}.m"
    path.write_text(text, encoding="utf-8")
    return path


def asked(peer: str, path: Path, runs: int, lost: set[str]) -> dict[str, Any]:
    """Return a peer's lines by what they measure, `failed` with its words among them; nothing of one that is lost."""
    if peer in lost:
        return {"failed": "not tried, a smaller case took too long"}
    lines = list(
        module_at(HERE / "peers" / "environment.py").lines("measure.py", peer, str(path), str(runs), timeout_s=LIMIT_S)
    )
    out = {line["what"]: line for line in lines if "what" in line}
    failed = [line["failed"] for line in lines if "failed" in line]
    if failed:
        out["failed"] = failed[0]
        if failed[0].startswith("no end"):
            lost.add(peer)
    return out


def dispatch(name: str, network: Network, path: Path, lost: set[str]) -> Iterator[Measurement]:
    """Yield our optimal dispatch from nothing beside each peer's."""
    objective: list[float] = []

    def ours() -> None:
        cleared = Session(Sensitivities(network, model=BranchModel.MATPOWER)).clear()
        objective.append(cleared.objective_usd_per_h)

    runs = 5 if len(network.buses) <= SHORT else 3
    values = timed(ours, runs=runs)
    for peer in OPTIMISERS:
        found = asked(peer, path, runs if len(network.buses) <= SHORT else 1, lost)
        yield beside(
            f"{name} ({len(network.buses)} buses), optimal dispatch", values, peer, found, "opf", objective[-1]
        )


def flows(name: str, network: Network, path: Path, lost: set[str]) -> Iterator[Measurement]:
    """Yield our DC power flow and our flows after every outage beside lightsim2grid's."""
    # the peer's flow is of the case as it is written: no generator runs but the one that balances
    injection = -network.demand_mw
    injection[network.reference] += network.demand_mw.sum()
    total: list[float] = []
    overloads: list[float] = []

    def flow() -> Sensitivities:
        sensitivities = Sensitivities(network, model=BranchModel.MATPOWER)
        total.append(float(np.abs(sensitivities.flows_mw(injection)).sum()))
        return sensitivities

    def outages() -> None:
        sensitivities = flow()
        single, _ = contingencies.single_outages(network)
        found = contingencies.screen(
            sensitivities,
            flows_mw=sensitivities.flows_mw(injection),
            limits_mw=network.branches.rating_mw,
            outages=single,
            tolerance_mw=0.0,
        )
        overloads.append(float(found.branch.size))

    runs = 3
    asked_for = asked("lightsim2grid", path, runs, lost)
    size = f"{name} ({len(network.buses)} buses)"
    values = timed(flow, runs=9)
    yield beside(f"{size}, DC power flow", values, "lightsim2grid", asked_for, "flow", total[-1])
    held = flow()
    again = timed(lambda: held.flows_mw(injection), runs=9)
    yield beside(f"{size}, DC power flow again", again, "lightsim2grid", asked_for, "flow again", total[-1])
    if "outages" in asked_for:
        values = timed(outages, runs=runs)
        yield beside(f"{size}, flows after every outage", values, "lightsim2grid", asked_for, "outages", overloads[-1])


def beside(
    case: str, values: tuple[float, ...], peer: str, found: dict[str, Any], what: str, answer: float | None
) -> Measurement:
    """Return ours beside a peer's; a peer without an answer, or with another one, is named with its words."""
    line = found.get(what)
    if line is None:
        return Measurement(case=case, values=values, unit="ms", peer=f"{peer}: {found.get('failed', 'no answer')}")
    if answer is not None and abs(line["answer"] - answer) > ANSWER_TOLERANCE * (1.0 + abs(answer)):
        peer = f"{peer}, answer {line['answer']:.8g} against {answer:.8g}"
    return Measurement(case=case, values=values, unit="ms", peer=peer, peer_values=tuple(line["ms"]))
