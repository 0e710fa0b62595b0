"""Outages: a plausible share, for hours at a time, never splitting the grid."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from powerdesk.simulation import (
    outages,
    ratings,
    world,
)
from powerdesk.simulation.technology import Technology

WINTER_NIGHT = int(datetime(2026, 1, 14, 9, tzinfo=UTC).timestamp())
MOMENTS = [WINTER_NIGHT + number * 31 * 3600 for number in range(260)]


def test_outages__take_a_plausible_share_and_never_split_the_grid() -> None:
    grid = world.default()
    units = grid.units
    seen = [outages.outages(grid, seed=9, at_s=at_s, known_at_s=at_s) for at_s in MOMENTS]
    thermal = np.concatenate([units.of(kind) for kind in (Technology.COAL, Technology.GAS_TURBINE)])
    share = np.mean([one.units[thermal].mean() for one in seen])
    assert 0.01 < share < 0.12
    assert max(len(one.lines) for one in seen) >= 2
    assert all(outages.joined(grid, out_lines=one.lines) for one in seen)


def test_outages__last_for_hours_not_for_one_interval() -> None:
    grid, changes = world.default(), 0
    for number in range(400):
        at_s = WINTER_NIGHT + number * 3600
        one, other = (outages.outages(grid, seed=9, at_s=moment, known_at_s=moment) for moment in (at_s, at_s + 300))
        changes += int((one.units != other.units).sum())
    assert changes < 20


def test_joined__knows_that_a_bridge_cannot_be_taken_out() -> None:
    grid = world.default()
    branches = grid.network.branches
    ends = np.bincount(np.concatenate((branches.from_bus, branches.to_bus)))
    lonely = int(np.flatnonzero(ends == 1)[0])
    bridge = int(np.flatnonzero((branches.from_bus == lonely) | (branches.to_bus == lonely))[0])
    assert outages.joined(grid, out_lines=())
    assert not outages.joined(grid, out_lines=(bridge,))


def test_outages__leave_units_that_always_run_an_outlet_for_their_minimum() -> None:
    grid = world.default()
    branches, units = grid.network.branches, grid.units
    steady = np.flatnonzero(units.steady)
    assert steady.size == 2
    spared = 0
    for seed in range(12):
        for at_s in MOMENTS[::4]:
            found = outages.outages(grid, seed=seed, at_s=at_s, known_at_s=at_s)
            drawn = outages._out(grid, outages._line_draws, seed, outages.LINE_BLOCK_S, (at_s, at_s))
            spared += int(drawn.sum()) - len(found.lines)
            left = np.ones(len(branches), dtype=bool)
            left[list(found.lines)] = False
            for unit in steady.tolist():
                bus = units.bus[unit]
                mine = left & ((branches.from_bus == bus) | (branches.to_bus == bus))
                assert ratings.LEAST * branches.rating_mw[mine].sum() >= units.min_mw[unit]
    assert spared > 0
