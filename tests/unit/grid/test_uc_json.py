"""Unit commitment cases: three formats by hand, what solutions of Egret cost, what is refused, and hostile input."""

from __future__ import annotations

import copy
import gzip
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pglib_case
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from powerdesk.grid import uc_json
from powerdesk.grid.types import NetworkError

if TYPE_CHECKING:
    from powerdesk.grid.commitment_case import CommitmentCase, Cost, Unit

FOLDER = Path(__file__).resolve().parents[4] / "shared" / "data" / "networks"

PGLIB = pglib_case.of(
    coal=pglib_case.unit(
        must_run=1, startup=[{"lag": 3, "cost": 100.0}, {"lag": 8, "cost": 200.0}], curve=(400.0, 1900.0)
    )
)

JULIA: dict[str, Any] = {
    "Parameters": {
        "Version": "0.3",
        "Time horizon (h)": 2,
        "Time step (min)": 60,
        "Power balance penalty ($/MW)": 900.0,
    },
    "Generators": {
        "g1": {
            "Bus": "b1",
            "Production cost curve (MW)": [10, 30],
            "Production cost curve ($)": [100.0, 500.0],
            "Startup delays (h)": [1, 4],
            "Startup costs ($)": [10.0, 20.0],
            "Initial status (h)": -8,
            "Initial power (MW)": 0,
            "Commitment status": [None, True],
            "Reserve eligibility": ["r1"],
        },
        "sun": {"Type": "Profiled", "Bus": "b2", "Maximum power (MW)": [1.0, 2.0], "Cost ($/MW)": 3.0},
    },
    "Buses": {"b1": {"Load (MW)": 5.0}, "b2": {"Load (MW)": [6.0, 7.0]}},
    "Transmission lines": {
        "l1": {
            "Source bus": "b1",
            "Target bus": "b2",
            "Susceptance (S)": 29.496860773945063,  # case14's, for 0.05917 per unit on 100 MVA
            "Normal flow limit (MW)": 300.0,
        }
    },
    "Contingencies": {"c1": {"Affected lines": ["l1"]}},
    "Price-sensitive loads": {"p": {"Bus": "b2", "Revenue ($/MW)": 70.0, "Demand (MW)": 4.0}},
    "Reserves": {"r1": {"Type": "Spinning", "Amount (MW)": 3.0}},
    "Storage units": {"s": {}},
}

EGRET: dict[str, Any] = {
    "elements": {
        "bus": {"b": {}},
        "load": {
            "l": {"bus": "b", "p_load": {"data_type": "time_series", "values": [5.0, 6.0]}},
            "p": {"bus": "b", "p_load": 2.0, "p_price": {"data_type": "time_series", "values": [90.0, 80.0]}},
        },
        "generator": {
            "g": {
                "generator_type": "thermal",
                "bus": "b",
                "p_min": 2.0,
                "p_max": {"data_type": "time_series", "values": [9.0, 8.0]},
                "fixed_commitment": {"data_type": "time_series", "values": [None, 0]},
                "must_run": 1,
                "min_up_time": 2.2,
                "fuel_cost": 3.0,
                "p_fuel": {"data_type": "fuel_curve", "values": [[2.0, 10.0], [9.0, 45.0]]},
                "startup_fuel": [[1.0, 4.0], [5.0, 6.0]],
                "non_fuel_startup_cost": 7.0,
                "non_fuel_no_load_cost": 1.0,
                "startup_curve": [1.0],
            },
            "w": {"generator_type": "renewable", "bus": "b", "p_max": 4.0, "p_cost": -10.0},
            "off": {"generator_type": "thermal", "bus": "b", "p_max": 4.0, "in_service": False},
        },
        "branch": {"t": {"from_bus": "b", "to_bus": "b", "reactance": 0.5, "rating_long_term": 7.0}},
        "contingency": {"c": {"branch_contingency": "t"}},
        "area": {"A": {"spinning_reserve_requirement": 1.5}},
    },
    "system": {
        "time_keys": ["1", "2"],
        "time_period_length_minutes": 30,
        "baseMVA": 10.0,
        "reserve_requirement": {"data_type": "time_series", "values": [1.0, 2.0]},
        "reserve_shortfall_cost": 55.0,
    },
}
CASES = {"pglib": PGLIB, "julia": JULIA, "egret": EGRET}


def read(held: Any) -> CommitmentCase:
    return uc_json.read(json.dumps(held).encode(), file="case.json").case


def faults_of(held: Any) -> list[str]:
    with pytest.raises(NetworkError) as refused:
        read(held)
    return list(map(str, refused.value.findings))


def test_read__pglib_keeps_units_and_requirements() -> None:
    case = read(PGLIB)
    unit = case.units[0]
    assert (case.hours, case.load_mw.tolist()) == (1.0, [[50.0], [60.0]])
    assert (unit.must_run.tolist(), unit.initial_hours, unit.initial_mw) == ([True, True], 7.0, 40.0)
    assert [unit.ramp_up_mw_per_h, unit.ramp_down_mw_per_h] == [30.0, 31.0]
    assert [unit.start_limit_mw, unit.stop_limit_mw, unit.min_up_hours, unit.min_down_hours] == [25.0, 26.0, 4.0, 3.0]
    assert [(one.after_hours_off, one.cost_usd) for one in unit.start_costs] == [(3.0, 100.0), (8.0, 200.0)]
    assert unit.costs[0].points == ((20.0, 400.0), (80.0, 1900.0))
    assert case.reserves[0].requirement_mw.tolist() == [5.0, 6.0]
    assert case.variable_units[0].max_mw.tolist() == [9.0, 3.0]


def test_read__a_unit_off_at_the_start_counts_its_hours_down() -> None:
    held = copy.deepcopy(PGLIB)
    held["thermal_generators"]["coal"] |= {"unit_on_t0": 0, "time_up_t0": 0, "time_down_t0": 9}
    assert read(held).units[0].initial_hours == -9.0


def test_read__julia_keeps_network_prices_and_reserves() -> None:
    reading = uc_json.read(json.dumps(JULIA).encode(), file="case.json")
    case, unit = reading.case, reading.case.units[0]
    assert case.load_mw.tolist() == [[5.0, 6.0], [5.0, 7.0]]
    assert (unit.min_mw.tolist(), unit.max_mw.tolist(), unit.initial_hours) == ([10.0] * 2, [30.0] * 2, -8.0)
    assert (unit.must_run.tolist(), unit.must_not_run.tolist()) == ([False, True], [False, False])
    assert (unit.ramp_up_mw_per_h, unit.reserves) == (np.inf, ("r1",))
    assert case.lines[0].susceptance_mw == pytest.approx(100.0 / 0.05917)
    assert (case.lines[0].emergency_limit_mw, case.outages[0].lines) == (np.inf, ("l1",))
    assert case.priced_loads[0].value_usd_per_mwh.tolist() == [70.0, 70.0]
    assert (case.variable_units[0].linear_usd_per_mwh, case.shortfall_usd_per_mwh) == (3.0, 900.0)
    assert (case.reserves[0].kind, case.reserves[0].shortfall_usd_per_mwh) == ("spinning", np.inf)
    assert [one.pointer for one in reading.notes] == ["case.json: Storage units"]


def julia(**changes: Any) -> dict[str, Any]:
    """Return the case with values put at places such as `Generators/g1/Shutdown cost ($)`."""
    held = copy.deepcopy(JULIA)
    for place, value in changes.items():
        *folders, name = place.split("/")
        inside = held
        for one in folders:
            inside = inside[one]
        inside[name] = value
    return held


def test_read__julia_costs_and_ramps_are_those_of_a_time_step() -> None:
    quarters = {"Version": "0.4", "Time horizon (min)": 30, "Time step (min)": 15, "Power balance penalty ($/MW)": 9.0}
    case = read(julia(**{"Parameters": quarters, "Generators/g1/Ramp up limit (MW)": 5.0}))
    unit = case.units[0]

    assert (case.hours, case.load_mw.shape[0], case.shortfall_usd_per_mwh) == (0.25, 2, 36.0)
    assert (unit.ramp_up_mw_per_h, unit.costs[0].points) == (20.0, ((10.0, 400.0), (30.0, 2000.0)))
    assert case.priced_loads[0].value_usd_per_mwh.tolist() == [280.0, 280.0]
    assert (case.variable_units[0].linear_usd_per_mwh, case.lines[0].beyond_usd_per_mwh) == (12.0, 20_000.0)


def test_read__julia_defaults_are_the_formats() -> None:
    case = read(
        julia(**{"Parameters": {"Version": "0.3", "Time horizon (h)": 2}, "Generators/g1/Shutdown cost ($)": 7})
    )

    assert (case.shortfall_usd_per_mwh, case.lines[0].emergency_limit_mw) == (1000.0, np.inf)
    assert case.units[0].stop_cost_usd == 7.0


def test_read__julia_curves_may_change_with_time() -> None:
    unit = read(julia(**{"Generators/g1/Production cost curve (MW)": [10, [30, 25]]})).units[0]

    assert unit.max_mw.tolist() == [30.0, 25.0]
    assert [one.points for one in unit.costs] == [((10.0, 100.0), (30.0, 500.0)), ((10.0, 100.0), (25.0, 500.0))]


def test_read__julia_reserves_of_version_0_2_are_given_by_all_units_that_may() -> None:
    held = julia(Reserves={"Spinning (MW)": [2.0, 3.0]})
    del held["Generators"]["g1"]["Reserve eligibility"]
    held["Generators"]["g2"] = held["Generators"]["g1"] | {"Provides spinning reserves?": False}
    case = read(held)

    assert (case.reserves[0].kind, case.reserves[0].requirement_mw.tolist()) == ("spinning", [2.0, 3.0])
    assert [one.reserves for one in case.units] == [("r1",), ()]


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("Transmission lines/l1/Normal flow limit (MW)", [300.0, 200.0]),
        ("Branches", {"l1": {"Source bus": "b1"}}),
        ("Generators/g1/Production cost curve (MW)", [10, [30, 25, 20]]),
        ("Generators/g1/Production cost curve ($)", []),
    ],
)
def test_read__julia_what_no_case_can_hold_is_refused(place: str, value: Any) -> None:
    assert any(place.rpartition("/")[2][:8] in one for one in faults_of(julia(**{place: value})))


def test_read__egret_keeps_fuel_states_and_areas() -> None:
    reading = uc_json.read(json.dumps(EGRET).encode(), file="case.json")
    case, unit = reading.case, reading.case.units[0]
    assert (case.hours, case.load_mw.tolist()) == (0.5, [[5.0], [6.0]])
    assert unit.costs[0].points == ((2.0, 31.0), (9.0, 136.0))
    assert [(one.after_hours_off, one.cost_usd) for one in unit.start_costs] == [(1.0, 19.0), (5.0, 25.0)]
    assert (unit.must_run.tolist(), unit.must_not_run.tolist()) == ([True, False], [False, True])
    assert [(one.name, one.shortfall_usd_per_mwh) for one in case.reserves] == [
        ("reserve", 55.0),
        ("A spinning_reserve", 55.0),
    ]
    assert (case.lines[0].susceptance_mw, case.lines[0].emergency_limit_mw) == (20.0, 7.0)
    assert case.priced_loads[0].value_usd_per_mwh.tolist() == [90.0, 80.0]
    assert case.variable_units[0].linear_usd_per_mwh == -10.0
    assert len(reading.notes) == 2  # the start-up curve, and the unit out of service


def test_read__names_every_fault_at_once() -> None:
    held = copy.deepcopy(PGLIB)
    unit = held["thermal_generators"]["coal"]
    unit["time_up_minimum"] = -1
    unit["startup"][0]["cost"] = "much"
    held["demand"] = [50.0]
    faults = faults_of(held)
    for words in (
        "thermal_generators coal time_up_minimum: found -1; allowed a number of 0 or more",
        "thermal_generators coal startup[0] cost: found 'much'",
        "demand: found 1 values; allowed 2",
    ):
        assert any(words in one for one in faults), (words, faults)


def test_read__names_what_does_not_fit_together() -> None:
    held = copy.deepcopy(JULIA)
    held["Generators"]["g1"] |= {"Bus": "b9", "Production cost curve (MW)": [30, 10], "Reserve eligibility": ["r9"]}
    held["Generators"]["g1"]["Startup delays (h)"] = [4, 1]
    held["Contingencies"]["c1"]["Affected lines"] = ["l9"]
    faults = faults_of(held)
    for words in ("bus 'b9'", "minimum 30 above maximum 10", "reserve 'r9'", "start costs after", "line 'l9'"):
        assert any(words in one for one in faults), (words, faults)


@pytest.mark.parametrize(
    "text", ["", "{}", "[1]", '{"Generators": 1}', '{"thermal_generators": {}}', '{"elements": []}']
)
def test_read__what_is_no_case_is_refused(text: str) -> None:
    with pytest.raises(NetworkError):
        uc_json.read(text.encode(), file="case.json")


JUNK: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def paths(held: Any, before: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = held.items() if isinstance(held, dict) else enumerate(held) if isinstance(held, list) else ()
    return [before, *(path for key, one in items for path in paths(one, (*before, key)))]


@st.composite
def spoilt(draw: st.DrawFn) -> Any:
    held = copy.deepcopy(draw(st.sampled_from(list(CASES.values()))))
    path = draw(st.sampled_from(paths(held)[1:]))
    inner = held
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = draw(JUNK)
    return held


@given(held=spoilt())
@settings(max_examples=300, deadline=None)
def test_read__junk_in_any_field_ends_in_a_problem_or_a_case(held: Any) -> None:
    try:
        case = read(held)
    except NetworkError as refused:
        assert refused.findings  # noqa: PT017 - either outcome is allowed
    else:
        assert np.isfinite(case.load_mw).all()


@given(name=st.sampled_from(sorted(CASES)), cut=st.integers(0, 2500), junk=st.binary(max_size=20))
@settings(max_examples=100, deadline=None)
def test_read__truncation_and_garbage_end_in_a_problem_or_a_case(name: str, cut: int, junk: bytes) -> None:
    data = json.dumps(CASES[name]).encode()
    try:
        uc_json.read(data[:cut] + junk + data[cut + 3 :], file="case.json")
    except NetworkError as refused:
        assert refused.findings  # noqa: PT017 - either outcome is allowed


def published(folder: str) -> list[Path]:
    files = sorted((FOLDER / folder).glob("*.json.gz"))
    if not files:
        pytest.skip(f"{folder} is not beside the checkout: put its files into shared/data/networks")
    return files


@pytest.mark.parametrize("folder", ["pglib-uc", "unitcommitment_jl", "egret_uc"])
def test_read__every_published_file(folder: str) -> None:
    for path in published(folder):
        case = uc_json.read(path.read_bytes(), file=path.name).case
        assert case.units
        assert case.load_mw.shape == (case.load_mw.shape[0], len(case.buses))


def cost_at(cost: Cost, power_mw: float) -> float:
    if cost.points:
        power, usd = np.array(cost.points).T
        return float(np.interp(power_mw, power, usd))
    return cost.constant_usd_per_h + cost.linear_usd_per_mwh * power_mw + cost.quadratic_usd_per_mw2h * power_mw**2


def cost_of(unit: Unit, on: list[float], power_mw: list[float], hours: float) -> float:
    """Return what a schedule costs: running, and starts by the hours off before them."""
    total, off, was_on = 0.0, max(0.0, -(unit.initial_hours or 0.0)), (unit.initial_hours or 0.0) > 0.0
    for at, (now, power) in enumerate(zip(on, power_mw, strict=True)):
        if now > 0.5:
            total += hours * cost_at(unit.costs[at % len(unit.costs)], power)
            if not was_on:
                total += max([one.cost_usd for one in unit.start_costs if one.after_hours_off <= off], default=0.0)
            off = 0.0
        else:
            total += unit.stop_cost_usd if was_on else 0.0
            off += hours
        was_on = now > 0.5
    return total


@pytest.mark.parametrize(
    ("file", "relative"),
    [
        ("unitcommitment_jl/egret_output", 1e-9),
        ("egret_uc/test_scuc_sparse_enforce_sol", 1e-8),
        ("egret_uc/tiny_uc_2_results", 1e-8),
        ("egret_uc/tiny_uc_8_results", 1e-8),
        ("egret_uc/tiny_uc_9_results", 1e-8),
        ("egret_uc/tiny_uc_1_results", 2e-4),  # Egret cleared chords of its quadratic costs
    ],
)
def test_read__costs_of_a_solution_are_egrets_own(file: str, relative: float) -> None:
    path = FOLDER / f"{file}.json.gz"
    if not path.exists():
        pytest.skip(f"{file} is not beside the checkout: put Egret's files into shared/data/networks")
    case = uc_json.read(path.read_bytes(), file=path.name).case
    told = json.loads(gzip.decompress(path.read_bytes()))["elements"]["generator"]
    total = expected = 0.0
    for unit in case.units:
        series = {
            name: held["values"]
            for name, held in told[unit.name].items()
            if isinstance(held, dict) and "values" in held
        }
        total += cost_of(unit, series["commitment"], series["pg"], case.hours)
        expected += sum(series["production_cost"]) + sum(series["commitment_cost"])
    assert total == pytest.approx(expected, rel=relative)
