"""Security: a dispatch whose flows stay within emergency limits after any single outage that keeps the network whole.

Screening by outage factors finds the limits that outages would break; they join the programme as rows, and the dispatch
is found anew, until the screening finds nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from powerdesk.grid import contingencies
from powerdesk.grid.clearing import refusals

if TYPE_CHECKING:
    from powerdesk.grid.clearing.result import Clearing
    from powerdesk.grid.clearing.session import Session
    from powerdesk.grid.contingencies import Overloads
    from powerdesk.grid.types import FloatArray, IntArray

MOST_ROUNDS = 60
ROWS_PER_ROUND = 60
NEAR = 0.9
"""Share of a limit from which an outage is screened again in each round; all are screened before the answer."""

SCREEN_TOLERANCE_MW = 1e-3
"""Overload after an outage that is let pass: far below any rating, far above the rounding of factors."""


def clear(
    session: Session,
    *,
    outages: IntArray,
    limits_mw: FloatArray,
    demand_mw: FloatArray | None = None,
) -> Clearing:
    """Return the optimum that keeps `limits_mw` (n_branch,) after each of the `outages` (positions of branches).

    Outages must keep the network whole: take them from contingencies.single_outages. The session keeps the rows for the
    next interval. Raises what Session.clear raises, and refusals.DispatchUnverifiedError after MOST_ROUNDS.
    """
    near = outages
    for _ in range(MOST_ROUNDS):
        cleared = session.clear(demand_mw=demand_mw)
        found = contingencies.screen(
            session.sensitivities,
            flows_mw=cleared.flows_mw,
            limits_mw=limits_mw * NEAR,
            outages=near,
            tolerance_mw=SCREEN_TOLERANCE_MW,
        )
        fresh = _fresh(session, found, limits_mw)
        if not fresh.size and near.size == outages.size:
            return cleared
        near = np.unique(found.outage) if fresh.size else outages
        worst = _one_per_branch(found.branch, fresh)[:ROWS_PER_ROUND]
        limit = limits_mw[found.branch[worst]]
        if worst.size:
            session.add_rows(
                branch=found.branch[worst],
                outage=found.outage[worst],
                factor=found.factor[worst],
                low_mw=-limit,
                high_mw=limit,
            )
    raise refusals.DispatchUnverifiedError(
        found=f"outages that still overload branches after {MOST_ROUNDS} rounds",
        allowed="a dispatch that no outage overloads",
        remedy="screen fewer outages, or give penalty steps",
    )


def _fresh(session: Session, found: Overloads, limits_mw: FloatArray) -> IntArray:
    """Return which of the pairs found break their limit and are not rows yet, worst first."""
    rows = session.rows
    held = set(zip(rows.branch.tolist(), rows.outage.tolist(), strict=True))
    excess = np.abs(found.flow_mw) - limits_mw[found.branch] - SCREEN_TOLERANCE_MW
    order = np.argsort(-excess, kind="stable")
    order = order[excess[order] > 0.0]
    pairs = zip(found.branch[order].tolist(), found.outage[order].tolist(), strict=True)
    return order[[pair not in held for pair in pairs]]


def _one_per_branch(branch: IntArray, fresh: IntArray) -> IntArray:
    """Return the worst fresh overload of each branch, in order of severity: its other outages follow if they must."""
    first = np.unique(branch[fresh], return_index=True)[1]
    return fresh[np.sort(first)]
