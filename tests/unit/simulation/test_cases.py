"""Worlds from case files: loads, costs and technologies taken over, and what cannot carry a market is refused."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from powerdesk.grid import matpower, synthetic
from powerdesk.kernel.intervals import DeliveryInterval
from powerdesk.simulation import cases, market, outages
from powerdesk.simulation.technology import Technology

if TYPE_CHECKING:
    from powerdesk.grid.types import Network

TWO_ISLANDS = Path(__file__).parents[1] / "grid" / "two_islands.m"


def small() -> Network:
    return synthetic.network(n_bus=14, seed=3)


def named(names: tuple[str, ...]) -> Network:
    network = small()
    count = len(network.generators)
    kept = tuple(names[at] if at < len(names) else f"G{at}" for at in range(count))
    return dataclasses.replace(network, generators=dataclasses.replace(network.generators, name=kept))


def test_world_of__shares_the_load_as_the_case_has_it() -> None:
    network = small()
    world = cases.world_of(network)
    assert world.system_weights == pytest.approx(network.demand_mw / network.demand_mw.sum())
    assert world.mean_load_mw == pytest.approx(network.demand_mw.sum() / cases.PEAK_TO_MEAN)
    assert sum(world.hubs[-1].weights) == pytest.approx(1.0)
    assert [len(one.weights) for one in world.load_zones] == [14] * len(world.load_zones)
    assert world.buses[0] == f"BUS_{network.buses.number[0]}"


def test_world_of__offers_rise_and_have_the_marginal_cost_of_the_case() -> None:
    joining = b"\t30 40 0.02 0.2 0 30 0 0 0 0 1 0 0;\n\t40 50 0.02"
    text = TWO_ISLANDS.read_bytes().replace(b"\t40 50 0.02", joining)
    network = matpower.read(text, file="joined.m").network
    units = cases.world_of(network).units
    generators = network.generators
    for unit in range(len(units)):
        steps = units.step_unit == unit
        assert units.step_mw[steps].sum() == pytest.approx(units.capacity_mw[unit])
        assert (np.diff(units.step_fixed_usd_per_mwh[steps]) >= 0.0).all()
    chosen = [at for at in network.live_generators.tolist() if generators.max_mw[at] > 0.0]
    plain = [
        (unit, at)
        for unit, at in enumerate(chosen)
        if generators.curve_start[at] == generators.curve_start[at + 1] and not generators.quadratic_usd_per_mw2h[at]
    ]
    assert plain
    for unit, at in plain:
        assert set(units.step_fixed_usd_per_mwh[units.step_unit == unit]) == {generators.linear_usd_per_mwh[at]}


def test_technologies__follow_names_and_then_cost() -> None:
    told = cases.world_of(named(("101_WIND_1", "101_PV_2", "102_NUC_1", "103_CT_1", "201_HYDRO_1"))).units
    assert told.technology[:3] == (Technology.WIND, Technology.SOLAR, Technology.NUCLEAR)
    silent = cases.world_of(named(())).units
    price = np.array([silent.step_fixed_usd_per_mwh[silent.step_unit == unit].mean() for unit in range(len(silent))])
    ranks = [Technology.COAL, Technology.GAS_COMBINED_CYCLE, Technology.GAS_TURBINE]
    in_order = [ranks.index(silent.technology[unit]) for unit in np.argsort(price, kind="stable")]
    assert in_order == sorted(in_order)


def test_world_of__refuses_a_case_without_load_or_with_too_little_generation() -> None:
    network = small()
    empty = dataclasses.replace(network.buses, load_mw=np.zeros(14), shunt_mw=np.zeros(14))
    with pytest.raises(cases.UnfitCaseError):
        cases.world_of(dataclasses.replace(network, buses=empty))
    crowded = dataclasses.replace(network.buses, load_mw=50.0 * network.buses.load_mw)
    with pytest.raises(cases.UnfitCaseError, match="generation"):
        cases.world_of(dataclasses.replace(network, buses=crowded))


def test_world_of__refuses_islands_which_one_price_of_energy_cannot_serve() -> None:
    network = matpower.read(TWO_ISLANDS.read_bytes(), file="two_islands.m").network
    with pytest.raises(cases.UnfitCaseError, match="2 islands"):
        cases.world_of(network)


def test_world_of__makes_a_market_of_a_single_bus() -> None:
    text = """function mpc = single
mpc.version = '2';
mpc.baseMVA = 100;
mpc.bus = [1 3 100 0 0 0 1 1 0 230 1 1.1 0.9; 2 4 0 0 0 0 1 1 0 230 1 1.1 0.9;];
mpc.gen = [1 0 0 0 0 1 100 1 200 0; 1 0 0 0 0 1 100 1 50 0;];
mpc.branch = [1 2 0 0.1 0 0 0 0 0 0 0 0 0;];
mpc.gencost = [2 0 0 2 10 0; 2 0 0 2 30 0;];
"""
    network = matpower.read(text.encode(), file="single.m").network
    none = {one.name: getattr(network.branches, one.name)[:0] for one in dataclasses.fields(network.branches)}
    world = cases.world_of(dataclasses.replace(network, branches=dataclasses.replace(network.branches, **none)))
    start = datetime(2026, 7, 14, 18, tzinfo=UTC)
    cleared = market.real_time(world, seed=1, interval=DeliveryInterval.of_minutes(start, 5))
    assert cleared.dispatch_mw.sum() == pytest.approx(cleared.load_mw.sum(), abs=1e-3)
    assert world.buses == ("BUS_1",)
    assert (cleared.congestion == 0.0).all()
    assert outages.line_changes(world, seed=1, after_s=0, upto_s=86_400) == ()


def test_fingerprint__changes_with_any_number_of_the_case() -> None:
    network = small()
    load_mw = network.buses.load_mw.copy()
    load_mw[3] += 1e-9
    changed = dataclasses.replace(network, buses=dataclasses.replace(network.buses, load_mw=load_mw))
    assert cases.fingerprint(network) == cases.fingerprint(small())
    assert cases.fingerprint(network) != cases.fingerprint(changed)
