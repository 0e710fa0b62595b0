"""The grid engine: intervals cleared warm and cold, shift factors, outages; growth with size on made grids.

The published cases are read from shared/data/networks beside the checkout when they are there, since the promised
figures are about them; the made grids need no file. Successive intervals: a load profile and 1 % noise at each bus.
"""

from __future__ import annotations

import dataclasses
import functools
import resource
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness import Measurement, timed
from powerdesk.grid import contingencies, matpower, synthetic
from powerdesk.grid.clearing import engines, refusals
from powerdesk.grid.clearing.session import Session
from powerdesk.grid.sensitivities import Sensitivities
from powerdesk.grid.types import BranchModel, Network

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data" / "networks"
SIZES = (118, 1_000, 3_000, 10_000, 30_000)


def measure() -> Iterator[Measurement]:
    """Yield the measurements of the published cases, then of made grids by size."""
    yield from published()
    for n_bus in SIZES:
        network = synthetic.network(n_bus=n_bus, seed=1, congestion=0.2)
        loose = dataclasses.replace(network.branches, rating_mw=1.05 * network.branches.rating_mw)  # room for the noise
        network = dataclasses.replace(network, branches=loose)
        yield warm(network, f"made grid of {n_bus} buses, warm interval", intervals=30)
        values = timed(functools.partial(cold, network), runs=3)
        yield Measurement(case=f"made grid of {n_bus} buses, cold", values=values, unit="ms")


def published() -> Iterator[Measurement]:
    """Yield the promised figures, for the cases that are there."""
    small, middle = case("pglib_opf_case118_ieee__api"), case("pglib_opf_case2869_pegase__api")
    if small and middle:
        yield warm(small, "case118 API, warm interval", intervals=288, target=0.5)
        yield warm(middle, "case2869 API, warm interval", intervals=288, target=1.5)
        yield Measurement(
            case="case2869 API, cold",
            values=timed(lambda: cold(middle), runs=15),
            unit="ms",
            peer="the angle form, HiGHS simplex",
            peer_values=timed(
                lambda: engines.clear(middle, model=BranchModel.DCP, engine=engines.Engine.ANGLE), runs=2
            ),
            target=20.0,
        )
        yield Measurement(
            case="case2869, every outage screened",
            values=timed(lambda: screened(middle), runs=3),
            unit="ms",
            target=3_000.0,
        )
    large = case("pglib_opf_case8387_pegase")
    if large:
        yield rows_of(large)
        yield warm(large, "case8387_pegase, warm interval (680 limits bind)", intervals=288, target=8.0)
    goc = case("pglib_opf_case10000_goc")
    if goc:
        yield Measurement(
            case="case10000_goc, cold", values=timed(lambda: cold(goc), runs=5), unit="ms", target=2_000.0
        )
        tight = congested(goc)
        yield warm(tight, "case10000_goc with 50 limits binding, warm interval", intervals=40, target=50.0)


def case(name: str) -> Network | None:
    """Return a published case, or None when it is not there."""
    path = next(FOLDER.rglob(f"{name}.m.gz"), None)
    return None if path is None else matpower.read(path.read_bytes(), file=path.name).network


def cold(network: Network) -> object:
    """Clear from nothing: factorisation, programme, dispatch, prices."""
    return Session(Sensitivities(network, model=BranchModel.DCP)).clear()


def warm(network: Network, name: str, *, intervals: int, target: float | None = None) -> Measurement:
    """Return the milliseconds of successive intervals after the first."""
    session = Session(Sensitivities(network, model=BranchModel.DCP))
    session.clear()
    draw = np.random.default_rng(1)
    taken = []
    for number in range(intervals):
        level = 0.95 + 0.05 * np.cos(2.0 * np.pi * number / 288)
        demand = network.demand_mw * level * (1.0 + 0.01 * draw.standard_normal(len(network.buses)))
        began = time.perf_counter_ns()
        session.clear(demand_mw=demand)
        taken.append((time.perf_counter_ns() - began) / 1e6)
    return Measurement(case=name, values=tuple(taken), unit="ms", target=target)


def screened(network: Network) -> object:
    """Screen every outage that keeps the network whole, at the least-cost dispatch."""
    cleared = engines.clear(network, model=BranchModel.DCP)
    outages, _ = contingencies.single_outages(network)
    return contingencies.screen(
        cleared.programme.sensitivities,
        flows_mw=cleared.flows_mw,
        limits_mw=1.2 * network.branches.rating_mw,
        outages=outages,
        tolerance_mw=1e-3,
    )


def rows_of(network: Network) -> Measurement:
    """Return the milliseconds of 200 rows of shift factors, none in the cache; their memory must stay below 100 MB."""
    sensitivities = Sensitivities(network, model=BranchModel.DCP)
    chosen = np.random.default_rng(0).choice(network.live_branches, 200, replace=False)

    def fresh() -> object:
        sensitivities.forget()
        return sensitivities.rows(chosen)

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    values = timed(fresh, runs=7)
    grown_mib = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown_mib <= 100.0
    return Measurement(case="case8387_pegase, 200 rows of shift factors", values=values, unit="ms", target=100.0)


def congested(network: Network) -> Network:
    """Return the case with loads raised and ratings lowered until 50 limits bind: loads alone never get there."""
    loads = dataclasses.replace(network.buses, load_mw=1.5 * network.buses.load_mw)
    for share in np.linspace(0.9, 0.3, 25):
        branches = dataclasses.replace(network.branches, rating_mw=share * network.branches.rating_mw)
        tight = dataclasses.replace(network, buses=loads, branches=branches)
        try:
            cleared = engines.clear(tight, model=BranchModel.DCP)
        except refusals.InfeasibleError:
            break
        if len(cleared.constraints) >= 50:
            return tight
    raise AssertionError("no share of the ratings makes 50 limits bind")


if __name__ == "__main__":
    for one in measure():
        print(one.case, statistics.median(one.values), one.unit)
