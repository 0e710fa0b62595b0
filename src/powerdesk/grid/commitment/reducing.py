"""A programme as arrays that grow, and the smaller one that is left when some of its columns are given."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

if TYPE_CHECKING:
    from powerdesk.grid.types import BoolArray, FloatArray, IntArray


GIVEN_TOLERANCE = 1e-6
"""What a row may miss by the rounding of what is given."""

ROUNDING_USD = 1e-7
"""A reduced cost of less is HiGHS's dual tolerance."""


@dataclass(frozen=True, eq=False, slots=True)
class Programme:
    """Minimise cost'x + constant, row_lower <= rows x <= row_upper, lower <= x <= upper, x whole where `whole`."""

    cost: FloatArray
    lower: FloatArray
    upper: FloatArray
    whole: BoolArray
    rows: sparse.csr_array
    row_lower: FloatArray
    row_upper: FloatArray
    constant: float

    def grown(self, rows: sparse.csr_array, *, lower: FloatArray, upper: FloatArray, cost: FloatArray) -> Programme:
        """Return the programme with new columns of 0 or more at a cost, and new rows over all columns."""
        more = cost.size
        held = self.rows.copy()
        held.resize((held.shape[0], self.cost.size + more))
        return replace(
            self,
            cost=np.append(self.cost, cost),
            lower=np.append(self.lower, np.zeros(more)),
            upper=np.append(self.upper, np.full(more, np.inf)),
            whole=np.append(self.whole, np.zeros(more, bool)),
            rows=sparse.csr_array(sparse.vstack((held, rows), format="csr")),
            row_lower=np.append(self.row_lower, lower),
            row_upper=np.append(self.row_upper, upper),
        )

    def bounded(self, lower: FloatArray, upper: FloatArray) -> Programme:
        """Return the programme with other bounds of its columns."""
        return replace(self, lower=lower, upper=upper)


@dataclass(frozen=True, eq=False, slots=True)
class Reduced:
    """The programme of the free columns (`free`) and of the rows that still say something (`kept`), by position.

    `possible` is false when what was given breaks a row that has no other column, or bounds cross.
    """

    programme: Programme
    free: IntArray
    kept: IntArray
    given: FloatArray
    possible: bool

    def whole_point(self, primal: FloatArray) -> FloatArray:
        """Return a point of all columns."""
        point = self.given.copy()
        point[self.free] = primal
        return point


def reduced(programme: Programme, *, keep: IntArray | None = None) -> Reduced:
    """Return the programme without columns of equal bounds; rows left with one column become bounds of it.

    Rows in `keep` stay as they are, for their duals.
    """
    free = np.flatnonzero(programme.upper > programme.lower)
    given = np.where(programme.upper > programme.lower, 0.0, programme.lower)
    left = sparse.csr_array(sparse.csc_array(programme.rows)[:, free])
    known = programme.rows @ given
    low, high = programme.row_lower - known, programme.row_upper - known
    lower, upper = programme.lower[free], programme.upper[free]
    count = np.diff(left.indptr)
    staying = count > 1
    if keep is not None:
        staying[keep] = True
    crossing = _tighten(left, np.flatnonzero((count == 1) & ~staying), (low, high), (lower, upper))
    empty = count == 0
    broken = max(np.max(low[empty], initial=0.0), np.max(-high[empty], initial=0.0))
    kept = np.flatnonzero(staying)
    small = Programme(
        cost=programme.cost[free],
        lower=lower,
        upper=upper,
        whole=programme.whole[free],
        rows=sparse.csr_array(left[kept]),
        row_lower=low[kept],
        row_upper=high[kept],
        constant=programme.constant + float(programme.cost @ given),
    )
    return Reduced(small, free, kept, given, possible=bool(max(crossing, broken) <= GIVEN_TOLERANCE))


def _tighten(
    rows: sparse.csr_array,
    single: IntArray,
    row_bounds: tuple[FloatArray, FloatArray],
    bounds: tuple[FloatArray, FloatArray],
) -> float:
    """Turn rows of one column into bounds of that column, in place; return by how much bounds cross at most."""
    lower, upper = bounds
    at = rows.indptr[single]
    column, value = rows.indices[at], rows.data[at]
    ends = np.stack([one[single] / value for one in row_bounds])
    np.maximum.at(lower, column, ends.min(axis=0))
    np.minimum.at(upper, column, ends.max(axis=0))
    crossing = float(np.max(lower - upper, initial=0.0))
    np.maximum(upper, lower, out=upper)
    return crossing


def lagrangian_bound(programme: Programme, row_duals: FloatArray) -> float:
    """Return what no point of the programme's relaxation costs less than, by weak duality from the data alone.

    Duals of the wrong sign for a bound that is infinite count as zero, so that any duals give a bound; a reduced cost
    that would need an infinite bound of a column gives -inf unless it is rounding.
    """
    dual = np.where(np.isinf(programme.row_lower), np.minimum(row_duals, 0.0), row_duals)
    dual = np.where(np.isinf(programme.row_upper), np.maximum(dual, 0.0), dual)
    reduced_cost = programme.cost - programme.rows.T @ dual
    reduced_cost[np.abs(reduced_cost) < ROUNDING_USD] = 0.0
    side = np.where(dual > 0.0, programme.row_lower, programme.row_upper)
    bound = np.where(reduced_cost > 0.0, programme.lower, programme.upper)
    rows = float(dual[dual != 0.0] @ side[dual != 0.0])
    pressed = reduced_cost != 0.0
    return programme.constant + rows + float(reduced_cost[pressed] @ bound[pressed])
