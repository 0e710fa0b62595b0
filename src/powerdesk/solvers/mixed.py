"""Mixed-integer linear programmes by HiGHS, on one thread: rows join, bounds move, plans are offered as starts.

HiGHS's verdict, objective and bound are reported, never trusted: whoever asks checks the answer from the data. Runs are
repeatable unless the time limit ends them; `most_nodes` is the limit that keeps them so.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import highspy
import numpy as np

from powerdesk.solvers.linear import LinearProgramError, SparseRows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]
    BoolArray = NDArray[np.bool_]

MOST_NODES = 2_000_000_000
FEASIBILITY_TOLERANCE = 1e-7
INTEGER_TOLERANCE = 1e-6


class MixedVerdict(StrEnum):
    """What the solver says of a run."""

    OPTIMAL = "optimal"
    """Within the gap asked for."""
    STOPPED = "stopped"
    """At a limit of time or nodes, or with a point that is good enough."""
    INFEASIBLE = "infeasible"
    FAILED = "failed"


@dataclass(frozen=True, eq=False, slots=True)
class MixedAnswer:
    """One run: verdict, the solver's words, objective and bound (infinite without), primal (n_column,) or empty.

    `seconds` is the solver's own time. Of a relaxation `row_duals` (n_row,) are given too.
    """

    verdict: MixedVerdict
    words: str
    objective: float
    bound: float
    seconds: float
    primal: FloatArray
    row_duals: FloatArray


class MixedProgram:
    """Minimise cost'x + offset within bounds, some columns whole numbers."""

    def __init__(
        self,
        *,
        cost: FloatArray,
        lower: FloatArray,
        upper: FloatArray,
        whole: BoolArray,
        rows: SparseRows,
        row_bounds: tuple[FloatArray, FloatArray],
        offset: float = 0.0,
    ) -> None:
        sound = (lower <= upper).all() and (row_bounds[0] <= row_bounds[1]).all()
        if not (sound and np.isfinite(cost).all() and np.isfinite(rows.value).all()):
            raise LinearProgramError(
                found="other numbers", allowed="finite costs and entries, lower <= upper", remedy="check the inputs"
            )
        self._engine = highspy.Highs()  # type: ignore[no-untyped-call]  # highspy annotates no constructor
        self._set(output_flag=False, threads=1, random_seed=0)
        self._set(primal_feasibility_tolerance=FEASIBILITY_TOLERANCE, mip_feasibility_tolerance=INTEGER_TOLERANCE)
        self.n_columns, self.n_rows = cost.size, row_bounds[0].size
        self.seconds = 0.0
        """What all runs took, by the solver's own clock."""
        self._whole = np.flatnonzero(whole).astype(np.int32)
        self._relaxed = False
        model = highspy.HighsLp()
        model.num_row_, model.num_col_, model.offset_ = self.n_rows, self.n_columns, offset
        model.col_cost_, model.col_lower_, model.col_upper_ = cost, lower, upper
        model.row_lower_, model.row_upper_ = row_bounds
        model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        model.a_matrix_.start_, model.a_matrix_.index_, model.a_matrix_.value_ = rows.start, rows.index, rows.value
        kinds = (highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger)
        model.integrality_ = [kinds[int(one)] for one in whole]
        self._engine.passModel(model)

    def _set(self, **options: Any) -> None:
        for name, value in options.items():
            self._engine.setOptionValue(name, value)

    def add_columns(self, *, cost: FloatArray, lower: FloatArray, upper: FloatArray) -> None:
        """Append columns without entries; rows that join later may use them."""
        none = np.empty(0, np.int32)
        self._engine.addCols(cost.size, cost, lower, upper, 0, np.zeros(cost.size, np.int32), none, np.empty(0))
        self.n_columns += cost.size

    def add_rows(self, *, lower: FloatArray, upper: FloatArray, rows: SparseRows) -> None:
        """Append rows."""
        self._engine.addRows(lower.size, lower, upper, rows.value.size, rows.start[:-1], rows.index, rows.value)
        self.n_rows += lower.size

    def set_columns(self, *, at: NDArray[np.int64], lower: FloatArray, upper: FloatArray) -> None:
        """Set the bounds of columns by position."""
        self._engine.changeColsBounds(at.size, at.astype(np.int32), lower, upper)

    def relax(self, *, time_limit_s: float) -> MixedAnswer:
        """Solve with whole numbers let go, from the last basis where there is one."""
        self._integrality(highspy.HighsVarType.kContinuous, relaxed=True)
        self._set(time_limit=self._until(time_limit_s), solver="simplex", presolve="off")
        return self._run()

    def solve(
        self,
        *,
        gap: float,
        time_limit_s: float,
        most_nodes: int | None = None,
        enough: float = -np.inf,
        start: FloatArray | None = None,
    ) -> MixedAnswer:
        """Solve to a relative gap, or to a point that costs no more than `enough`.

        `start` (n_column,) tells values of whole columns to begin from, NaN where it says nothing.
        """
        self._integrality(highspy.HighsVarType.kInteger, relaxed=False)
        self._engine.clearSolver()
        self._set(presolve="on", solver="choose")
        self._set(
            time_limit=self._until(time_limit_s),
            mip_rel_gap=gap,
            mip_abs_gap=0.0,
            mip_max_nodes=most_nodes or MOST_NODES,
            objective_target=enough,
        )
        if start is not None:
            told = np.flatnonzero(np.isfinite(start)).astype(np.int32)
            engine: Any = self._engine  # its stub knows one of the two forms
            engine.setSolution(told.size, told, start[told])
        return self._run()

    def _until(self, time_limit_s: float) -> float:
        """Return a limit on HiGHS's clock, which goes on from run to run."""
        return float(self._engine.getRunTime()) + max(time_limit_s, 0.0)

    def _integrality(self, kind: Any, *, relaxed: bool) -> None:
        if relaxed != self._relaxed:
            engine: Any = self._engine
            engine.changeColsIntegrality(self._whole.size, self._whole, np.full(self._whole.size, int(kind), np.uint8))
            self._relaxed = relaxed

    def _run(self) -> MixedAnswer:
        engine = self._engine
        before = float(engine.getRunTime())
        engine.run()
        took = float(engine.getRunTime()) - before
        self.seconds += took
        status, info = engine.getModelStatus(), engine.getInfo()
        verdict = _VERDICTS.get(status, MixedVerdict.FAILED)
        held = info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible
        solution = engine.getSolution()
        none = np.empty(0)
        if self._relaxed:
            bound = info.objective_function_value if verdict is MixedVerdict.OPTIMAL else -np.inf
        else:
            bound = info.mip_dual_bound
        return MixedAnswer(
            verdict,
            str(engine.modelStatusToString(status)),
            float(info.objective_function_value) if held else float("inf"),
            float(bound),
            took,
            np.array(solution.col_value, np.float64) if held else none,
            np.array(solution.row_dual, np.float64) if self._relaxed and held else none,
        )


_VERDICTS = {
    highspy.HighsModelStatus.kOptimal: MixedVerdict.OPTIMAL,
    highspy.HighsModelStatus.kInfeasible: MixedVerdict.INFEASIBLE,
    highspy.HighsModelStatus.kTimeLimit: MixedVerdict.STOPPED,
    highspy.HighsModelStatus.kIterationLimit: MixedVerdict.STOPPED,
    highspy.HighsModelStatus.kObjectiveTarget: MixedVerdict.STOPPED,
    highspy.HighsModelStatus.kSolutionLimit: MixedVerdict.STOPPED,
    highspy.HighsModelStatus.kInterrupt: MixedVerdict.STOPPED,
}
