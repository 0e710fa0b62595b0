"""Record a day of a grid for the hub's fixture: a made network, cleared by powerdesk.grid, into web/dev/grid.json.

The declarations of the grid's datasets go beside it, so that the fixture declares what the desk declares.

Every price, flow and shadow price that the fixture shows of its grid comes from here; none is written by hand. The
network is a made one and no model of a real grid.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from powerdesk.delivery.rest import descriptions
from powerdesk.grid import datasets, prices, synthetic
from powerdesk.grid.clearing.cuts import Losses
from powerdesk.grid.clearing.session import Session
from powerdesk.grid.sensitivities import Sensitivities
from powerdesk.grid.types import BranchModel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from powerdesk.grid.clearing.result import Clearing
    from powerdesk.grid.types import Network

OUT = Path(__file__).resolve().parent.parent / "web" / "dev" / "grid.json"
DECLARED = OUT.with_name("grid-datasets.json")
N_BUS, SEED, CONGESTION = 44, 5, 0.45
FUELS = ((15.0, "nuclear"), (25.0, "wind"), (45.0, "coal"), (70.0, "gas"), (1e9, "oil"))
STEMS = ("ASHBY", "BRAMLEY", "CALDER", "DUNMORE", "ELGIN", "FARROW", "GRANTHAM", "HOLLIN", "IVEL", "JARROW", "KELSO")


def main() -> None:
    """Clear 24 hours day-ahead and 288 five-minute intervals in real time, and write them."""
    network = synthetic.network(n_bus=N_BUS, seed=SEED, congestion=CONGESTION)
    draw = np.random.default_rng(SEED)
    expected = profile(np.arange(24.0) + 0.5)
    actual = profile((np.arange(288.0) + 0.5) / 12)
    drift = np.cumsum(draw.normal(0.0, 0.02, (288, N_BUS)), axis=0) * 0.5 + draw.normal(0.0, 0.01, (288, 1))
    runs = {"DA": expected[:, None] * np.ones((24, N_BUS)), "RT5": actual[:, None] * (1.0 + drift)}
    session = Session(Sensitivities(network, model=BranchModel.DCP), losses=Losses.QUADRATIC)
    known: dict[str, int] = {}
    factors: list[list[float]] = []
    recorded = {
        run: [interval(session.clear(demand_mw=network.demand_mw * scale), known, factors) for scale in scales]
        for run, scales in runs.items()
    }
    body = {**elements(network), **constraints(network, known), "shift_factors": factors, **recorded}
    OUT.write_text(json.dumps(body, separators=(",", ":")) + "\n", encoding="utf-8")
    declared = {"datasets": [descriptions.dataset_json(one, position=1) for one in datasets.DATASETS]}
    DECLARED.write_text(json.dumps(declared, separators=(",", ":")) + "\n", encoding="utf-8")
    print(f"{OUT.name}: {OUT.stat().st_size / 1000:.0f} kB, {len(known)} constraints bound")


def profile(hour: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the share (n,) of the case's load at hours of the day: a night, a morning and an evening peak."""
    peaks = 0.16 * np.exp(-((hour - 8.5) ** 2) / 8.0) + 0.27 * np.exp(-((hour - 18.5) ** 2) / 9.0)
    share: NDArray[np.float64] = 0.66 + peaks
    return share


def elements(network: Network) -> dict[str, Any]:
    """Return buses, branches and generators with the place where the made network drew each bus."""
    place = np.random.default_rng((SEED, N_BUS)).uniform(0.0, np.sqrt(N_BUS), size=(N_BUS, 2))
    place = (place - place.min(axis=0)) / np.ptp(place, axis=0).max()
    names = [f"{stem}_{number}" for number in (100, 140, 180, 220) for stem in STEMS]
    branches, generators = network.branches, network.generators
    return {
        "buses": [[names[i], *np.round(place[i], 4).tolist(), 230] for i in range(N_BUS)],
        "branches": [
            [*two, round(rating, 1), round(reactance, 5), round(resistance, 6)]
            for *two, rating, reactance, resistance in zip(
                branches.from_bus.tolist(), branches.to_bus.tolist(), branches.rating_mw.tolist(),
                branches.reactance_pu.tolist(), branches.resistance_pu.tolist(), strict=True,
            )
        ],
        "generators": [
            [name, bus, round(capacity, 1), next(fuel for most, fuel in FUELS if cost <= most)]
            for name, bus, capacity, cost in zip(
                generators.name, generators.bus.tolist(), generators.max_mw.tolist(),
                generators.linear_usd_per_mwh.tolist(), strict=True,
            )
        ],
    }  # fmt: skip


def constraints(network: Network, known: dict[str, int]) -> dict[str, Any]:
    """Return the constraints that bound at all: branch, direction, limit in MW."""
    found = [name.rsplit("|", 1) for name in known]
    rating = network.branches.rating_mw
    return {"constraints": [[int(branch), int(way), round(float(rating[int(branch)]), 1)] for branch, way in found]}


def interval(clearing: Clearing, known: dict[str, int], factors: list[list[float]]) -> dict[str, Any]:
    """Return one cleared interval; constraints met for the first time get a number and their shift factors."""
    found = prices.parts(clearing, reference=clearing.base_weights)
    binding = []
    for at, one in enumerate(found.constraints):
        name = f"{one.branch}|{one.direction}"
        if name not in known:
            known[name] = len(known)
            factors.append(np.round(found.shift_factors[at], 6).tolist())
        binding.append([known[name], round(one.shadow_price_usd_per_mwh, 4)])
    return {
        "energy": round(float(found.energy[0]), 4),
        "loss": np.round(found.loss, 3).tolist(),
        "flows": np.round(clearing.flows_mw, 1).tolist(),
        "binding": binding,
        "marginal": list(prices.marginal_generators(clearing)),
    }


if __name__ == "__main__":
    main()
