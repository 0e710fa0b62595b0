"""Outages of units and lines, decided per element and block of days, so that any instant can be asked alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from powerdesk.simulation import network, noise
from powerdesk.simulation.fleet import Technology, fleet

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    BoolArray = NDArray[np.bool_]

DAY_S = 86_400
UNIT_BLOCK_S = 15 * DAY_S
LINE_BLOCK_S = 20 * DAY_S
PLANNED_SHARE = 0.6
"""Planned outages are known to the day-ahead market before they begin; the others only once they have begun."""

UNIT_CHANCE = {
    Technology.NUCLEAR: 0.05,
    Technology.COAL: 0.20,
    Technology.GAS_COMBINED_CYCLE: 0.13,
    Technology.GAS_TURBINE: 0.12,
    Technology.OIL: 0.12,
    Technology.HYDRO: 0.05,
    Technology.WIND: 0.03,
    Technology.SOLAR: 0.03,
}
"""Chance of one outage per block."""

UNIT_LONGEST_S = 9 * DAY_S
LINE_CHANCE = 0.10
LINE_LONGEST_S = 4 * DAY_S


@dataclass(frozen=True, slots=True)
class Outages:
    """What is out: units (n_unit,) and the positions of lines, never so many that the grid falls apart."""

    units: BoolArray
    lines: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Draws:
    """The outages of one block of days: from and to in s since 1970, and whether planned, each (n_element,)."""

    start_s: FloatArray
    end_s: FloatArray
    planned: BoolArray


def outages(*, seed: int, at_s: int, known_at_s: int) -> Outages:
    """Return what is out at `at_s` as known at `known_at_s`: planned outages, and forced ones begun by then."""
    units_out = _out(_unit_draws, seed, UNIT_BLOCK_S, (at_s, known_at_s))
    lines_out = _out(_line_draws, seed, LINE_BLOCK_S, (at_s, known_at_s))
    taken: tuple[int, ...] = ()
    for line in np.flatnonzero(lines_out).tolist():
        if network.joined(out_lines=(*taken, line)):
            taken = (*taken, line)
    return Outages(units_out, taken)


def _out(draws: Callable[[int, int], _Draws], seed: int, block_s: int, at_and_known_s: tuple[int, int]) -> BoolArray:
    """Return which elements are out; an outage begins in its block and may reach into the next one, no further."""
    at_s, known_at_s = at_and_known_s
    found = [
        (drawn.planned | (drawn.start_s <= known_at_s)) & (drawn.start_s <= at_s) & (at_s < drawn.end_s)
        for drawn in (draws(seed, at_s // block_s - 1), draws(seed, at_s // block_s))
    ]
    return found[0] | found[1]


@lru_cache(maxsize=64)
def _unit_draws(seed: int, block: int) -> _Draws:
    units = fleet()
    keys = noise.stream_keys(seed=seed, names=tuple(f"outage:{name}" for name in units.names))
    chance = np.array([UNIT_CHANCE[technology] for technology in units.technology])
    return _draws(keys, chance, block, (UNIT_BLOCK_S, UNIT_LONGEST_S))


@lru_cache(maxsize=64)
def _line_draws(seed: int, block: int) -> _Draws:
    lines = network.network().lines
    keys = noise.stream_keys(seed=seed, names=tuple(f"outage:{name}" for name in lines))
    return _draws(keys, np.full(len(lines), LINE_CHANCE), block, (LINE_BLOCK_S, LINE_LONGEST_S))


def _draws(keys: NDArray[np.uint64], chance: FloatArray, block: int, block_and_longest: tuple[int, int]) -> _Draws:
    """Return the one possible outage of each element in the block; one that does not happen ends as it starts."""
    block_s, longest_s = block_and_longest
    happens, begins, lasts, planned = (
        noise.uniform(noise.rekeyed(keys, index=question), index=block) for question in range(4)
    )
    start_s = (block + begins) * block_s
    length_s = np.where(happens < chance, (0.04 + 0.96 * lasts * lasts) * longest_s, 0.0)
    return _Draws(start_s, start_s + length_s, planned < PLANNED_SHARE)
