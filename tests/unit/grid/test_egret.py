"""Egret's JSON: what is read, what its own solutions say, what is refused, and hostile input."""

from __future__ import annotations

import copy
import gzip
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from powerdesk.app.cli import program
from powerdesk.app.cli.root import app
from powerdesk.grid import egret
from powerdesk.grid.clearing import engines
from powerdesk.grid.types import BranchModel, Network, NetworkError

FOLDER = Path(__file__).resolve().parents[4] / "shared" / "data" / "networks"

CASE: dict[str, Any] = {
    "elements": {
        "bus": {"north": {"matpower_bustype": "ref", "area": "A"}, "south": {"area": "B", "base_kv": 110.0}},
        "load": {
            "one": {"bus": "south", "p_load": {"data_type": "time_series", "values": [50.0, 80.0]}},
            "off": {"bus": "south", "p_load": 9.0, "in_service": False},
        },
        "shunt": {"s": {"bus": "south", "gs": 1.0}},
        "generator": {
            "cheap": {
                "bus": "north",
                "p_min": 10,
                "p_max": 100,
                "p_cost": {
                    "data_type": "cost_curve",
                    "cost_curve_type": "piecewise",
                    "values": [[10, 100], [100, 1000]],
                },
            },
            "dear": {
                "bus": "south",
                "p_max": 100.0,
                "p_cost": {
                    "data_type": "cost_curve",
                    "cost_curve_type": "polynomial",
                    "values": {"0": 5.0, "1": 30.0, "2": 0.0},
                },
            },
            "burner": {
                "bus": "south",
                "p_max": 20.0,
                "in_service": 0,
                "fuel_cost": 2.0,
                "p_fuel": {"data_type": "fuel_curve", "values": [[0.0, 1.0], [20.0, 41.0]]},
            },
        },
        "branch": {
            "tie": {"from_bus": "north", "to_bus": "south", "reactance": 0.1, "rating_long_term": 40.0},
        },
        "dc_branch": {"1": {"from_bus": "north", "to_bus": "south", "rating_long_term": 5.0, "loss_factor": 0.1}},
        "interface": {"cut": {"lines": ["tie"]}},
    },
    "system": {"baseMVA": 100.0, "reference_bus": "north"},
}


def read(case: Any, interval: int = 0) -> Network:
    return egret.read(json.dumps(case).encode(), file="case.json", interval=interval).network


def faults_of(case: Any, interval: int = 0) -> list[str]:
    with pytest.raises(NetworkError) as refused:
        read(case, interval)
    return list(map(str, refused.value.findings))


def test_read__keeps_names_limits_and_costs() -> None:
    network = read(CASE)
    assert network.buses.name == ("north", "south")
    assert network.demand_mw.tolist() == [0.0, 51.0]
    assert network.generators.in_service.tolist() == [True, True, False]
    assert network.generators.constant_usd_per_h.tolist() == [0.0, 5.0, 0.0]
    assert network.generators.curve_usd_per_h.tolist() == [100.0, 1000.0, 2.0, 82.0]
    assert network.branches.name == ("tie",)
    assert (network.hvdc.name, network.hvdc.min_mw[0], network.hvdc.max_mw[0]) == (("dc north-south",), -5.0, 5.0)
    assert network.buses.area.tolist() == [1, 2]


def test_read__clears_by_hand_at_the_interval_asked_for() -> None:
    cleared = engines.clear(read(CASE, 1), model=BranchModel.MATPOWER)
    assert cleared.lmp.tolist() == pytest.approx([10.0, 30.0])
    assert cleared.objective_usd_per_h == pytest.approx(450.0 + 5.0 + 36.0 * 30.0)  # 45 MW arrive of 81


def test_read__notes_what_it_leaves_out() -> None:
    notes = egret.read(json.dumps(CASE).encode(), file="case.json").notes
    assert [one.pointer for one in notes] == ["case.json: interface", "case.json: dc_branch 1"]


def test_read__names_every_fault_at_once() -> None:
    case = copy.deepcopy(CASE)
    case["elements"]["generator"]["cheap"]["p_max"] = "much"
    case["elements"]["load"]["one"]["bus"] = "west"
    case["elements"]["branch"]["tie"]["reactance"] = 0
    case["system"]["baseMVA"] = -1
    faults = faults_of(case)
    for words in ("generator cheap p_max: found 'much'", "load one bus: found 'west'", "zero reactance", "baseMVA"):
        assert any(words in one for one in faults), (words, faults)


def test_read__a_solution_without_its_case_is_one_finding_and_still_a_solution() -> None:
    solved = {"elements": {"bus": {"1": {"lmp": 5.0}}, "generator": {"1": {"pg": 7.0}}}, "system": {"total_cost": 35}}
    assert ["a solution without its case" in one for one in faults_of(solved)] == [True]
    found = egret.read_solution(json.dumps(solved).encode(), file="s.json")
    assert (found.total_cost_usd_per_h, found.lmp_usd_per_mwh, found.generation_mw) == (35.0, {"1": 5.0}, {"1": 7.0})


def test_read__an_interval_beyond_the_series_is_a_finding() -> None:
    assert "load one p_load: found 2 values" in faults_of(CASE, 2)[0]


def test_opf__takes_an_egret_file_by_its_content(tmp_path: Path) -> None:
    path = tmp_path / "case.data"
    path.write_bytes(gzip.compress(json.dumps(CASE).encode()))
    assert program.VERBS
    found = CliRunner().invoke(app, ["grid", "opf", str(path), "-o", "json"])
    assert found.exit_code == 0, found.output
    assert json.loads(found.stdout)["objective_usd_per_h"] == pytest.approx(450.0 + 5.0 + 6.0 * 30.0)  # 45 MW of 51


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000, '{"elements": 3}', '{"system": ' + "9" * 5000 + "}"])
def test_read__what_is_no_case_is_refused(text: str) -> None:
    with pytest.raises(NetworkError):
        egret.read(text.encode(), file="case.json")


JUNK: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def paths(held: Any, before: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if not isinstance(held, dict):
        return [before]
    return [before, *(path for key, one in held.items() for path in paths(one, (*before, key)))]


@given(path=st.sampled_from(paths(CASE)[1:]), junk=JUNK, interval=st.integers(0, 3))
@settings(max_examples=300, deadline=None)
def test_read__junk_in_any_field_ends_in_a_problem_or_a_network(
    path: tuple[str, ...], junk: Any, interval: int
) -> None:
    case = copy.deepcopy(CASE)
    inner = case
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = junk
    try:
        network = read(case, interval)
    except NetworkError as refused:
        assert refused.findings  # noqa: PT017 - either outcome is allowed
    else:
        assert np.isfinite(network.demand_mw).all()


@given(cut=st.integers(0, 2000), junk=st.binary(max_size=20))
@settings(max_examples=100, deadline=None)
def test_read__truncation_and_garbage_end_in_a_problem_or_a_network(cut: int, junk: bytes) -> None:
    data = json.dumps(CASE).encode()
    try:
        egret.read(data[:cut] + junk + data[cut + 3 :], file="case.json")
    except NetworkError as refused:
        assert refused.findings  # noqa: PT017 - either outcome is allowed


def solved_file(name: str) -> bytes:
    path = FOLDER / "egret_solutions" / f"{name}_solution.json.gz"
    if not path.exists():
        pytest.skip(f"{name} is not beside the checkout: put Egret's solutions into shared/data/networks")
    return path.read_bytes()


@pytest.mark.parametrize(
    ("case", "solution"),
    [
        ("hvdc_test_case3_dcopf", "hvdc_test_case3_dcopf"),
        ("pglib_opf_case3_lmbd_btheta_dcopf_losses", "pglib_opf_case3_lmbd_dcopf"),
        ("pglib_opf_case30_ieee_btheta_dcopf_losses", "pglib_opf_case30_ieee_dcopf"),
    ],
)
def test_read__clears_to_egrets_own_optimum(case: str, solution: str) -> None:
    network = egret.read(solved_file(case), file=case).network
    branches = network.branches
    free = np.full(len(branches), np.inf)  # Egret's line of 0.99 rad shows that its DC model holds no angle limits
    network = replace(network, branches=replace(branches, angle_min_deg=-free, angle_max_deg=free))
    told = egret.read_solution(solved_file(solution), file=solution)
    cleared = engines.clear(network, model=BranchModel.MATPOWER)
    assert cleared.objective_usd_per_h == pytest.approx(told.total_cost_usd_per_h, rel=1e-6)
    prices = dict(zip(network.buses.name, cleared.lmp.tolist(), strict=True))
    assert {one: prices[one] for one in told.lmp_usd_per_mwh} == pytest.approx(told.lmp_usd_per_mwh, abs=1e-5)


@pytest.mark.parametrize("name", ["egret_solutions", "egret_uc"])
def test_read__every_published_file_is_a_network_or_a_solution(name: str) -> None:
    files = sorted((FOLDER / name).glob("*.json.gz"))
    if not files:
        pytest.skip(f"{name} is not beside the checkout: put Egret's files into shared/data/networks")
    for path in files:
        try:
            egret.read(path.read_bytes(), file=path.name)
        except NetworkError as refused:
            assert "a solution without its case" in str(refused)  # noqa: PT017 - either is allowed
            assert egret.read_solution(path.read_bytes(), file=path.name).generation_mw, path.name
