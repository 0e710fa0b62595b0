"""Why there is no dispatch: the smallest set of limits found that cannot hold together.

First every row may give way at a price (elastic relaxation): the least total violation says how far the case is from a
dispatch, and the prices of that relaxation name a set of limits in conflict (Farkas). Then one limit after the other is
left out; what stays in conflict without it did not need it (deletion filter).
Chinneck (2008), "Feasibility and Infeasibility in Optimization", chapters 6 and 7.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from powerdesk.grid.clearing.refusals import InfeasibleError
from powerdesk.grid.clearing.result import constraint_name
from powerdesk.kernel.problem import Finding
from powerdesk.solvers.warm import Method, Verdict, WarmProgram

if TYPE_CHECKING:
    from powerdesk.grid.clearing.active_set import Problem
    from powerdesk.grid.clearing.programme import Programme
    from powerdesk.grid.clearing.reduced import ReducedProgramme
    from powerdesk.grid.types import FloatArray, IntArray

VIOLATION_TOLERANCE_MW = 1e-5
"""Total violation below which a case counts as feasible and the solver's verdict as an error."""

PRICE_TOLERANCE = 1e-7
MOST_DELETIONS = 60
"""Programmes solved to shrink the conflict; limits beyond it are reported without being tried."""

MOST_NAMES = 5


@dataclass(frozen=True, eq=False, slots=True)
class _Member:
    """A limit in the conflict, or a group of like ones: the rows, lower and upper column bounds that make it."""

    finding: Finding
    rows: IntArray
    lower: IntArray
    upper: IntArray
    weight: float


def explain(reduced: ReducedProgramme) -> None:
    """Raise InfeasibleError that names the conflict; return when the relaxation finds that there is none."""
    problem = reduced.problem()
    least, price = _relaxed(problem)
    if least <= VIOLATION_TOLERANCE_MW:
        return
    members = _shrunk(problem, _members(reduced, problem, price))
    raise InfeasibleError(
        found=f"limits that {least:.6g} MW at least must break: " + "; ".join(one.finding.pointer for one in members),
        allowed="limits that some dispatch keeps",
        remedy="relax one of the limits named, or give penalty steps",
        findings=tuple(one.finding for one in members),
    )


def _relaxed(problem: Problem) -> tuple[float, FloatArray]:
    """Return the least total violation of rows in MW, and the row prices of that relaxation (n_row,)."""
    n_row, n_column = problem.rows.shape
    engine = WarmProgram(
        cost=np.concatenate((np.zeros(n_column), np.ones(2 * n_row))),
        lower=np.concatenate((problem.lower, np.zeros(2 * n_row))),
        upper=np.concatenate((problem.upper, np.full(2 * n_row, np.inf))),
    )
    eye = np.eye(n_row)
    engine.add_dense_rows(lower=problem.row_lower, upper=problem.row_upper, matrix=np.hstack((problem.rows, eye, -eye)))
    for method in (Method.SIMPLEX, Method.INTERIOR_POINT):
        answer = engine.run(method)
        if answer.verdict is Verdict.OPTIMAL:
            return float(answer.primal[n_column:].sum()), answer.row_duals
    return 0.0, np.zeros(n_row)


def _members(reduced: ReducedProgramme, problem: Problem, price: FloatArray) -> list[_Member]:
    """Return the limits that the relaxation's prices press, generators' limits as two groups, heaviest first."""
    programme = reduced.programme
    none = np.empty(0, np.int64)
    members = []
    for at in np.flatnonzero(np.abs(price) > PRICE_TOLERANCE).tolist():
        finding = _row_finding(reduced, at, float(price[at]))
        members.append(_Member(finding, np.array([at]), none, none, abs(float(price[at]))))
    pull = problem.rows.T @ price
    for side, pressed in ((1, pull > PRICE_TOLERANCE), (-1, pull < -PRICE_TOLERANCE)):
        bound = problem.upper if side > 0 else problem.lower
        held = np.flatnonzero(pressed & np.isfinite(bound))
        if held.size:
            finding = _column_finding(programme, held, bound, side)
            weight = float(np.max(np.abs(pull[held])))
            members.append(_Member(finding, none, none if side > 0 else held, held if side > 0 else none, weight))
    return sorted(members, key=lambda one: -one.weight)


def _row_finding(reduced: ReducedProgramme, at: int, price: float) -> Finding:
    islands = reduced.programme.sensitivities.islands
    if at < islands.count:
        inside = islands.of_bus == at
        demand = float(reduced.demand_mw[inside].sum())
        name = f"the demand of island {at + 1} ({int(inside.sum())} buses)"
        return Finding(name, f"{demand:.6g} MW", "what its generators can give", "shed load or add supply")
    if at < islands.count + len(reduced.programme.side):
        return Finding(
            "a reserve requirement or a unit's room for it", "reserves", "what units can hold", "shorten them"
        )
    flow = np.flatnonzero(reduced.flow_at == at)
    if not flow.size:
        return Finding("the losses", "a tangent of r f^2", "losses that the dispatch covers", "clear without losses")
    row, rows = int(flow[0]), reduced.rows
    direction = -1 if price > 0.0 else 1
    limit = float(rows.high_mw[row] if direction > 0 else rows.low_mw[row])
    name = constraint_name(reduced.programme, int(rows.branch[row]), int(rows.outage[row]), direction)
    return Finding(f"the limit of {name}", f"{limit:.6g} MW", "a limit that the demand allows", "raise or soften it")


def _column_finding(programme: Programme, at: IntArray, bound: FloatArray, side: int) -> Finding:
    names = programme.network.generators.name
    owners = sorted({int(one) for one in programme.generator[at] if one >= 0})
    shown = ", ".join(names[one] for one in owners[:MOST_NAMES]) + (", ..." if len(owners) > MOST_NAMES else "")
    word = "upper" if side > 0 else "lower"
    lines = int((programme.hvdc[at] >= 0).sum())
    of = f"{len(owners)} generator(s)" + (f" and {lines} direct-current line(s)" if lines else "")
    name = f"the {word} limits of {of}: {shown}" if owners else f"the {word} limits of {of}"
    remedy = "offer more" if side > 0 else "allow them to go lower"
    return Finding(name, f"{float(bound[at].sum()):.6g} MW in all", "limits that the demand allows", remedy)


def _shrunk(problem: Problem, members: list[_Member]) -> list[_Member]:
    """Return a conflict from which no tried member can be left out, lightest tried first."""
    kept = list(members)
    for one in sorted(members, key=lambda member: member.weight)[:MOST_DELETIONS]:
        fewer = [other for other in kept if other is not one]
        if fewer and _relaxed(_only(problem, fewer))[0] > VIOLATION_TOLERANCE_MW:
            kept = fewer
    return kept


def _only(problem: Problem, members: list[_Member]) -> Problem:
    """Return the programme with every limit free that no member holds."""
    lower, upper = np.full(problem.lower.size, -np.inf), np.full(problem.upper.size, np.inf)
    rows = np.unique(np.concatenate([one.rows for one in members])).astype(np.int64)
    for one in members:
        lower[one.lower], upper[one.upper] = problem.lower[one.lower], problem.upper[one.upper]
    return replace(
        problem,
        lower=lower,
        upper=upper,
        rows=problem.rows[rows],
        row_lower=problem.row_lower[rows],
        row_upper=problem.row_upper[rows],
    )
