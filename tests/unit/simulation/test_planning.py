"""The day's commitment: minimum times hold across midnight, outages are kept, load is met."""

from __future__ import annotations

import itertools
from datetime import date, timedelta

import numpy as np

from powerdesk.simulation import outlook, planning, times, world
from powerdesk.simulation.technology import TRAITS, Technology

FRIDAY = date(2026, 3, 6)
"""The third day of the four is the one of 23 hours."""


def test_plan__keeps_minimum_times_across_midnights_and_a_day_of_23_hours() -> None:
    grid = world.default()
    plans = [planning.plan(grid, seed=6, operating_day=FRIDAY + timedelta(days=number)) for number in range(4)]
    assert [len(one.running) for one in plans] == [24, 24, 23, 24]
    running = np.concatenate([one.running for one in plans])
    out = np.concatenate([_out(grid, one) for one in plans])
    examined = 0
    for unit in np.flatnonzero(grid.units.committed & ~out.any(axis=0)).tolist():
        traits = TRAITS[grid.units.technology[unit]]
        runs = [(on, len(list(group))) for on, group in itertools.groupby(running[:, unit].tolist())]
        for on, length in runs[1:-1]:
            assert length >= (traits.min_up_hours if on else traits.min_down_hours), grid.units.names[unit]
            examined += 1
    assert examined > 5


def _out(grid: world.World, plan: planning.Plan) -> np.ndarray:
    issued_at_s = int(times.gate_closure(operating_day=plan.operating_day).timestamp())
    return np.array(
        [outlook.outlook(grid, seed=6, at_s=start + 1800, issued_at_s=issued_at_s).units_out for start in plan.starts_s]
    )


def test_plan__begins_each_day_with_the_state_that_ended_the_one_before() -> None:
    grid = world.default()
    first, second = (planning.plan(grid, seed=6, operating_day=FRIDAY + timedelta(days=number)) for number in (0, 1))
    given = planning.at_midnight(grid, seed=6, operating_day=second.operating_day)
    there = ~(_out(grid, first)[-1] | _out(grid, second)[0]) & grid.units.committed
    assert (first.running[-1] == given)[there].all()
    assert (second.running[0] == given)[there].all()


def test_plan__never_runs_a_unit_that_is_known_to_be_out_and_always_runs_nuclear_ones() -> None:
    grid = world.default()
    plan = planning.plan(grid, seed=6, operating_day=FRIDAY)
    out = _out(grid, plan)
    assert not (plan.running & out).any()
    nuclear = grid.units.of(Technology.NUCLEAR)
    assert (plan.running | out)[:, nuclear].all()
    assert not plan.running[:, ~grid.units.committed].any()
