"""What every reader of networks gives, and what they share: costs of generators, names made unique."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from powerdesk.grid.types import FloatArray, IntArray, Network
    from powerdesk.kernel.problem import Finding


@dataclass(frozen=True, eq=False, slots=True)
class Reading:
    """A network read from a file, and notes on what the file holds and the network does not."""

    network: Network
    notes: tuple[Finding, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Costs:
    """Polynomials (n_gen, 3) from the constant up, and the points of piecewise curves."""

    polynomial: FloatArray
    start: IntArray
    power: FloatArray
    cost: FloatArray

    @staticmethod
    def of(polynomial: FloatArray, points: list[tuple[Sequence[float], Sequence[float]]]) -> Costs:
        """Return the costs of generators from polynomials (n_gen, 3) and the powers and costs of their points."""
        counts = [len(power) for power, _ in points]
        power = np.array([one for line, _ in points for one in line], dtype=np.float64)
        cost = np.array([one for _, line in points for one in line], dtype=np.float64)
        return Costs(polynomial, np.concatenate(([0], np.cumsum(counts))).astype(np.int64), power, cost)


def numbered(names: list[str]) -> tuple[str, ...]:
    """Return the names made unique: the second `a` is `a #2`."""
    seen: Counter[str] = Counter()
    taken: set[str] = set()
    out = []
    for name in names:
        seen[name] += 1
        unique = name if seen[name] == 1 and name not in taken else f"{name} #{max(seen[name], 2)}"
        while unique in taken:
            seen[name] += 1
            unique = f"{name} #{seen[name]}"
        taken.add(unique)
        out.append(unique)
    return tuple(out)
