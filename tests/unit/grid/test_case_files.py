"""Case files told by their content, and one interval of a unit commitment case as a network."""

from __future__ import annotations

import copy
import gzip
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pglib_case
import pytest
from hypothesis import given
from hypothesis import strategies as st

from powerdesk.grid import case_files, commitment_network
from powerdesk.grid.clearing import engines
from powerdesk.grid.types import BranchModel, NetworkError

if TYPE_CHECKING:
    from powerdesk.grid.types import Network

FOLDER = Path(__file__).resolve().parents[4] / "shared" / "data" / "networks"

PGLIB = pglib_case.of(
    coal=pglib_case.unit(must_run=1, startup=[{"lag": 3, "cost": 100.0}], curve=(800.0, 2300.0)),
    gas=pglib_case.unit(must_run=0, startup=[{"lag": 3, "cost": 100.0}], curve=(600.0, 2100.0)),
)

JULIA: dict[str, Any] = {
    "Parameters": {"Version": "0.3", "Time horizon (h)": 2},
    "Generators": {
        "west": {"Bus": "b1", "Production cost curve (MW)": [100], "Production cost curve ($)": [1000.0]},
        "east": {"Bus": "b2", "Production cost curve (MW)": [0, 100], "Production cost curve ($)": [0.0, 5000.0]},
        "idle": {
            "Bus": "b1",
            "Production cost curve (MW)": [0, 100],
            "Production cost curve ($)": [0.0, 1.0],
            "Commitment status": [False, True],
        },
    },
    "Buses": {"b1": {"Load (MW)": 5.0}, "b2": {"Load (MW)": [60.0, 7.0]}},
    "Transmission lines": {
        "l1": {
            "Source bus": "b1",
            "Target bus": "b2",
            "Susceptance (S)": 29.496860773945063,  # case14's, for 0.05917 per unit on 100 MVA
            "Normal flow limit (MW)": 40.0,
        }
    },
    "Price-sensitive loads": {"smelter": {"Bus": "b2", "Demand (MW)": 30.0, "Revenue ($/MW)": 49.0}},
}

EGRET: dict[str, Any] = {
    "elements": {
        "bus": {"A": {"matpower_bustype": "ref"}},
        "load": {"L": {"bus": "A", "p_load": {"data_type": "time_series", "values": [30.0, 40.0]}}},
        "generator": {
            name: {
                "bus": "A",
                "p_min": 10.0,
                "p_max": 50.0,
                "p_cost": {"data_type": "cost_curve", "cost_curve_type": "polynomial", "values": {"1": usd}},
                "commitment": {"data_type": "time_series", "values": on},
            }
            for name, usd, on in (("G", 7.0, [1.0, 1.0]), ("H", 3.0, [0.0, 1.0]))
        },
    },
    "system": {"baseMVA": 100.0},
}


def network_of(case: dict[str, Any], *, interval: int = 0) -> Network:
    return case_files.read(json.dumps(case).encode(), file="case.json", interval=interval).network


def cost_and_prices(network: Network) -> list[float]:
    cleared = engines.clear(network, model=BranchModel.DCP)
    return [cleared.objective_usd_per_h, *cleared.lmp.tolist()]


def test_read__tells_formats_by_their_content_plain_or_gzip() -> None:
    matpower = Path(__file__).with_name("two_islands.m").read_bytes()
    assert len(case_files.read(matpower, file="x").network.buses) == 6
    assert len(case_files.read(gzip.compress(matpower), file="x.json").network.buses) == 6
    for case, buses in ((PGLIB, ("system",)), (JULIA, ("b1", "b2")), (EGRET, ("A",))):
        data = json.dumps(case).encode()
        assert case_files.read(data, file="x.m").network.buses.name == buses
        assert case_files.read(gzip.compress(b"  \n" + data), file="x.m").network.buses.name == buses


@pytest.mark.parametrize(
    "data", [b"{}", b'{"buses": 1}', b"{", b"", b"\x00\xff" * 99, b"\x1f\x8b\x08", b"# A page\ntext"]
)
def test_read__names_what_is_no_case(data: bytes) -> None:
    with pytest.raises(NetworkError) as told:
        case_files.read(data, file="x")
    assert told.value.findings
    assert all(one.pointer.startswith("x") for one in told.value.findings)


def test_commitment__lets_units_that_need_not_run_stand_still() -> None:
    network = network_of(PGLIB)
    assert network.generators.min_mw.tolist() == [20.0, 0.0, 0.0]
    # wind 9 MW for nothing; gas by its envelope from (0, 0) to (80, 2100) at 26.25; coal at 25 beyond 20 MW for 800
    assert cost_and_prices(network) == pytest.approx([800.0 + 25.0 * 21.0, 25.0])
    assert cost_and_prices(network_of(PGLIB, interval=1))[0] == pytest.approx(800.0 + 25.0 * 37.0)
    unforced = copy.deepcopy(PGLIB)
    unforced["thermal_generators"]["coal"]["must_run"] = 0
    assert cost_and_prices(network_of(unforced)) == pytest.approx([26.25 * 41.0, 26.25])


def test_commitment__keeps_lines_loads_that_bid_and_what_must_not_run() -> None:
    cost, *prices = cost_and_prices(network_of(JULIA))
    # `idle` must not run; 45 MW of `west` at 10, 40 of them over the line; 20 of `east` at 50; nothing for `smelter`
    assert cost == pytest.approx(45.0 * 10.0 + 20.0 * 50.0)
    assert prices == pytest.approx([10.0, 50.0])
    cost, *prices = cost_and_prices(network_of(JULIA, interval=1))
    # `smelter` takes its 30 MW for 49 each, and all of the 42 MW come from `idle` at 0.01
    assert cost == pytest.approx(42.0 * 0.01 - 30.0 * 49.0)
    assert prices == pytest.approx([0.01, 0.01])


def test_commitment__tells_what_a_network_does_not_hold_and_refuses_other_intervals() -> None:
    notes = case_files.read(json.dumps(PGLIB).encode(), file="x").notes
    assert [one.found for one in notes][:1] == ["interval 0 of 2"]
    assert any("1 reserve(s)" in one.found for one in notes)
    with pytest.raises(NetworkError, match="0 to 1"):
        network_of(PGLIB, interval=2)


def test_egret__obeys_a_commitment_that_the_file_holds() -> None:
    assert cost_and_prices(network_of(EGRET)) == pytest.approx([210.0, 7.0])
    assert cost_and_prices(network_of(EGRET, interval=1)) == pytest.approx([3.0 * 30.0 + 7.0 * 10.0, 3.0])


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(-99, 999)), min_size=1, max_size=12))
def test_envelope__is_convex_below_every_point_and_touches_corners(points: list[tuple[int, int]]) -> None:
    rising = tuple(sorted((float(mw), float(usd)) for mw, usd in points))
    made = commitment_network.envelope(rising)
    assert set(made) <= set(rising)
    power, usd = np.array(made).T
    assert (np.diff(power) > 0.0).all()
    assert (np.diff(np.diff(usd) / np.diff(power)) > 0.0).all()
    for mw, given_usd in rising:
        assert np.interp(mw, power, usd) <= given_usd + 1e-9


@pytest.mark.parametrize(
    "file", sorted(FOLDER.glob("pglib-uc/rts*.gz")) + sorted(FOLDER.glob("unitcommitment_jl/*.gz"))
)
def test_published_commitment_cases__dispatch_in_their_first_interval(file: Path) -> None:
    network = case_files.read(file.read_bytes(), file=file.name).network
    cleared = engines.clear(network, model=BranchModel.DCP)
    assert cleared.generation_mw.sum() == pytest.approx(network.demand_mw.sum(), rel=1e-9)
