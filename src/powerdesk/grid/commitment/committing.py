"""Commit units: search for a plan, check it from the data, and say what is proven of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from powerdesk.grid import commitment_case
from powerdesk.grid.commitment import checking, diagnosis
from powerdesk.grid.commitment import fleet as fleets
from powerdesk.grid.commitment.modelling import Model
from powerdesk.grid.commitment.plan import Commitment, Status, UnverifiedCommitmentError
from powerdesk.grid.commitment.searching import Search
from powerdesk.grid.types import NetworkError
from powerdesk.solvers import budget as budgets

if TYPE_CHECKING:
    from collections.abc import Callable

    from powerdesk.grid.commitment_case import CommitmentCase
    from powerdesk.grid.types import BoolArray

DEFAULT_GAP = 1e-3
DEFAULT_TIME_LIMIT_S = 60.0
EXPLAINING_SHARE = 0.1
"""Of the time limit, what an explanation may take beyond it where there is no plan."""


def commit(
    case: CommitmentCase,
    *,
    gap: float = DEFAULT_GAP,
    time_limit_s: float = DEFAULT_TIME_LIMIT_S,
    most_nodes: int | None = None,
    like: BoolArray | None = None,
    clock: Callable[[], float] = budgets.WALL,
) -> Commitment:
    """Return a plan proven to be within `gap` of the best, or the best found within the time limit.

    `most_nodes` bounds branch and bound whatever the machine's speed; with 0 there is none unless nothing else finds a
    plan, which costs some three solutions of the relaxation. `like` (n, n_unit) is a plan to begin from, yesterday's
    for example; it need not be feasible. The time limit counts all of the search by `clock`, seconds of the wall unless
    another is given; a part of the search takes a share of what is left at most, so that the same question gives the
    same answer only where no limit of time ends a part. Without a plan it says so within a tenth of the limit more.
    Raises NetworkError for a case that does not fit together, InfeasibleCommitmentError with hours and units
    in conflict, UnverifiedCommitmentError.
    """
    budget = budgets.Budget(time_limit_s, clock=clock)
    found = commitment_case.faults(case, file=case.name)
    if found:
        raise NetworkError(
            found=f"{case.name}: {len(found)} fault(s)", allowed="none", remedy="correct the case", findings=found
        )
    fleet = fleets.of(case)
    diagnosis.refuse(case, fleet)
    model = Model(case, fleet)
    search = Search(model, gap=gap, budget=budget)
    answer = search.run(most_nodes=most_nodes, like=like)
    if answer is None:
        left_s = max(budget.left_s(), EXPLAINING_SHARE * time_limit_s)
        diagnosis.explain(model, time_limit_s=min(diagnosis.TIME_LIMIT_S, left_s))
        raise UnverifiedCommitmentError(
            found=f"{case.name}: no plan within {time_limit_s:g} s{search.nearest()}",
            allowed="a plan that keeps every limit",
            remedy="allow more time, or give prices to shortfalls",
        )
    on, dispatch = answer.on, answer.dispatch
    wrong = checking.faults(case, on=on, dispatch=dispatch, flows=model.flows)
    if wrong:
        raise UnverifiedCommitmentError(
            found=f"a plan with {len(wrong)} fault(s), first {wrong[0]}",
            allowed="none",
            remedy="report the case: the solver broke its own rows",
            findings=wrong,
        )
    costs = checking.costs(case, on=on, dispatch=dispatch, flows=model.flows)
    start, stop = checking.states(case, on=on)
    bound = min(search.bound_usd, costs.total)
    proven = (costs.total - bound) / max(abs(costs.total), 1.0)
    return Commitment(
        status=Status.WITHIN_GAP if proven <= gap else Status.STOPPED,
        on=on,
        start=start,
        stop=stop,
        dispatch=dispatch,
        costs=costs,
        objective_usd=costs.total,
        bound_usd=bound,
        gap=proven,
        seconds=budget.spent_s(),
        parting_outages=model.flows.parting if model.flows else (),
    )
