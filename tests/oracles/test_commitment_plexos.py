"""RTS-GMLC against PLEXOS: its commitment given, 336 hourly prices of 73 buses, July 2020."""

from __future__ import annotations

import csv
import gzip
import io
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from powerdesk.grid import rts_gmlc, rts_gmlc_series
from powerdesk.grid.commitment import bridging, pricing
from powerdesk.grid.types import BranchModel, Network

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data" / "networks" / "rts-gmlc"
FIRST_HOUR = 186 * 24
"""5 July 2020, the first day of the solution."""

HOURS, DAY = 336, 24
THERMAL = {"Coal", "Gas CC", "Gas CT", "Nuclear", "Oil CT", "Oil ST"}
ABSENT = {"212_CSP_1", "313_STORAGE_1"}
"""The solution has neither."""


@dataclass(frozen=True)
class Solved:
    """PLEXOS's week and what we compute from: states and output (336, n_gen), prices (336, 73)."""

    network: Network
    series: rts_gmlc_series.Scenarios
    on: np.ndarray
    power_mw: np.ndarray
    price: np.ndarray
    thermal: np.ndarray
    ramp_mw_per_h: np.ndarray


def table(name: str) -> tuple[list[str], np.ndarray]:
    with gzip.open(FOLDER / "plexos_da_solution" / f"allTX_{name}.csv.gz", "rt") as file:
        rows = list(csv.reader(file))
    return rows[0][1:], np.array([[float(word or 0) for word in row[1:]] for row in rows[1:]])


@cache
def solved() -> Solved:
    if not FOLDER.is_dir():
        pytest.skip("RTS-GMLC is not beside the checkout: put its folder into shared/data/networks")
    files = {path.name: path.read_bytes() for path in (FOLDER / "SourceData").iterdir()}
    network = rts_gmlc.read(files, folder="SourceData").network
    untapped = replace(network.branches, tap=np.ones(len(network.branches)))  # its flows are 1/x, whatever the tap
    network = replace(network, branches=untapped)
    stems = {path.stem: path.read_bytes() for path in (FOLDER / "timeseries").iterdir()}
    pointers = files["timeseries_pointers.csv"]
    series = rts_gmlc_series.read(network, pointers, stems, simulation="DAY_AHEAD", first=FIRST_HOUR, count=HOURS)
    told = {row["GEN UID"]: row for row in csv.DictReader(io.StringIO(files["gen.csv"].decode()))}
    names, states = table("commitment")
    power, (buses, price) = table("generation")[1], table("price")
    column = {name: at for at, name in enumerate(names)}
    of = [column.get(name, len(names)) for name in network.generators.name]

    def padded(values: np.ndarray) -> np.ndarray:
        return np.hstack((values, np.zeros((HOURS, 1))))[:, of]

    return Solved(
        network,
        series,
        padded(states) > 0.5,
        padded(power),
        price[:, [buses.index(str(one)) for one in network.buses.number]],
        np.array([told[name]["Category"] in THERMAL for name in network.generators.name]),
        np.array([float(told[name]["Ramp Rate MW/Min"]) * 60.0 for name in network.generators.name]),
    )


def differences(day: int) -> np.ndarray:
    """Return our prices less PLEXOS's of one day (24, 73)."""
    held, hours = solved(), slice(DAY * day, DAY * (day + 1))
    generators = held.network.generators
    there = np.array([name not in ABSENT for name in generators.name])
    before_on = held.on[max(DAY * day - 1, 0)]
    before_mw = held.power_mw[DAY * day - 1] if day else np.full(len(generators), np.nan)
    times = replace(
        bridging.UnitTimes.free(len(generators)),
        committed=held.thermal,
        ramp_mw_per_h=np.where(held.thermal, held.ramp_mw_per_h, np.inf),
        initial_hours=np.where(before_on, 1000.0, -1000.0),
        initial_mw=before_mw,
    )
    horizon = bridging.Horizon(
        hours=1.0,
        load_mw=held.series.load_mw[hours],
        min_mw=np.where(held.thermal, held.series.min_mw[hours], 0.0),
        max_mw=held.series.max_mw[hours] * there,
        available=np.ones((DAY, len(generators)), bool),
    )
    network = replace(held.network, generators=replace(generators, in_service=np.ones(len(generators), bool)))
    case = bridging.case_of(network, times=times, horizon=horizon, model=BranchModel.MATPOWER)
    found: np.ndarray = pricing.price(case, on=held.on[hours] | ~held.thermal).lmp - held.price[hours]
    return found


def test_price__is_plexos_own_with_its_commitment_given() -> None:
    off = np.abs(np.concatenate([differences(day) for day in range(HOURS // DAY)]))
    assert off.shape == (HOURS, 73)
    assert np.median(off) < 1e-8
    assert np.quantile(off, 0.9) < 1e-6
    assert (off <= 0.01).mean() > 0.997
    assert off.max() < 0.1
