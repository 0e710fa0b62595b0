"""The grid: joined, weighted, named once; shift factors of any reference."""

from __future__ import annotations

import numpy as np
import pytest

from powerdesk.simulation import (
    layout,
    network,
)


def test_network__is_joined_weighted_and_named_once() -> None:
    grid = network.network()
    assert (len(grid.buses), len(grid.lines), len(grid.zones)) == (48, 76, 4)
    assert len(set(grid.buses)) == 48
    assert len(set(grid.lines)) == 76
    assert network.joined(out_lines=())
    for place in (*grid.hubs, *grid.load_zones):
        assert sum(place.weights) == pytest.approx(1.0)
    assert grid.zone_share.sum() == pytest.approx(1.0)
    assert (grid.reactance_pu > 0.0).all()
    assert (grid.rating_mw > 0.0).all()
    assert {row[1] for row in layout.BUSES} == set(layout.ZONES)


def test_network__a_bridge_cannot_be_taken_out() -> None:
    grid = network.network()
    ends = np.bincount(np.concatenate((grid.line_from, grid.line_to)))
    lonely = int(np.flatnonzero(ends == 1)[0])
    bridge = int(np.flatnonzero((grid.line_from == lonely) | (grid.line_to == lonely))[0])
    assert not network.joined(out_lines=(bridge,))


def test_shift_factors__have_no_flow_on_a_line_that_is_out_and_move_with_the_reference() -> None:
    grid = network.network()
    factors = network.shift_factors(out_lines=(4,))
    assert factors[4].tolist() == [0.0] * 48
    weights = grid.load_share * grid.zone_share[grid.bus_zone]
    moved = network.referenced(factors, weights=weights)
    assert np.abs(moved @ weights).max() < 1e-12
    differences = (moved[:, :1] - moved) - (factors[:, :1] - factors)
    assert np.abs(differences).max() < 1e-12
