"""PyPSA's tables as a network, by frames of the same columns; PyPSA itself is tried in tests/oracles."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from powerdesk.grid import pypsa_objects
from powerdesk.grid.clearing import engines
from powerdesk.grid.types import BranchModel, NetworkError

pd = pytest.importorskip("pandas", reason="pandas is not installed: the frames of these tests need it")


def _object(**changed: Any) -> SimpleNamespace:
    tables: dict[str, Any] = {
        "buses": pd.DataFrame({"v_nom": [380.0, 380.0, 110.0], "carrier": "AC"}, index=["north", "south", "town"]),
        "lines": pd.DataFrame(
            {"bus0": ["north"], "bus1": ["south"], "x": [14.44], "r": [1.444], "s_nom": [100.0], "s_max_pu": [0.7]},
            index=["ns"],
        ),
        "transformers": pd.DataFrame(
            {"bus0": ["south"], "bus1": ["town"], "x": [0.1], "r": [0.01], "s_nom": [200.0], "tap_ratio": [1.05]},
            index=["st"],
        ),
        "links": pd.DataFrame(
            {"bus0": ["north"], "bus1": ["town"], "p_nom": [50.0], "p_min_pu": [-1.0], "efficiency": [0.95]},
            index=["cable"],
        ),
        "generators": pd.DataFrame(
            {
                "bus": ["north", "town", "north"],
                "p_nom": [300.0, 200.0, 40.0],
                "p_min_pu": [0.1, 0.0, 0.0],
                "marginal_cost": [10.0, 50.0, 0.0],
                "control": ["PQ", "Slack", "PQ"],
                "committable": [True, False, False],
            },
            index=["coal", "gas", "wind"],
        ),
        "generators_t": SimpleNamespace(p_max_pu=pd.DataFrame({"wind": [0.5, 0.25]})),
        "loads": pd.DataFrame({"bus": ["town", "town"], "p_set": [120.0, 0.0]}, index=["a", "b"]),
        "loads_t": SimpleNamespace(p_set=pd.DataFrame({"b": [10.0, 30.0]})),
        "shunt_impedances": pd.DataFrame({"bus": ["town"], "g": [0.0001]}, index=["sh"]),
        "name": "made",
    }
    return SimpleNamespace(**(tables | changed))


def test_read__tables_become_a_network_at_the_snapshot() -> None:
    network = pypsa_objects.read(_object(), snapshot=1).network
    assert (network.name, network.base_mva) == ("made", 100.0)
    assert network.buses.name == ("north", "south", "town")
    assert network.buses.number.tolist() == [1, 2, 3]
    assert network.buses.load_mw.tolist() == [0.0, 0.0, 150.0]
    assert network.buses.shunt_mw[2] == pytest.approx(0.0001 * 110.0**2)
    assert network.reference == 2
    branches = network.branches
    assert branches.name == ("ns", "st")
    assert branches.reactance_pu == pytest.approx([14.44 / 380.0**2 * 100.0, 0.1 / 200.0 * 100.0])
    assert branches.tap.tolist() == [1.0, 1.05]
    assert branches.rating_mw == pytest.approx([70.0, 200.0])
    assert np.isinf(branches.angle_max_deg).all()
    assert network.generators.max_mw.tolist() == [300.0, 200.0, 10.0]
    assert network.generators.min_mw.tolist() == [30.0, 0.0, 0.0]
    assert (network.hvdc.min_mw[0], network.hvdc.max_mw[0]) == (-50.0, 50.0)
    assert network.hvdc.loss_share[0] == pytest.approx(0.05)


def test_read__what_is_read_clears() -> None:
    cleared = engines.clear(pypsa_objects.read(_object()).network, model=BranchModel.MATPOWER)
    assert cleared.generation_mw[2] == pytest.approx(20.0)
    assert cleared.constraints[0].name == "ns"


def test_read__notes_tell_what_is_left_out() -> None:
    storage = pd.DataFrame({"bus": ["town"], "p_nom": [5.0]}, index=["battery"])
    notes = [str(one) for one in pypsa_objects.read(_object(storage_units=storage)).notes]
    assert any("storage_units" in one and "not used" in one for one in notes)
    assert any("1 committable" in one for one in notes)


def test_read__every_fault_is_named_at_once() -> None:
    broken = _object(
        lines=pd.DataFrame(
            {
                "bus0": ["north", "moon"],
                "bus1": ["south", "town"],
                "x": [0.0, 1.0],
                "s_nom": [-1.0, 1.0],
                "type": ["A", ""],
            },
            index=["typed", "lost"],
        ),
        loads=pd.DataFrame({"bus": ["town"], "p_set": ["much"]}, index=["a"]),
        buses=pd.DataFrame(
            {"v_nom": [1.0, 1.0, 1.0], "carrier": ["AC", "gas", "AC"]}, index=["north", "south", "town"]
        ),
        generators=pd.DataFrame({"bus": ["town"], "p_nom": [1.0], "p_min_pu": [2.0]}, index=["odd"]),
        generators_t=SimpleNamespace(p_max_pu=pd.DataFrame({"odd": [0.5]})),
    )
    with pytest.raises(NetworkError) as caught:
        pypsa_objects.read(broken, snapshot=1)
    found = [str(one) for one in caught.value.findings]
    for words in (
        "type A and no x",
        "bus0 moon",
        "no numbers",
        "carrier gas",
        "1 snapshots",
        "zero reactance",
        "Pmin 2",
    ):
        assert any(words in one for one in found), (words, found)
    assert all(one.startswith("pypsa: ") for one in found)
    with pytest.raises(NetworkError, match="nothing"):
        pypsa_objects.read(SimpleNamespace())
