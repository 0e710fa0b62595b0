"""Exchanges of a dual simplex method among a few basic parts: which leaves, what enters, how the rest moves.

The slopes of all that broke a bound are known at once, and exchanges are worked off on them alone; the basis follows
by one change (Koberstein 2005, "The dual simplex method", sections 3.3 and 6.2, for the order and the tolerances).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from powerdesk.grid.types import FloatArray, IntArray
    from powerdesk.solvers.warm import SideArray

NEAR = 1e-9
"""Of a bound, over 1 + its size."""

LEAST_PIVOT = 1e-7


@dataclass(eq=False, slots=True)
class Block:
    """What is basic and broke a bound (k,), the column at a `place` or a `row` (-1 for the other), with its slopes.

    Indices of a block are those of the vertex, then its own parts, which become indices as they leave the basis.
    `slope` (k, index) and `start` (k,) stay as they were found; `slopes`, `value`, `sides` (index,) and `prices` move
    with each exchange. `done` (k,) is the bound to which a part went, 0 while it is basic.
    """

    place: IntArray
    row: IntArray
    low: FloatArray
    high: FloatArray
    start: FloatArray
    slope: FloatArray
    sides: FloatArray
    prices: FloatArray
    ranges: FloatArray
    slopes: FloatArray = field(init=False)
    value: FloatArray = field(init=False)
    weight: FloatArray = field(init=False)
    done: SideArray = field(init=False)
    left: list[int] = field(default_factory=list)
    entered: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        count = self.start.size
        self.slopes = np.concatenate((self.slope, np.zeros((count, count))), axis=1)
        self.weight = np.sqrt(1.0 + np.einsum("ij,ij->i", self.slope, self.slope))
        self.value, self.done = self.start.copy(), np.zeros(count, np.int8)
        none = np.zeros(count)
        self.sides, self.prices = np.concatenate((self.sides, none)), np.concatenate((self.prices, none))
        self.ranges = np.concatenate((self.ranges, none + np.inf))  # its own parts end a block before they pass

    def worst(self) -> tuple[int, float] | None:
        """Return the part that is furthest from its bounds over the length of its slopes, and the way to go."""
        gap = np.maximum(self.low - self.value, 0.0) + np.minimum(self.high - self.value, 0.0)
        gap[(np.abs(gap) <= NEAR * (1.0 + np.abs(self.value))) | (self.done != 0)] = 0.0
        at = int(np.argmax(np.abs(gap) / self.weight))
        return (at, float(gap[at])) if gap[at] != 0.0 else None

    def pass_over(self, passed: IntArray) -> FloatArray:
        """Move indices to their other bounds; return by how much."""
        over: FloatArray = -self.sides[passed] * self.ranges[passed]
        self.sides[passed] *= -1.0
        self.value += self.slopes[:, passed] @ over
        self.start += self.slope[:, passed] @ over
        return over

    def exchange(self, at: int, entering: int, sign: int) -> None:
        """Let a part go to the bound it broke, by moving an index off its own."""
        own = self.slope.shape[1] + at
        gap = (self.low[at] if sign > 0 else self.high[at]) - self.value[at]
        slope = self.slopes[at].copy()
        share, price = self.slopes[:, entering] / slope[entering], self.prices[entering] / slope[entering]
        self.value += share * gap
        self.prices -= price * slope
        self.slopes -= share[:, None] * slope
        self.sides[entering], self.sides[own] = 0.0, -sign
        self.prices[entering], self.prices[own] = 0.0, price
        self.slopes[:, entering], self.slopes[:, own] = 0.0, share
        self.done[at] = -sign
        self.left.append(at)
        self.entered.append(entering)


def entering(block: Block, slope: FloatArray, gap: float, slack: float) -> tuple[int, IntArray] | None:
    """Return the index that closes a gap at the least price, after those that only pass to their other bound.

    None when all together cannot (the bound flipping ratio test: Maros 2003, section 9.4).
    """
    pull = -block.sides * slope  # above zero: to leave the bound helps
    able = np.flatnonzero(pull > LEAST_PIVOT)
    pull = pull[able]
    price = np.maximum(-block.sides[able] * block.prices[able], 0.0)
    passed: list[int] = []
    while able.size:
        near = np.flatnonzero(price / pull <= np.min((price + slack) / pull))
        best = int(near[np.argmax(pull[near])])
        gap -= pull[best] * block.ranges[able[best]]
        if gap <= 0.0:
            return int(able[best]), np.array(passed, np.int64)
        passed.append(int(able[best]))
        able, pull, price = (np.delete(one, best) for one in (able, pull, price))
    return None
