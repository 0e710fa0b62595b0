"""A linear programme kept in the solver between solves: bounds move, rows join, and the last basis starts the next.

Signs as in `solvers.linear`: a row's dual is the change of the objective per unit by which its binding bound rises.
HiGHS's own verdict is reported, never trusted: whoever asks checks the answer from the data. Its ways to fail that are
known: an error from the dual simplex on an ordinary programme, a wrong optimum after a warm start (ERGO-Code/HiGHS
issue 3194); hence several methods, tried in the order of `Method`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import highspy
import numpy as np

from powerdesk.solvers.linear import LinearProgramError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]
    SideArray = NDArray[np.int8]


ITERATION_LIMIT = 500_000
TIME_LIMIT_S = 300.0
"""Bound of one method's run; the ladder goes on with the next."""

FEASIBILITY_TOLERANCE = 1e-9
"""HiGHS's own default is 1e-7, absolute: too wide for prices that must agree to 1e-7 USD/MWh."""


class Method(StrEnum):
    """A way to solve, in the order of the ladder."""

    SIMPLEX_WARM = "simplex-warm"
    SIMPLEX = "simplex"
    PRIMAL_SIMPLEX = "primal-simplex"
    INTERIOR_POINT = "interior-point"


class Verdict(StrEnum):
    """What the solver says of a run."""

    OPTIMAL = "optimal"
    INFEASIBLE = "infeasible"
    FAILED = "failed"


@dataclass(frozen=True, eq=False, slots=True)
class Answer:
    """One run: verdict, the solver's words, primal (n_column,) and row duals (n_row,); empty unless optimal."""

    verdict: Verdict
    words: str
    primal: FloatArray
    row_duals: FloatArray


OPTIONS: dict[Method, dict[str, Any]] = {
    Method.SIMPLEX_WARM: {"solver": "simplex", "simplex_strategy": 1, "presolve": "off"},
    Method.SIMPLEX: {"solver": "simplex", "simplex_strategy": 1, "presolve": "off"},
    Method.PRIMAL_SIMPLEX: {"solver": "simplex", "simplex_strategy": 4, "presolve": "off"},
    Method.INTERIOR_POINT: {"solver": "ipm", "simplex_strategy": 1, "presolve": "on"},
}


class WarmProgram:
    """Minimise cost'x within bounds, held by HiGHS on one thread; columns are fixed in number but for `add_columns`."""

    def __init__(self, *, cost: FloatArray, lower: FloatArray, upper: FloatArray) -> None:
        self._engine = highspy.Highs()  # type: ignore[no-untyped-call]  # highspy annotates no constructor
        for name, value in (
            ("output_flag", False),
            ("threads", 1),
            ("random_seed", 0),
            ("simplex_iteration_limit", ITERATION_LIMIT),
            ("time_limit", TIME_LIMIT_S),
            ("primal_feasibility_tolerance", FEASIBILITY_TOLERANCE),
            ("dual_feasibility_tolerance", FEASIBILITY_TOLERANCE),
        ):
            self._engine.setOptionValue(name, value)
        self._method: Method | None = None
        self.n_columns = 0
        self.n_rows = 0
        none = np.empty(0, np.int32)
        self.add_columns(cost=cost, lower=lower, upper=upper, start=none, index=none, value=np.empty(0))

    def add_columns(
        self,
        *,
        cost: FloatArray,
        lower: FloatArray,
        upper: FloatArray,
        start: IntArray,
        index: IntArray,
        value: FloatArray,
    ) -> None:
        """Append columns with their entries in rows there are (CSC without the last start); they start at a bound."""
        _require(np.isfinite(cost).all() and (lower <= upper).all(), "columns with finite costs and lower <= upper")
        starts = start if start.size else np.zeros(cost.size, np.int32)
        self._engine.addCols(cost.size, cost, lower, upper, value.size, starts, index, value)
        self.n_columns += cost.size

    def add_rows(
        self, *, lower: FloatArray, upper: FloatArray, start: IntArray, index: IntArray, value: FloatArray
    ) -> None:
        """Append rows (CSR without the last start); the basis stays, the new rows basic."""
        _require((lower <= upper).all() and np.isfinite(value).all(), "rows with finite entries and lower <= upper")
        self._engine.addRows(lower.size, lower, upper, value.size, start, index, value)
        self.n_rows += lower.size

    def add_dense_rows(self, *, lower: FloatArray, upper: FloatArray, matrix: FloatArray) -> None:
        """Append rows given whole (k, n_columns); entries of zero are left out."""
        held = matrix != 0.0
        counts = held.sum(axis=1)
        start = np.concatenate(([0], np.cumsum(counts)[:-1])).astype(np.int32)
        index = np.nonzero(held)[1].astype(np.int32)
        self.add_rows(lower=lower, upper=upper, start=start, index=index, value=matrix[held])

    def set_rows(self, *, lower: FloatArray, upper: FloatArray) -> None:
        """Set the bounds of the first rows (len(lower),)."""
        _require((lower <= upper).all(), "row bounds with lower <= upper")
        engine: Any = self._engine  # its stub lacks the call
        engine.changeRowsBounds(lower.size, np.arange(lower.size, dtype=np.int32), lower, upper)

    def set_columns(self, *, lower: FloatArray, upper: FloatArray) -> None:
        """Set the bounds of the first columns (len(lower),)."""
        _require((lower <= upper).all(), "column bounds with lower <= upper")
        self._engine.changeColsBounds(lower.size, np.arange(lower.size, dtype=np.int32), lower, upper)

    def set_costs(self, cost: FloatArray) -> None:
        """Set the costs of the first columns (len(cost),)."""
        _require(np.isfinite(cost).all(), "finite costs")
        self._engine.changeColsCost(cost.size, np.arange(cost.size, dtype=np.int32), cost)

    def basis(self) -> tuple[SideArray, SideArray] | None:
        """Return where the last basis has columns and rows: 0 basic, -1 at the lower, +1 at the upper bound."""
        held = self._engine.getBasis()
        if not held.valid:
            return None
        side = {highspy.HighsBasisStatus.kBasic: 0, highspy.HighsBasisStatus.kUpper: 1}
        columns, rows = ([side.get(one, -1) for one in part] for part in (held.col_status, held.row_status))
        return np.array(columns, np.int8), np.array(rows, np.int8)

    def run(self, method: Method) -> Answer:
        """Solve; SIMPLEX_WARM goes on from the last basis, the other methods forget it."""
        engine = self._engine
        if method is not self._method:
            for name, value in OPTIONS[method].items():
                engine.setOptionValue(name, value)
            self._method = method
        if method is not Method.SIMPLEX_WARM:
            engine.clearSolver()
        engine.run()
        status = engine.getModelStatus()
        if status == highspy.HighsModelStatus.kOptimal:
            found = engine.getSolution()
            primal, duals = np.array(found.col_value, np.float64), np.array(found.row_dual, np.float64)
            if primal.size == self.n_columns and duals.size == self.n_rows:
                return Answer(Verdict.OPTIMAL, "Optimal", primal, duals)
        infeasible = status == highspy.HighsModelStatus.kInfeasible
        none = np.empty(0)
        words = str(engine.modelStatusToString(status))
        return Answer(Verdict.INFEASIBLE if infeasible else Verdict.FAILED, words, none, none)


def _require(held: object, allowed: str) -> None:
    if not held:
        raise LinearProgramError(found="other numbers", allowed=allowed, remedy="check the inputs for NaN and order")
