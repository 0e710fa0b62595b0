"""Why there is no plan: orders that contradict each other, and where limits must give way for a plan to be.

Every row may give way at a price (elastic relaxation), first with states in parts, then with whole ones; the rows that
do, at the least total, name hours and units.
Chinneck (2008), "Feasibility and Infeasibility in Optimization", chapter 6.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from powerdesk.grid.commitment import modelling
from powerdesk.grid.commitment.plan import InfeasibleCommitmentError
from powerdesk.grid.types import NetworkError
from powerdesk.kernel.problem import Finding
from powerdesk.solvers.mixed import MixedVerdict

if TYPE_CHECKING:
    from powerdesk.grid.commitment.fleet import Fleet
    from powerdesk.grid.commitment.modelling import Model
    from powerdesk.grid.commitment.reducing import Programme
    from powerdesk.grid.commitment_case import CommitmentCase
    from powerdesk.grid.types import FloatArray, IntArray

GIVING_TOLERANCE = 1e-4
"""A row that gives way by less, in MW or in states, does not."""

STATE_PRICE = 1_000.0
"""A state that gives way costs as much as so many MW: it names units only where MW alone do not help."""

TIME_LIMIT_S = 30.0
MOST_FINDINGS = 40
IN_STATES = frozenset({"a start", "the least up time", "the least down time", "a start's cost", "a cost", "a segment"})


def refuse(case: CommitmentCase, fleet: Fleet) -> None:
    """Raise for starts that get cheaper with hours off, and for orders that times before the first interval forbid."""
    falling = [unit.name for unit in case.units if any(np.diff([one.cost_usd for one in unit.start_costs]) < 0.0)]
    if falling:
        raise NetworkError(
            found=f"start costs that fall with hours off: {', '.join(falling[:5])}",
            allowed="costs that rise or stay",
            remedy="sort the start costs",
        )
    crossed = np.argwhere(fleet.on_least > fleet.on_most).tolist()
    if crossed:
        findings = tuple(
            Finding(
                f"{case.units[unit].name}, interval {at}",
                "on by order or by its time up before the first interval, and off by order or by its time down",
                "one of them",
                "change the order or the state before",
            )
            for at, unit in crossed[:MOST_FINDINGS]
        )
        raise InfeasibleCommitmentError(
            found=f"{len(crossed)} order(s) that contradict each other, first {findings[0].pointer}",
            allowed="orders that some plan keeps",
            remedy="change one of them",
            findings=findings,
        )


def explain(model: Model, *, time_limit_s: float = TIME_LIMIT_S) -> None:
    """Raise InfeasibleCommitmentError that names what must give way; return when a plan may exist after all."""
    elastic, giving = _elastic(model)
    engine = modelling.engine_of(elastic)
    answer = engine.relax(time_limit_s=time_limit_s)
    if answer.verdict is MixedVerdict.OPTIMAL and answer.objective <= GIVING_TOLERANCE:
        answer = engine.solve(gap=0.0, time_limit_s=time_limit_s)
    if not answer.primal.size or not answer.bound > GIVING_TOLERANCE:
        return  # a search that the time ended has proven nothing, whatever gives way in its point
    first = elastic.cost.size - 2 * giving.size
    slack = answer.primal[first : first + giving.size] + answer.primal[first + giving.size :]
    findings = _findings(model, giving, slack)
    raise InfeasibleCommitmentError(
        found=f"limits of which {len(findings)} must give way at least: "
        + "; ".join(f"{one.pointer} ({one.found})" for one in findings[:3]),
        allowed="limits that some plan keeps",
        remedy="add capacity or time where they give way, or give shortfalls a price",
        findings=findings,
    )


def _elastic(model: Model) -> tuple[Programme, IntArray]:
    """Return the programme whose every row may give way, at no other cost, and its rows by position."""
    programme = model.strict()
    n_row = programme.row_lower.size
    price = np.ones(n_row)
    for block in model.made.rows.blocks:
        if block.subject in IN_STATES:
            price[block.first : block.first + block.interval.size] = STATE_PRICE
    eye = sparse.eye_array(n_row, format="csr")
    made = replace(
        programme,
        cost=np.concatenate((np.zeros(programme.cost.size), price, price)),
        lower=np.concatenate((programme.lower, np.zeros(2 * n_row))),
        upper=np.concatenate((programme.upper, np.full(2 * n_row, np.inf))),
        whole=np.concatenate((programme.whole, np.zeros(2 * n_row, bool))),
        rows=sparse.csr_array(sparse.hstack((programme.rows, eye, -eye), format="csr")),
        constant=0.0,
    )
    return made, np.arange(n_row)


def _findings(model: Model, rows: IntArray, slack: FloatArray) -> tuple[Finding, ...]:
    """Return what gives way, most first."""
    found: list[Finding] = []
    for at in np.argsort(-slack, kind="stable").tolist():
        if slack[at] <= GIVING_TOLERANCE or len(found) == MOST_FINDINGS:
            break
        subject, place = _named(model, int(rows[at]))
        unit = "" if subject in IN_STATES else " MW"
        found.append(
            Finding(place, f"{subject} that must give way by {slack[at]:.6g}{unit}", "a limit that holds", "relax it")
        )
    return tuple(found)


def _named(model: Model, row: int) -> tuple[str, str]:
    """Return what a row is about, and its element and interval."""
    case = model.case
    for block in model.made.rows.blocks:
        if block.first <= row < block.first + block.interval.size:
            interval, owner = int(block.interval[row - block.first]), int(block.owner[row - block.first])
            if block.subject == "the balance":
                name = f"the demand of island {owner + 1}"
            elif block.subject == "a reserve":
                name = case.reserves[owner].name
            else:
                name = case.units[owner].name
            return block.subject, f"{name}, interval {interval}"
    row -= model.made.rows.count
    for limits in model.limits:
        if row < limits.line.size:
            return "a limit", f"{case.lines[limits.line[row]].name}, interval {int(limits.interval[row])}"
        row -= limits.line.size
    return "a limit", case.name
