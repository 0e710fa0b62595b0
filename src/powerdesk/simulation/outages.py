"""Outages of units and lines, decided per element and block of days, so that any instant can be asked alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from powerdesk.simulation import noise, ratings
from powerdesk.simulation.technology import TRAITS
from powerdesk.simulation.times import STEP_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from powerdesk.simulation.world import World

    FloatArray = NDArray[np.float64]
    BoolArray = NDArray[np.bool_]

DAY_S = 86_400
UNIT_BLOCK_S = 15 * DAY_S
LINE_BLOCK_S = 20 * DAY_S
PLANNED_SHARE = 0.6
"""Planned outages are known to the day-ahead market before they begin; the others only once they have begun."""

UNIT_LONGEST_S = 9 * DAY_S
LINE_CHANCE = 0.10
MOST_LINE_OUTAGES = 12.5
"""Expected in a block of days; a large network has a smaller chance per line."""

LINE_LONGEST_S = 4 * DAY_S


@dataclass(frozen=True, slots=True)
class Outages:
    """What is out: units (n_unit,) and the positions of lines.

    Never so many that the grid falls apart or that a unit which always runs could not be rid of its minimum.
    """

    units: BoolArray
    lines: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Draws:
    """The outages of one block of days: from and to in s since 1970, and whether planned, each (n_element,)."""

    start_s: FloatArray
    end_s: FloatArray
    planned: BoolArray


def outages(world: World, *, seed: int, at_s: int, known_at_s: int) -> Outages:
    """Return what is out at `at_s` as known at `known_at_s`: planned outages, and forced ones begun by then."""
    units_out = _out(world, _unit_draws, seed, UNIT_BLOCK_S, (at_s, known_at_s))
    lines_out = _out(world, _line_draws, seed, LINE_BLOCK_S, (at_s, known_at_s))
    taken: tuple[int, ...] = ()
    for line in np.flatnonzero(lines_out).tolist():
        if joined(world, out_lines=(*taken, line)) and _let_out(world, line, (*taken, line)):
            taken = (*taken, line)
    return Outages(units_out, taken)


def line_changes(world: World, *, seed: int, after_s: int, upto_s: int) -> tuple[int, ...]:
    """Return when lines go out or return: starts of five-minute intervals with after_s < start <= upto_s, in order.

    An interval is as its middle is, so a change counts from the first interval whose middle it has passed.
    """
    found: set[int] = set()
    for block in range(after_s // LINE_BLOCK_S - 1, upto_s // LINE_BLOCK_S + 1):
        drawn = _line_draws(world, seed, block)
        happens = drawn.end_s > drawn.start_s
        instants = np.concatenate((drawn.start_s[happens], drawn.end_s[happens]))
        found |= set((np.ceil((instants - STEP_S // 2) / STEP_S) * STEP_S).astype(np.int64).tolist())
    return tuple(sorted(one for one in found if after_s < one <= upto_s))


def _out(
    world: World,
    draws: Callable[[World, int, int], _Draws],
    seed: int,
    block_s: int,
    at_and_known_s: tuple[int, int],
) -> BoolArray:
    """Return which elements are out; an outage begins in its block and may reach into the next one, no further."""
    at_s, known_at_s = at_and_known_s
    found = [
        (drawn.planned | (drawn.start_s <= known_at_s)) & (drawn.start_s <= at_s) & (at_s < drawn.end_s)
        for drawn in (draws(world, seed, at_s // block_s - 1), draws(world, seed, at_s // block_s))
    ]
    return found[0] | found[1]


@lru_cache(maxsize=64)
def _unit_draws(world: World, seed: int, block: int) -> _Draws:
    units = world.units
    keys = noise.stream_keys(seed=seed, names=tuple(f"outage:{name}" for name in units.names))
    chance = np.array([TRAITS[technology].outage_chance for technology in units.technology])
    return _draws(keys, chance, block, (UNIT_BLOCK_S, UNIT_LONGEST_S))


@lru_cache(maxsize=64)
def _line_draws(world: World, seed: int, block: int) -> _Draws:
    lines = world.lines
    keys = noise.stream_keys(seed=seed, names=tuple(f"outage:{name}" for name in lines))
    return _draws(
        keys,
        np.full(len(lines), min(LINE_CHANCE, MOST_LINE_OUTAGES / max(1, len(lines)))),
        block,
        (LINE_BLOCK_S, LINE_LONGEST_S),
    )


def _draws(keys: NDArray[np.uint64], chance: FloatArray, block: int, block_and_longest: tuple[int, int]) -> _Draws:
    """Return the one possible outage of each element in the block; one that does not happen ends as it starts."""
    block_s, longest_s = block_and_longest
    happens, begins, lasts, planned = (
        noise.uniform(noise.rekeyed(keys, index=question), index=block) for question in range(4)
    )
    start_s = (block + begins) * block_s
    length_s = np.where(happens < chance, (0.04 + 0.96 * lasts * lasts) * longest_s, 0.0)
    return _Draws(start_s, start_s + length_s, planned < PLANNED_SHARE)


def joined(world: World, *, out_lines: tuple[int, ...]) -> bool:
    """Return whether the lines left still join all buses that the whole network joins."""
    return _parts(world, out_lines) == _parts(world, ())


def _let_out(world: World, line: int, out_lines: tuple[int, ...]) -> bool:
    """Return whether units that always run keep an outlet for their minimum at the two buses of a line."""
    branches, units = world.network.branches, world.units
    left = branches.in_service.copy()
    left[list(out_lines)] = False
    least = np.bincount(units.bus, np.where(units.steady, units.min_mw, 0.0), len(world.buses))
    for bus in (int(branches.from_bus[line]), int(branches.to_bus[line])):
        mine = left & ((branches.from_bus == bus) | (branches.to_bus == bus))
        if least[bus] > ratings.LEAST * float(branches.rating_mw[mine].sum()):
            return False
    return True


@lru_cache(maxsize=256)
def _parts(world: World, out_lines: tuple[int, ...]) -> int:
    group = list(range(len(world.buses)))

    def root(bus: int) -> int:
        while group[bus] != bus:
            bus = group[bus]
        return bus

    branches = world.network.branches
    for line, (a, b) in enumerate(zip(branches.from_bus.tolist(), branches.to_bus.tolist(), strict=True)):
        if line not in out_lines and branches.in_service[line]:
            group[root(a)] = root(b)
    return len({root(bus) for bus in range(len(group))})
