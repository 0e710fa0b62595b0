"""Transmission rights: the simultaneous feasibility test with every outage, and an auction cleared and checked.

The published case is read from shared/data/networks beside the checkout when it is there; the made grids need no file.
The peer of the auction is the same programme with every base-case row given at once to HiGHS through SciPy.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy import optimize

from harness import Measurement, timed
from powerdesk.grid import contingencies, matpower, synthetic
from powerdesk.grid.basis.panel import Leg
from powerdesk.grid.ftr import auction, feasibility, paths
from powerdesk.grid.ftr.auction import Bids
from powerdesk.grid.ftr.feasibility import Screen
from powerdesk.grid.ftr.paths import Kind
from powerdesk.grid.ftr.paths import Path as Right
from powerdesk.grid.sensitivities import Sensitivities
from powerdesk.grid.types import BranchModel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from powerdesk.grid.types import FloatArray, Network

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data" / "networks"
PUBLISHED = "pglib_opf_case2869_pegase"


def measure() -> Iterator[Measurement]:
    """Yield the measurements of a made grid of 1 000 buses and of a published case."""
    yield from of(synthetic.network(n_bus=1_000, seed=1), "made grid of 1000 buses", count=500, options=0.2)
    path = next(FOLDER.rglob(f"{PUBLISHED}.m.gz"), None)
    if path is not None:
        network = matpower.read(path.read_bytes(), file=path.name).network
        yield from of(network, "case2869_pegase", count=2_000, options=0.1)


def of(network: Network, name: str, *, count: int, options: float) -> Iterator[Measurement]:
    """Yield the test and the auction of `count` drawn rights, base case and with every outage."""
    chosen, bids = drawn(network, count, options)
    sensitivities = Sensitivities(network, model=BranchModel.DCP)
    outages, _ = contingencies.single_outages(network)
    base, secure = Screen(sensitivities, chosen), Screen(sensitivities, chosen, outages=outages)
    mw = 0.5 * bids.high_mw
    values = timed(lambda: feasibility.simultaneous(secure, mw=mw), runs=3)
    yield Measurement(case=f"{name}, {count} rights tested with {outages.size} outages", values=values, unit="ms")
    cleared = auction.clear(base, bids)
    yield Measurement(
        case=f"{name}, auction of {count} bids, base case",
        values=timed(functools.partial(auction.clear, base, bids), runs=3),
        unit="ms",
        peer="every row at once, HiGHS by SciPy",
        peer_values=timed(functools.partial(whole, base, bids, cleared.value), runs=1, warm_up=0),
    )
    values = timed(functools.partial(auction.clear, secure, bids), runs=1, warm_up=0)
    yield Measurement(case=f"{name}, auction of {count} bids, {outages.size} outages", values=values, unit="ms")


def drawn(network: Network, count: int, options: float) -> tuple[paths.Paths, Bids]:
    """Return rights between drawn buses and their bids."""
    draw = np.random.default_rng(1)
    names = [network.buses.name[at] for at in np.flatnonzero(network.live)]
    chosen = []
    for one in range(count):
        source, sink = (names[at] for at in draw.choice(len(names), 2, replace=False))
        kind = Kind.OPTION if draw.uniform() < options else Kind.OBLIGATION
        chosen.append(Right(f"right {one}", Leg.at(source), Leg.at(sink), kind))
    size = draw.uniform(5.0, 100.0, count)
    return paths.paths(network, chosen), Bids(draw.gamma(2.0, 4.0, count), np.zeros(count), size)


def whole(screen: Screen, bids: Bids, value: float) -> FloatArray:
    """Return the awards of the programme with all base-case rows; its value must be ours."""
    branch = np.flatnonzero(np.isfinite(screen.limits_mw))
    matrix, room = [], []
    for direction in (1, -1):
        rows = feasibility.Rows(
            branch,
            np.full(branch.size, -1),
            np.zeros(branch.size),
            np.full(branch.size, direction),
            screen.limits_mw[branch] - direction * screen.sensitivities.fixed_flow_mw[branch],
        )
        matrix.append(screen.coefficients(rows))
        room.append(rows.room_mw)
    found = optimize.linprog(
        -bids.per_mw,
        A_ub=np.concatenate(matrix),
        b_ub=np.concatenate(room),
        bounds=np.stack((bids.low_mw, bids.high_mw), axis=1),
        method="highs",
    )
    assert abs(-found.fun - value) <= 1e-6 * (1.0 + value)
    awards: FloatArray = found.x
    return awards
