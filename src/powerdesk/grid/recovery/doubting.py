"""Whether constraints found in one interval are limits, or the marks of a topology that is not the real one.

A line of the model with a susceptance that is off by `d` moves prices p as a constraint of that line would, with

    mu = -d / b (p_from - p_to)

so that every price is explained to rounding, held-out ones too: the residual cannot tell. What can is the sign: a limit
makes its own line's ends differ by `mu T_line(from, to)` with `0 < T_line(from, to) <= 1`, in the direction of mu. If
the ends differ the other way, or by much more than mu, another positive susceptance explains the constraint away. If
they differ by mu to rounding although the line has others beside it, the line is out (`d = -b`); where so little is
beside it that a limit would look the same, the constraint is one of the two.

A line that the model lacks shows as a chain of constraints from one of its ends to the other. Susceptance times mu is
the same all along, so it cancels at the buses between. Limits of different lines cancel by chance only: as likely as
the uncertainty of the sum is a share of what meets there, and the chances of several buses multiply.

Where a limit binds on such a chain it hides that link's mark. The others keep theirs: a line from i to j of susceptance
b pushes `-b (p_i - p_j)` along the chain, against the prices of its ends, which limits on the way need not do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from powerdesk.grid.sensitivities import Sensitivities
    from powerdesk.grid.types import BoolArray, FloatArray, IntArray

MOST_DIFFERENCE = 1.5
"""Price difference over mu from which a line is doubted: it would take a third of the susceptance, or three times."""

CHANCE = 0.02
"""Chance up to which cancelling is no accident, and the topology another one."""

EVEN = 0.5
"""Chance up to which constraints that cancel may each be a limit or part of a line that is lacking."""

BRIDGE = 1e-9
"""Share beside a line up to which it is a bridge: its outage would part the network."""

LONGEST_CHAIN = 3
"""Constraints in a chain that is tried as a lacking line: on made grids of 60 buses longer ones told nothing more."""

CLEAR = 3.0
"""Roundings that a limit's price difference must be away from an outage's, for the outage to be told by it."""


@dataclass(frozen=True, eq=False, slots=True)
class Doubts:
    """Constraints (k,) that another susceptance of their line explains, or its outage; buses where some cancel.

    `either`: a limit and an outage, or a limit and a line that is lacking, would look the same.
    """

    lines: BoolArray
    outages: BoolArray
    either: BoolArray
    buses: tuple[int, ...]


def doubts(sensitivities: Sensitivities, *, branches: IntArray, mu: FloatArray, error: FloatArray) -> Doubts:
    """Return what is doubtful of constraints (k,) with `mu` in USD/MWh, each known to `error` (k,)."""
    lines = sensitivities.network.branches
    start, end = lines.from_bus[branches], lines.to_bus[branches]
    rows, size = sensitivities.rows(branches), np.abs(mu)
    price = mu @ rows
    apart = (price[start] - price[end]) * np.sign(mu)
    explained = (apart > 0.0) & (apart <= MOST_DIFFERENCE * size)
    own = np.arange(branches.size)
    beside = 1.0 - (rows[own, start] - rows[own, end])  # what other lines carry of a transfer between the ends
    as_out = (np.abs(apart - size) <= 2.0 * error) & (beside > BRIDGE)
    clear = beside * size > CLEAR * 2.0 * error
    pressed = sensitivities.susceptance_mw[branches]
    bus = np.concatenate((start, end))
    push = np.concatenate((pressed * mu, -pressed * mu))
    unsure = np.tile(np.abs(pressed) * error, 2)
    by_chance, buses = 1.0, []
    either = as_out & ~clear
    for at in np.flatnonzero(np.bincount(bus) > 1).tolist():
        here = np.flatnonzero(bus == at)
        chance, two = _accident(push[here], unsure[here])
        if chance <= EVEN:
            by_chance *= chance
            buses.append(at)
            either[here[two] % branches.size] = True
    either |= _links(sensitivities, (start, end), pressed * mu, price)
    return Doubts(~explained, as_out & clear, either, tuple(buses) if by_chance <= CHANCE else ())


def _links(
    sensitivities: Sensitivities, ends: tuple[IntArray, IntArray], push: FloatArray, price: FloatArray
) -> BoolArray:
    """Return which constraints (k,) a lacking line of a usual susceptance would leave as links of a chain.

    A chain is of several constraints, from bus to bus; limits make up the rest of the others' pushes.
    """
    out = np.zeros(push.size, dtype=bool)
    at_bus: dict[int, list[tuple[int, int, float]]] = {}
    for link, (start, end) in enumerate(zip(ends[0].tolist(), ends[1].tolist(), strict=True)):
        at_bus.setdefault(start, []).append((link, end, push[link]))
        at_bus.setdefault(end, []).append((link, start, -push[link]))
    usual = sensitivities.susceptance_mw[sensitivities.network.live_branches]
    least, most = usual[usual > 0.0].min(initial=np.inf), usual.max(initial=0.0)
    for first in at_bus:
        chains: list[tuple[int, tuple[tuple[int, float], ...]]] = [(first, ())]
        while chains:
            last, links = chains.pop()
            rise = price[last] - price[first]
            if len(links) > 1 and rise != 0.0:
                for link, pushed in links:
                    out[link] |= least <= pushed / rise <= most
            if len(links) < LONGEST_CHAIN:
                used = {link for link, _ in links}
                chains += [
                    (end, (*links, (link, pushed)))
                    for link, end, pushed in at_bus[last]
                    if link not in used and end != first
                ]
    return out


def _accident(push: FloatArray, unsure: FloatArray) -> tuple[float, IntArray]:
    """Return how likely two of what meets at a bus (n,) cancel as they do by accident, and which; 1 where none do."""
    one, other = np.triu_indices(push.size, 1)
    left, doubt = np.abs(push[one] + push[other]), unsure[one] + unsure[other]
    size = np.maximum(np.abs(push[one]), np.abs(push[other]))
    chance = np.where(left <= doubt, np.minimum(doubt / size, 1.0), 1.0)
    at = int(np.argmin(chance))
    return float(chance[at]), np.array([one[at], other[at]])
