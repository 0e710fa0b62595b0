"""pandapower's tables as a network, by frames of the same columns; pandapower itself is tried in tests/oracles."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from powerdesk.grid import pandapower_objects
from powerdesk.grid.clearing import engines
from powerdesk.grid.types import ISOLATED_TYPE, BranchModel, NetworkError

pd = pytest.importorskip("pandas", reason="pandas is not installed: the frames of these tests need it")


def _net(**changed: Any) -> dict[str, Any]:
    tables: dict[str, Any] = {
        "name": "made",
        "sn_mva": 100.0,
        "bus": pd.DataFrame({"vn_kv": [110.0, 110.0, 20.0, 20.0, 110.0], "in_service": [True] * 4 + [False]}),
        "line": pd.DataFrame(
            {
                "from_bus": [0, 0], "to_bus": [1, 1], "length_km": [10.0, 20.0], "r_ohm_per_km": [0.06, 0.06],
                "x_ohm_per_km": [0.4, 0.4], "max_i_ka": [0.5, 0.5], "parallel": [1, 2], "df": [1.0, 0.9],
                "max_loading_percent": [80.0, np.nan], "in_service": [True, True],
            }
        ),
        "trafo": pd.DataFrame(
            {
                "hv_bus": [1], "lv_bus": [2], "sn_mva": [40.0], "vn_hv_kv": [110.0], "vn_lv_kv": [21.0],
                "vk_percent": [12.0], "vkr_percent": [0.5], "shift_degree": [30.0], "tap_side": ["hv"],
                "tap_pos": [2.0], "tap_neutral": [0.0], "tap_step_percent": [1.5], "tap_step_degree": [np.nan],
                "tap_changer_type": ["Ratio"], "parallel": [1], "in_service": [True], "max_loading_percent": [100.0],
            }
        ),
        "switch": pd.DataFrame({"bus": [2], "element": [3], "et": ["b"], "closed": [True]}),
        "load": pd.DataFrame({"bus": [3, 1], "p_mw": [30.0, 5.0], "scaling": [0.5, 1.0], "controllable": [False, True],
                              "min_p_mw": [np.nan, 1.0], "max_p_mw": [np.nan, 5.0]}),
        "sgen": pd.DataFrame({"bus": [3], "p_mw": [2.0], "scaling": [1.0], "in_service": [True]}),
        "ext_grid": pd.DataFrame({"bus": [0], "vm_pu": [1.0], "in_service": [True]}),
        "gen": pd.DataFrame({"bus": [2, 1], "p_mw": [5.0, 4.0], "min_p_mw": [0.0, 0.0], "max_p_mw": [20.0, 9.0],
                             "controllable": [True, False]}),
        "shunt": pd.DataFrame({"bus": [2], "p_mw": [1.0], "q_mvar": [0.0], "step": [2], "vn_kv": [10.0]}),
        "poly_cost": pd.DataFrame(
            {
                "element": [0, 1], "et": ["ext_grid", "load"], "cp0_eur": [5.0, 0.0], "cp1_eur_per_mw": [20.0, -90.0],
                "cp2_eur_per_mw2": [0.1, 0.0],
            }
        ),
        "pwl_cost": pd.DataFrame(
            {"power_type": ["p"], "element": [0], "et": ["gen"], "points": [[[0.0, 10.0, 30.0], [10.0, 20.0, 45.0]]]}
        ),
    }  # fmt: skip
    return tables | changed


def test_read__tables_become_a_network() -> None:
    reading = pandapower_objects.read(_net())
    network = reading.network
    assert network.buses.number.tolist() == [1, 2, 3, 4, 5]
    assert network.buses.name == ("0", "1", "2", "3", "4")
    assert network.buses.kind.tolist() == [3, 1, 1, ISOLATED_TYPE, ISOLATED_TYPE]  # 3 is one with 2, 4 is out
    assert network.buses.load_mw.tolist() == [0.0, 0.0, 13.0, 0.0, 0.0]
    assert network.buses.shunt_mw[2] == pytest.approx(2.0 * (20.0 / 10.0) ** 2)
    branches = network.branches
    assert branches.reactance_pu[:2] == pytest.approx([4.0 / 121.0, 4.0 / 121.0])
    assert branches.rating_mw[0] == pytest.approx(0.8 * np.sqrt(3.0) * 110.0 * 0.5)
    assert np.isinf(branches.rating_mw[1])
    impedance = 12.0 / 100.0 / 40.0 * 100.0 * (21.0 / 20.0) ** 2
    assert np.hypot(branches.reactance_pu[2], branches.resistance_pu[2]) == pytest.approx(impedance)
    assert branches.tap[2] == pytest.approx(1.03 * 110.0 / 21.0 * 20.0 / 110.0)
    assert branches.shift_deg[2] == pytest.approx(30.0)
    assert branches.rating_mw[2] == pytest.approx(40.0)
    made = network.generators
    assert made.name == ("ext_grid 0", "gen 0", "gen 1", "load 1")
    assert made.min_mw[1:].tolist() == [0.0, 4.0, -5.0]
    assert made.max_mw[1:].tolist() == [20.0, 4.0, -1.0]
    assert made.linear_usd_per_mwh.tolist() == [20.0, 0.0, 0.0, 90.0]
    assert (made.curve_mw.tolist(), made.curve_usd_per_h.tolist()) == ([0.0, 10.0, 20.0], [0.0, 300.0, 750.0])
    assert np.isfinite(made.max_mw[0])
    assert any("no limit of power" in str(one) for one in reading.notes)


def test_read__what_is_read_clears_and_a_load_that_may_be_turned_down_pays_its_price() -> None:
    network = pandapower_objects.read(_net()).network
    cleared = engines.clear(network, model=BranchModel.MATPOWER)
    assert cleared.generation_mw[3] == pytest.approx(-5.0)  # a cost of -90 is worth 90; power costs about 20
    assert cleared.generation_mw.sum() == pytest.approx(network.demand_mw.sum())


def test_read__open_switches_take_branches_out() -> None:
    opened = pd.DataFrame({"bus": [2, 0], "element": [3, 1], "et": ["b", "l"], "closed": [True, False]})
    network = pandapower_objects.read(_net(switch=opened)).network
    assert network.branches.in_service.tolist() == [True, False, True]


@pytest.mark.parametrize(
    ("kind", "degree", "side", "ratio", "shift"),
    [
        ("Ratio", 0.0, "lv", 1.0 / 1.03, 0.0),
        ("Ideal", 3.0, "hv", 1.0, 6.0),
        ("Ideal", 3.0, "lv", 1.0, -6.0),
        ("Ratio", 90.0, "hv", np.hypot(1.0, 0.03), np.rad2deg(np.arctan(0.03))),
        (None, 0.0, "hv", 1.0, 0.0),
    ],
)
def test_read__taps_change_ratio_and_shift(
    kind: str | None, degree: float, side: str, ratio: float, shift: float
) -> None:
    trafo = _net()["trafo"].assign(tap_changer_type=[kind], tap_step_degree=[degree], tap_side=[side])
    branches = pandapower_objects.read(_net(trafo=trafo)).network.branches
    assert branches.tap[2] == pytest.approx(ratio * 20.0 / 21.0)
    assert branches.shift_deg[2] == pytest.approx(30.0 + shift)


def test_read__an_impedance_is_rated_by_its_size() -> None:
    impedance = pd.DataFrame(
        {"from_bus": [0, 0], "to_bus": [1, 1], "rft_pu": 0.01, "xft_pu": 0.1, "rtf_pu": 0.01, "xtf_pu": 0.1,
         "sn_mva": [50.0, 99_999.0]}
    )  # fmt: skip
    branches = pandapower_objects.read(_net(impedance=impedance)).network.branches
    assert branches.reactance_pu[3] == pytest.approx(0.2)
    assert branches.rating_mw[3:].tolist() == [50.0, np.inf]


def test_read__direct_current_lines_run_the_way_they_are_set() -> None:
    lines = pd.DataFrame(
        {"from_bus": [0, 0], "to_bus": [2, 2], "p_mw": [1.0, -1.0], "max_p_mw": [8.0, 9.0], "loss_percent": [2.0, 0.0],
         "loss_mw": [0.1, 0.0], "in_service": [True, False]}
    )  # fmt: skip
    hvdc = pandapower_objects.read(_net(dcline=lines)).network.hvdc
    assert (hvdc.from_bus.tolist(), hvdc.to_bus.tolist()) == ([0, 2], [2, 0])
    assert (hvdc.min_mw.tolist(), hvdc.max_mw.tolist()) == ([0.0, 0.0], [8.0, 9.0])
    assert (hvdc.loss_share[0], hvdc.in_service.tolist()) == (pytest.approx(0.02), [True, False])


def test_read__every_fault_is_named_at_once() -> None:
    line = _net()["line"].assign(to_bus=[1, 77], x_ohm_per_km=[np.nan, 0.4])
    trafo = _net()["trafo"].assign(tap2_pos=[1.0])
    gaps = pd.DataFrame(
        {"power_type": ["p", "p"], "element": [0, 9], "et": ["gen", "gen"],
         "points": [[[0.0, 5.0, 1.0], [6.0, 9.0, 2.0]], [[0.0, 5.0, 1.0]]]}
    )  # fmt: skip
    cost = pd.DataFrame({"element": [5], "et": ["ext_grid"], "cp1_eur_per_mw": [1.0]})
    broken = _net(line=line, trafo=trafo, pwl_cost=gaps, poly_cost=cost, trafo3w=pd.DataFrame({"hv_bus": [0]}))
    with pytest.raises(NetworkError) as caught:
        pandapower_objects.read(broken)
    found = [str(one) for one in caught.value.findings]
    for words in ("to_bus 77", "no x_ohm_per_km", "second tap", "leave a gap", "of gen 9", "ext_grid 5", "trafo3w"):
        assert any(words in one for one in found), (words, found)
    with pytest.raises(NetworkError, match="nothing"):
        pandapower_objects.read({})
