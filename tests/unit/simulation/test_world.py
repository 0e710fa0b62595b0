"""The default world: joined, weighted, named once, three areas of two voltages."""

from __future__ import annotations

import numpy as np
import pytest

from powerdesk.grid import topology
from powerdesk.simulation import layout, world
from powerdesk.simulation.technology import Technology


def test_default__is_joined_weighted_and_named_once() -> None:
    grid = world.default()
    assert (len(grid.buses), len(grid.lines), len(grid.zones), len(grid.units)) == (73, 121, 4, 90)
    for names in (grid.buses, grid.lines, grid.units.names):
        assert len(set(names)) == len(names)
    assert topology.islands(grid.network).count == 1
    for place in (*grid.hubs, *grid.load_zones):
        assert sum(place.weights) == pytest.approx(1.0)
    assert grid.system_weights.sum() == pytest.approx(1.0)
    assert (grid.network.branches.reactance_pu > 0.0).all()
    assert (grid.network.branches.rating_mw > 0.0).all()
    assert {row[1] for row in layout.BUSES} == set(layout.ZONES)


def test_default__has_three_areas_of_two_voltages_joined_by_transformers() -> None:
    network = world.default().network
    assert np.bincount(network.buses.area).tolist() == [0, 24, 24, 25]
    kv = network.buses.base_kv
    assert sorted(set(kv.tolist())) == [138.0, 345.0]
    transformers = kv[network.branches.from_bus] != kv[network.branches.to_bus]
    assert transformers.sum() == 13
    assert len(set(network.branches.reactance_pu[transformers].tolist())) == 1


def test_default__has_units_of_every_technology_whose_minimum_is_below_their_capacity() -> None:
    units = world.default().units
    assert set(units.technology) == set(Technology)
    assert (units.min_mw < units.capacity_mw).all()
    assert (units.min_mw[units.quick] == 0.0).all()
    assert not (units.quick & units.committed).any()
