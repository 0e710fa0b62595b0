"""One call for one interval of one network, by the engine of choice."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from powerdesk.grid.clearing import extensive, programme, refusals, whole
from powerdesk.grid.clearing.cuts import Losses
from powerdesk.grid.clearing.session import Session
from powerdesk.grid.sensitivities import Sensitivities
from powerdesk.grid.types import NetworkError
from powerdesk.solvers.warm import Method

if TYPE_CHECKING:
    from powerdesk.grid.clearing.result import Clearing
    from powerdesk.grid.types import BranchModel, FloatArray, Network


LARGE_BUSES = 3_000
"""Buses from which the angle form goes to the interior point first."""


class Engine(StrEnum):
    """Formulation and solver; all three agree, which is a proof that ships."""

    PTDF = "ptdf"
    """Shift-factor rows on demand, HiGHS: the fast one, and the one that knows losses."""
    ANGLE = "angle"
    """All angles and limits at once, HiGHS; Clarabel for quadratic costs."""
    CLARABEL = "clarabel"
    """All angles and limits at once, Clarabel's interior point."""


def clear(
    network: Network,
    *,
    model: BranchModel,
    engine: Engine = Engine.PTDF,
    losses: Losses = Losses.NONE,
    demand_mw: FloatArray | None = None,
) -> Clearing:
    """Return the verified optimum of a network for a demand (n_bus,), the case's own when none is given.

    Raises refusals.InfeasibleError or refusals.DispatchUnverifiedError; NetworkError for losses beyond an engine.
    """
    sensitivities = Sensitivities(network, model=model)
    if engine is Engine.PTDF:
        return Session(sensitivities, losses=losses).clear(demand_mw=demand_mw)
    if losses is Losses.NONE:
        return clear_whole(sensitivities, engine=engine, demand_mw=demand_mw)
    chosen = programme.of(sensitivities)
    if engine is Engine.ANGLE and (losses is Losses.BRANCH or chosen.quadratic.any()):
        raise NetworkError(
            found=f"losses '{losses}' with the engine '{engine}'",
            allowed="linear costs, and losses that are not of each branch",
            remedy="use the engine 'clarabel'",
        )
    return extensive.clear(
        chosen,
        extensive.Wanted(losses=losses),
        rung=Method.SIMPLEX if engine is Engine.ANGLE else extensive.CLARABEL,
        demand_mw=network.demand_mw if demand_mw is None else demand_mw,
    )


def clear_whole(sensitivities: Sensitivities, *, engine: Engine, demand_mw: FloatArray | None = None) -> Clearing:
    """Return the verified optimum of the angle form, by HiGHS's ladder or by Clarabel alone; raises as `clear`."""
    held = whole.Whole(programme.of(sensitivities))
    if demand_mw is not None:
        held.set_interval(demand_mw, held.lower, held.upper)
    ladder: tuple[str, ...] = (whole.CLARABEL,)
    if engine is Engine.ANGLE:
        ladder = whole.LADDER if len(sensitivities.network.buses) <= LARGE_BUSES else whole.LARGE_LADDER
    words: list[str] = []
    asked = False
    for rung in ladder:
        outcome = held.attempt((rung,), engine=engine.value)
        if outcome.clearing is not None:
            return outcome.clearing
        words.append(outcome.words)
        if outcome.infeasible and not asked:  # at once: the other rungs may take minutes to say it again
            Session(sensitivities).clear(demand_mw=demand_mw)  # raises with the conflict, unless the solver erred
            asked = True
    raise refusals.unverified("; ".join(filter(None, words)))
