"""Made grids to 70 000 buses: making them, telling them in numbers, factorising them, shift factors and power flow."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

from harness import Measurement, timed
from powerdesk.grid import statistics, synthetic
from powerdesk.grid.sensitivities import Sensitivities
from powerdesk.grid.types import BranchModel

if TYPE_CHECKING:
    from collections.abc import Iterator

SIZES = (1_000, 10_000, 30_000, 70_000)
ROWS = 200


def measure() -> Iterator[Measurement]:
    """Yield the measurements of each size; a grid must be whole, or nothing is claimed about it."""
    for n_bus in SIZES:
        make = functools.partial(synthetic.network, n_bus=n_bus, seed=1, congestion=0.05)
        yield Measurement(case=f"{n_bus} buses, made", values=timed(make, runs=3), unit="ms")
        network = make()
        assert statistics.statistics(network).n_island == 1
        told = timed(functools.partial(statistics.statistics, network), runs=3)
        yield Measurement(case=f"{n_bus} buses, told in numbers", values=told, unit="ms")
        factorise = functools.partial(Sensitivities, network, model=BranchModel.DCP)
        yield Measurement(case=f"{n_bus} buses, factorised", values=timed(factorise, runs=3), unit="ms")
        held = factorise()
        injection = np.random.default_rng(1).normal(size=n_bus)
        injection -= injection.mean()
        flow = timed(functools.partial(held.flows_mw, injection), runs=9)
        yield Measurement(case=f"{n_bus} buses, DC power flow", values=flow, unit="ms")
        chosen = np.random.default_rng(2).choice(network.live_branches, ROWS, replace=False)

        def rows(held: Sensitivities = held, chosen: np.ndarray = chosen) -> None:
            held.forget()
            held.rows(chosen)

        yield Measurement(case=f"{n_bus} buses, {ROWS} rows of shift factors", values=timed(rows, runs=3), unit="ms")
