"""Linear programmes by HiGHS, on one thread, cold unless a basis is given, accepted only by our own KKT check.

Signs, for `minimise c'x subject to row_lower <= A x <= row_upper, col_lower <= x <= col_upper`:
`row_duals[i]` is the change of the optimal objective per unit by which row i's binding bound rises (so >= 0 at a lower
bound and <= 0 at an upper bound) and `reduced_costs = c - A' row_duals` is the same for a column's bound.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar

import highspy
import numpy as np

from powerdesk.kernel.problem import Problem

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]

KKT_TOLERANCE = 1e-6
"""Largest scaled residual of an accepted answer; HiGHS itself aims at 1e-7."""

ITERATION_LIMIT = 200_000


class Method(StrEnum):
    """The rung of the ladder that gave the answer."""

    SIMPLEX_WARM = "simplex-warm"
    SIMPLEX = "simplex"
    INTERIOR_POINT = "interior-point"


class LinearProgramError(Problem):
    """The arrays of a linear programme do not fit together or hold a number that is not one."""

    status: ClassVar[int] = 422
    slug: ClassVar[str] = "linear-program-malformed"
    title: ClassVar[str] = "The linear programme is malformed"


class UnsolvedError(Problem):
    """No rung of the ladder gave an answer that passes the KKT check."""

    status: ClassVar[int] = 422
    slug: ClassVar[str] = "linear-program-unsolved"
    title: ClassVar[str] = "The linear programme has no verified optimum"


@dataclass(frozen=True, slots=True)
class SparseRows:
    """A matrix by rows (CSR): `start` (n_rows + 1,), `index` and `value` (n_nonzeros,)."""

    start: IntArray
    index: IntArray
    value: FloatArray
    n_columns: int

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.start.size - 1, self.n_columns

    def times(self, x: FloatArray) -> FloatArray:
        """Return A x (n_rows,)."""
        rows = np.repeat(np.arange(self.start.size - 1), np.diff(self.start))
        sums = np.bincount(rows, weights=self.value * x[self.index], minlength=self.start.size - 1)
        return sums.astype(np.float64)

    def transpose_times(self, y: FloatArray) -> FloatArray:
        """Return A' y (n_columns,)."""
        weights = self.value * np.repeat(y, np.diff(self.start))
        return np.bincount(self.index, weights=weights, minlength=self.n_columns).astype(np.float64)


@dataclass(frozen=True, slots=True)
class LinearProgram:
    """Minimise `cost`'x within row and column bounds; infinite bounds are +-inf; n columns, m rows.

    `matrix` is dense (m, n) or SparseRows. Raises LinearProgramError on shapes that do not fit, NaN, or crossed bounds.
    """

    cost: FloatArray
    matrix: FloatArray | SparseRows
    row_lower: FloatArray
    row_upper: FloatArray
    col_lower: FloatArray
    col_upper: FloatArray

    def __post_init__(self) -> None:
        n_rows, n_columns = self.row_lower.size, self.cost.size
        shapes = {
            "matrix": (self.matrix.shape, (n_rows, n_columns)),
            "row_upper": (self.row_upper.shape, (n_rows,)),
            "col_lower": (self.col_lower.shape, (n_columns,)),
            "col_upper": (self.col_upper.shape, (n_columns,)),
        }
        for name, (found, allowed) in shapes.items():
            if found != allowed:
                raise LinearProgramError(
                    found=f"{name} of shape {found}", allowed=f"{allowed}", remedy="give arrays of one programme"
                )
        values = self.matrix.value if isinstance(self.matrix, SparseRows) else self.matrix
        if not (np.isfinite(self.cost).all() and np.isfinite(values).all()):
            raise LinearProgramError(
                found="a cost or matrix entry that is not finite", allowed="finite numbers", remedy="check the inputs"
            )
        if not ((self.row_lower <= self.row_upper).all() and (self.col_lower <= self.col_upper).all()):
            raise LinearProgramError(
                found="a lower bound above its upper bound, or NaN", allowed="lower <= upper", remedy="check the bounds"
            )

    def activity(self, x: FloatArray) -> FloatArray:
        """Return A x (m,)."""
        if isinstance(self.matrix, SparseRows):
            return self.matrix.times(x)
        product: FloatArray = self.matrix @ x
        return product

    def priced(self, y: FloatArray) -> FloatArray:
        """Return A' y (n,)."""
        if isinstance(self.matrix, SparseRows):
            return self.matrix.transpose_times(y)
        product: FloatArray = self.matrix.T @ y
        return product


@dataclass(frozen=True, slots=True)
class Basis:
    """A simplex basis: `highspy.HighsBasisStatus` of columns (n,) and of rows (m,)."""

    columns: tuple[highspy.HighsBasisStatus, ...]
    rows: tuple[highspy.HighsBasisStatus, ...]

    def grown(self, *, n_new_columns: int, n_new_rows: int) -> Basis:
        """Return the basis of the same programme with columns (at lower bound) and rows (basic) appended."""
        at_lower, basic = highspy.HighsBasisStatus.kLower, highspy.HighsBasisStatus.kBasic
        return Basis(self.columns + (at_lower,) * n_new_columns, self.rows + (basic,) * n_new_rows)


@dataclass(frozen=True, slots=True)
class KktResidual:
    """How far an answer is from the optimality conditions, each part scaled by the size of its data."""

    primal: float
    dual: float
    complementarity: float

    @property
    def worst(self) -> float:
        """The largest part; NaN when any part is NaN."""
        return float(np.max([self.primal, self.dual, self.complementarity]))


@dataclass(frozen=True, slots=True)
class LinearSolution:
    """An accepted optimum: primal (n,), row activity and duals (m,), reduced costs (n,); signs as stated above."""

    objective: float
    primal: FloatArray
    row_activity: FloatArray
    row_duals: FloatArray
    reduced_costs: FloatArray
    basis: Basis | None
    method: Method
    kkt: KktResidual


def kkt_residual(program: LinearProgram, solution: LinearSolution) -> KktResidual:
    """Return the residuals computed from the programme's data and (x, y) alone; the solver's own claims are not used.

    primal: worst bound violation over 1 + |bound|. dual: worst part of y or of c - A'y that would need a bound which
    is infinite, and the worst gap to the reported reduced costs, over 1 + max|c|. complementarity: worst product of
    such a part with the distance to its bound, over 1 + |c'x|. Boyd & Vandenberghe (2004), section 5.5.3.
    """
    x, y = solution.primal, solution.row_duals
    activity = program.activity(x)
    reduced = program.cost - program.priced(y)
    cost_scale = 1.0 + float(np.max(np.abs(program.cost), initial=0.0))
    objective_scale = 1.0 + abs(float(program.cost @ x))
    primal = dual = slackness = 0.0
    for value, price, lower, upper in (
        (activity, y, program.row_lower, program.row_upper),
        (x, reduced, program.col_lower, program.col_upper),
    ):
        for bound, gap, part in ((lower, value - lower, price), (upper, upper - value, -price)):
            pressing = np.maximum(part, 0.0)
            finite = np.isfinite(bound)
            violation = np.maximum(-gap[finite], 0.0) / (1.0 + np.abs(bound[finite]))
            primal = max(primal, float(np.max(violation, initial=0.0)))
            dual = max(dual, float(np.max(pressing[~finite], initial=0.0)) / cost_scale)
            product = np.abs(pressing[finite] * gap[finite])
            slackness = max(slackness, float(np.max(product, initial=0.0)) / objective_scale)
    gap_to_reported = np.abs(reduced - solution.reduced_costs)
    dual = max(dual, float(np.max(gap_to_reported, initial=0.0)) / cost_scale)
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        primal = dual = slackness = float("nan")
    return KktResidual(primal, dual, slackness)


def solve(program: LinearProgram, *, basis: Basis | None = None) -> LinearSolution:
    """Return a verified optimum of the programme.

    Ladder: simplex from `basis` when given, simplex cold, interior point with crossover; each rung's answer is taken
    only when HiGHS says optimal and our residual is at most KKT_TOLERANCE. The same programme and basis give the same
    bits on one platform. Raises UnsolvedError (infeasible, unbounded, or unverifiable).
    """
    ladder = [Method.SIMPLEX, Method.INTERIOR_POINT]
    if basis is not None:
        ladder.insert(0, Method.SIMPLEX_WARM)
    verdicts: list[str] = []
    for method in ladder:
        engine = _loaded_engine(program, method, basis)
        engine.run()
        status = engine.getModelStatus()
        if status != highspy.HighsModelStatus.kOptimal:
            verdicts.append(f"{method}: {engine.modelStatusToString(status)}")
            continue
        solution = _read(program, engine, method)
        if solution.kkt.worst <= KKT_TOLERANCE:
            return solution
        verdicts.append(f"{method}: KKT residual {solution.kkt.worst:.2e}")
    raise UnsolvedError(
        found="; ".join(verdicts),
        allowed=f"an optimum with scaled KKT residual <= {KKT_TOLERANCE:.0e}",
        remedy="check bounds for infeasibility and the data for extreme scaling",
    )


def _loaded_engine(program: LinearProgram, method: Method, basis: Basis | None) -> highspy.Highs:
    """Return a fresh solver holding the programme, so that nothing is carried from one solve to the next."""
    engine = highspy.Highs()  # type: ignore[no-untyped-call]  # highspy annotates no constructor
    interior = method is Method.INTERIOR_POINT
    options: dict[str, Any] = {
        "output_flag": False,
        "threads": 1,
        "random_seed": 0,
        "solver": "ipm" if interior else "simplex",
        "presolve": "on" if interior else "off",
        "simplex_iteration_limit": ITERATION_LIMIT,
        "ipm_iteration_limit": 1_000,
    }
    for name, value in options.items():
        engine.setOptionValue(name, value)
    engine.passModel(_highs_model(program))
    if method is Method.SIMPLEX_WARM and basis is not None:
        start = highspy.HighsBasis()
        start.col_status, start.row_status = list(basis.columns), list(basis.rows)
        engine.setBasis(start)
    return engine


def _highs_model(program: LinearProgram) -> highspy.HighsLp:
    """Return the programme in HiGHS's own shape, by rows."""
    model = highspy.HighsLp()
    n_rows, n_columns = program.row_lower.size, program.cost.size
    model.num_row_, model.num_col_ = n_rows, n_columns
    model.col_cost_ = program.cost
    model.col_lower_, model.col_upper_ = program.col_lower, program.col_upper
    model.row_lower_, model.row_upper_ = program.row_lower, program.row_upper
    model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    if isinstance(program.matrix, SparseRows):
        rows = program.matrix
    else:
        held = program.matrix != 0.0
        start = np.concatenate(([0], np.cumsum(held.sum(axis=1))))
        index = np.nonzero(held)[1]
        rows = SparseRows(start.astype(np.int32), index.astype(np.int32), program.matrix[held], n_columns)
    model.a_matrix_.start_, model.a_matrix_.index_, model.a_matrix_.value_ = rows.start, rows.index, rows.value
    return model


def _read(program: LinearProgram, engine: highspy.Highs, method: Method) -> LinearSolution:
    """Return HiGHS's answer with our residual of it; not yet accepted."""
    answer, held = engine.getSolution(), engine.getBasis()
    primal = np.asarray(answer.col_value, dtype=np.float64)
    basis = None
    if held.valid:
        basis = Basis(tuple(held.col_status), tuple(held.row_status))
    unchecked = LinearSolution(
        objective=float(program.cost @ primal),
        primal=primal,
        row_activity=program.activity(primal),
        row_duals=np.asarray(answer.row_dual, dtype=np.float64),
        reduced_costs=np.asarray(answer.col_dual, dtype=np.float64),
        basis=basis,
        method=method,
        kkt=KktResidual(float("nan"), float("nan"), float("nan")),
    )
    return LinearSolution(
        unchecked.objective,
        unchecked.primal,
        unchecked.row_activity,
        unchecked.row_duals,
        unchecked.reduced_costs,
        unchecked.basis,
        unchecked.method,
        kkt_residual(program, unchecked),
    )
