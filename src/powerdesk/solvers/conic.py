"""Linear and convex quadratic programmes by Clarabel's interior point: a second make of solver, without a warm start.

Signs as in `solvers.linear`. The answer is not checked here: whoever asks checks it from the data.
Goulart & Chen (2024), "Clarabel: an interior-point solver for conic programs with quadratic objectives".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import clarabel
import numpy as np
from scipy import sparse

from powerdesk.solvers.warm import Answer, Verdict

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

TOLERANCE = 1e-10
"""Of feasibility and gap. Asked for less, it ends large cases as `AlmostSolved`, at its reduced tolerance of 5e-5."""

ITERATION_LIMIT = 200
TIME_LIMIT_S = 300.0


@dataclass(frozen=True, eq=False, slots=True)
class Cone:
    """A second-order cone: z = matrix x + offset with z_0 at least the length of the rest."""

    matrix: sparse.csr_array
    offset: FloatArray


def solve(
    *,
    cost: FloatArray,
    quadratic: FloatArray,
    matrix: sparse.csr_array,
    row_bounds: tuple[FloatArray, FloatArray],
    column_bounds: tuple[FloatArray, FloatArray],
    cones: tuple[Cone, ...] = (),
) -> Answer:
    """Minimise sum(cost x + quadratic x^2) subject to bounds on rows and columns; `quadratic` (n,) is 0 or more.

    Rows whose bounds agree become equalities; infinite bounds are left out. Second-order cones come last.
    """
    n_column = cost.size
    below = np.concatenate((row_bounds[0], column_bounds[0]))
    above = np.concatenate((row_bounds[1], column_bounds[1]))
    whole = sparse.vstack((matrix, sparse.eye_array(n_column)), format="csr")
    equal = np.flatnonzero(below == above)
    high = np.flatnonzero((below != above) & np.isfinite(above))
    low = np.flatnonzero((below != above) & np.isfinite(below))
    left = sparse.csc_matrix(sparse.vstack((whole[equal], whole[high], -whole[low], *(-one.matrix for one in cones))))
    right = np.concatenate((above[equal], above[high], -below[low], *(one.offset for one in cones)))
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.max_threads = 1
    settings.max_iter = ITERATION_LIMIT
    settings.time_limit = TIME_LIMIT_S
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = TOLERANCE
    kinds = [clarabel.ZeroConeT(equal.size), clarabel.NonnegativeConeT(high.size + low.size)]
    kinds += [clarabel.SecondOrderConeT(one.offset.size) for one in cones]
    square = sparse.csc_matrix(sparse.diags_array(2.0 * quadratic))
    found = clarabel.DefaultSolver(square, cost, left, right, kinds, settings).solve()
    words = str(found.status)
    if words not in {"Solved", "AlmostSolved"}:
        infeasible = words in {"PrimalInfeasible", "AlmostPrimalInfeasible"}
        none = np.empty(0)
        return Answer(Verdict.INFEASIBLE if infeasible else Verdict.FAILED, words, none, none)
    multiplier = np.asarray(found.z)
    duals = np.zeros(below.size)
    duals[equal] = -multiplier[: equal.size]
    duals[high] -= multiplier[equal.size : equal.size + high.size]
    duals[low] += multiplier[equal.size + high.size :][: low.size]
    return Answer(Verdict.OPTIMAL, words, np.asarray(found.x), duals[: row_bounds[0].size])
