"""Outages of units and lines, decided per element and block of days, so that any instant can be asked alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from powerdesk.simulation import network, noise
from powerdesk.simulation.fleet import Technology, fleet

if TYPE_CHECKING:
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


def outages(*, seed: int, at_s: int, known_at_s: int) -> Outages:
    """Return what is out at `at_s` as known at `known_at_s`: planned outages, and forced ones begun by then."""
    units, grid = fleet(), network.network()
    unit_keys = noise.stream_keys(seed=seed, names=tuple(f"outage:{name}" for name in units.names))
    line_keys = noise.stream_keys(seed=seed, names=tuple(f"outage:{name}" for name in grid.lines))
    unit_chance = np.array([UNIT_CHANCE[technology] for technology in units.technology])
    units_out = _out(unit_keys, unit_chance, (UNIT_BLOCK_S, UNIT_LONGEST_S), at_s, known_at_s)
    line_chance = np.full(len(grid.lines), LINE_CHANCE)
    lines_out = _out(line_keys, line_chance, (LINE_BLOCK_S, LINE_LONGEST_S), at_s, known_at_s)
    taken: tuple[int, ...] = ()
    for line in np.flatnonzero(lines_out).tolist():
        if network.joined(out_lines=(*taken, line)):
            taken = (*taken, line)
    return Outages(units_out, taken)


def _out(
    keys: NDArray[np.uint64], chance: FloatArray, block_and_longest: tuple[int, int], at_s: int, known_at_s: int
) -> BoolArray:
    """Return which elements are out; an outage begins in its block and may reach into the next one, no further."""
    block_s, longest_s = block_and_longest
    out = np.zeros(keys.size, dtype=np.bool_)
    for block in (at_s // block_s - 1, at_s // block_s):
        happens, begins, lasts, planned = (
            noise.uniform(noise.rekeyed(keys, index=question), index=block) for question in range(4)
        )
        start_s = block * block_s + begins * block_s
        end_s = start_s + (0.04 + 0.96 * lasts * lasts) * longest_s
        seen = (planned < PLANNED_SHARE) | (start_s <= known_at_s)
        out |= (happens < chance) & seen & (start_s <= at_s) & (at_s < end_s)
    return out
