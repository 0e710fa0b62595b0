"""The auction of transmission rights: awards that are worth most to their bidders and that the network can bear.

    maximise   sum_j bid_j x_j
    subject to sum_j a_rj x_j <= room_r - flow_r of rights held already        mu_r >= 0, rows of `ftr.feasibility`
               low_j <= x_j <= high_j

A path's price is sum_r mu_r a_rj: for an obligation the difference of nodal prices between sink and source, for an
option at least that and at least 0. Rows join as awards break them. No solver's verdict is believed: an answer counts
when feasibility, prices and complementarity, computed from the network, hold to 1e-6.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from powerdesk.grid.clearing import refusals
from powerdesk.grid.clearing.rows import NO_OUTAGE
from powerdesk.grid.ftr import feasibility
from powerdesk.grid.ftr.feasibility import Rows, Screen
from powerdesk.grid.ftr.paths import FtrError, Paths, check_mw, refuse
from powerdesk.kernel.problem import Finding
from powerdesk.solvers import conic
from powerdesk.solvers.linear import KKT_TOLERANCE, KktResidual
from powerdesk.solvers.warm import Method, Verdict, WarmProgram

if TYPE_CHECKING:
    from powerdesk.grid.types import FloatArray
    from powerdesk.solvers.warm import Answer

CLARABEL = "clarabel"
LADDER: tuple[str, ...] = (Method.SIMPLEX, Method.PRIMAL_SIMPLEX, Method.INTERIOR_POINT, CLARABEL)
MOST_ROUNDS = 400
ROWS_PER_ROUND = 60
SLACK_MW = 1e-7
"""Flow beyond a limit that is not worth a row; relative to 1 + the limit."""


@dataclass(frozen=True, eq=False, slots=True)
class Bids:
    """Per path (n_path,): most paid per MW, and least and most MW. A seller of an obligation has a low below 0."""

    per_mw: FloatArray
    low_mw: FloatArray
    high_mw: FloatArray


@dataclass(frozen=True, eq=False, slots=True)
class Auction:
    """Checked awards: per path MW and price per MW, per bus the nodal price, and the limits that made them.

    `shadow_prices` (n_row,) are per MW of `rows`; revenue is what awards pay, equal to sum mu (room - flow held).
    """

    awards_mw: FloatArray
    prices_per_mw: FloatArray
    nodal_prices: FloatArray
    rows: Rows
    shadow_prices: FloatArray
    value: float
    revenue: float
    rung: str
    rounds: int
    kkt: KktResidual


def clear(screen: Screen, bids: Bids, *, held_mw: FloatArray | None = None) -> Auction:
    """Return the awards of an auction; `held_mw` (n_path,) are rights out already, by the screen's own paths.

    Raises FtrError for bids that are no numbers, crossed or options sold, and where rights held and least awards break
    limits that no award can mend; refusals.DispatchUnverifiedError when no rung passes the check.
    """
    _check(screen.paths, bids)
    held = np.zeros(len(screen.paths)) if held_mw is None else held_mw
    check_mw(screen.paths, held)
    programme = _Programme(screen, bids, held)
    verdicts = []
    for rung in LADDER:
        answer, rounds = programme.lazily(rung)
        if answer.verdict is Verdict.INFEASIBLE:
            _explain(screen, bids, held)
        if answer.verdict is Verdict.OPTIMAL:
            found = _auction(programme, answer, rung, rounds)
            if found.kkt.worst <= KKT_TOLERANCE:
                return found
            verdicts.append(f"{rung}: residual {found.kkt.worst:.1e}")
        else:
            verdicts.append(f"{rung}: {answer.words}")
    raise refusals.unverified("; ".join(verdicts))


class _Programme:
    """The auction as a programme that grows by rows; costs are bids with the sign turned."""

    def __init__(self, screen: Screen, bids: Bids, held: FloatArray) -> None:
        self.screen, self.bids, self.held = screen, bids, held
        none = np.empty(0, np.int64)
        self.rows = Rows(none, none, np.empty(0), none, np.empty(0))
        self.matrix = np.empty((0, len(screen.paths)))
        self._known: set[tuple[int, int, int]] = set()
        self._solver = WarmProgram(cost=-bids.per_mw, lower=bids.low_mw, upper=bids.high_mw)

    @property
    def room_mw(self) -> FloatArray:
        """What the rights held leave of each row (n_row,)."""
        left: FloatArray = self.rows.room_mw - self.matrix @ self.held
        return left

    def lazily(self, rung: str) -> tuple[Answer, int]:
        """Return a rung's answer once no limit is broken, or its failure, and the rounds that it took."""
        for rounds in range(1, MOST_ROUNDS + 1):
            answer = self._solve(rung)
            if answer.verdict is not Verdict.OPTIMAL or not self._add_broken(answer.primal + self.held):
                return answer, rounds
            if rung == Method.SIMPLEX:
                rung = Method.SIMPLEX_WARM
        raise refusals.unverified(f"no end after {MOST_ROUNDS} rounds")

    def _solve(self, rung: str) -> Answer:
        if rung != CLARABEL:
            return self._solver.run(Method(rung))
        return conic.solve(
            cost=-self.bids.per_mw,
            quadratic=np.zeros(len(self.screen.paths)),
            matrix=sparse.csr_array(self.matrix),
            row_bounds=(np.full(len(self.rows), -np.inf), self.room_mw),
            column_bounds=(self.bids.low_mw, self.bids.high_mw),
        )

    def _add_broken(self, mw: FloatArray) -> bool:
        """Add the worst rows broken, of the base case first; return whether there were any that are new."""
        for base_only in (True, False):
            rows, flow = self.screen.loaded(mw, share=1.0, base_only=base_only)
            excess = flow - rows.room_mw
            order = np.argsort(-excess, kind="stable")
            order = order[excess[order] > SLACK_MW * (1.0 + np.abs(rows.room_mw[order]))]
            fresh = [at for at in order.tolist() if _key(rows, at) not in self._known]
            _, first = np.unique(rows.branch[fresh], return_index=True)
            chosen = np.array(fresh, dtype=np.int64)[np.sort(first)][:ROWS_PER_ROUND]
            if chosen.size:
                self._add(rows.pick(chosen))
                return True
        return False

    def _add(self, rows: Rows) -> None:
        made = self.screen.coefficients(rows)
        self._known |= {_key(rows, at) for at in range(len(rows))}
        self.rows = feasibility.joined((self.rows, rows))
        self.matrix = np.concatenate((self.matrix, made))
        room = rows.room_mw - made @ self.held
        self._solver.add_dense_rows(lower=np.full(len(rows), -np.inf), upper=room, matrix=made)


def _key(rows: Rows, at: int) -> tuple[int, int, int]:
    return int(rows.branch[at]), int(rows.outage[at]), int(rows.direction[at])


def _auction(programme: _Programme, answer: Answer, rung: str, rounds: int) -> Auction:
    """Return what an answer says, with its residuals; not yet accepted."""
    screen, rows = programme.screen, programme.rows
    awards = answer.primal
    shadow = np.maximum(-answer.row_duals, 0.0)  # a cost falls as the room grows
    per_mw: FloatArray = shadow @ programme.matrix
    return Auction(
        awards_mw=awards,
        prices_per_mw=per_mw,
        nodal_prices=_nodal(screen, rows, shadow),
        rows=rows,
        shadow_prices=shadow,
        value=float(programme.bids.per_mw @ awards),
        revenue=float(per_mw @ awards),
        rung=rung,
        rounds=rounds,
        kkt=_residual(programme, awards, shadow),
    )


def _nodal(screen: Screen, rows: Rows, shadow: FloatArray) -> FloatArray:
    """Return -sum_r mu_r direction_r T_r (n_bus,) by one solve: 0 at each island's reference."""
    weight = shadow * rows.direction
    count = len(screen.sensitivities.network.branches)
    pressed = np.bincount(rows.branch, weight, count).astype(np.float64)
    after = rows.outage != NO_OUTAGE
    pressed += np.bincount(rows.outage[after], (weight * rows.factor)[after], count)
    return -screen.sensitivities.bus_effect(pressed)


def _residual(programme: _Programme, awards: FloatArray, shadow: FloatArray) -> KktResidual:
    """Return how far awards and shadow prices are from optimal, from the network alone.

    primal: flow beyond any limit, over 1 + its room, and award beyond its bounds. dual: bid less price that no bound
    of its award explains. complementarity: the lesser of shadow price and unused room. Prices over 1 + the dearest bid.
    """
    screen, bids = programme.screen, programme.bids
    dearest = 1.0 + float(np.abs(bids.per_mw).max(initial=0.0))
    loaded, flow = screen.loaded(awards + programme.held, share=1.0)
    over = np.max((flow - loaded.room_mw) / (1.0 + np.abs(loaded.room_mw)), initial=0.0)
    outside = np.max(np.maximum(bids.low_mw - awards, awards - bids.high_mw), initial=0.0)
    price = _nodal(screen, programme.rows, shadow)
    wanted = bids.per_mw - np.where(screen.paths.option, shadow @ programme.matrix, screen.paths.prices(price))
    moved = np.clip(awards + wanted, bids.low_mw, bids.high_mw)
    unused = programme.room_mw - programme.matrix @ awards
    slack = np.minimum(shadow, np.maximum(unused, 0.0))
    return KktResidual(
        primal=float(max(over, outside)),
        dual=float(np.max(np.abs(moved - awards), initial=0.0)) / dearest,
        complementarity=float(np.max(slack, initial=0.0)) / dearest,
    )


def _check(paths: Paths, bids: Bids) -> None:
    sizes = {values.shape for values in (bids.per_mw, bids.low_mw, bids.high_mw)}
    if sizes != {(len(paths),)}:
        raise FtrError(
            found=f"bids of shapes {sorted(sizes)}", allowed=f"one of ({len(paths)},)", remedy="bid once for each right"
        )
    findings = []
    for at, name in enumerate(paths.names):
        low, high, price = float(bids.low_mw[at]), float(bids.high_mw[at]), float(bids.per_mw[at])
        if not (np.isfinite((low, high, price)).all() and low <= high):
            findings.append(Finding(name, f"{low} to {high} MW at {price}", "numbers, low <= high", "correct the bid"))
        elif paths.option[at] and low < 0.0:
            findings.append(Finding(name, f"{-low:g} MW of an option sold", "0 MW or more", "reduce the rights held"))
    refuse(findings, "bids of finite numbers, options bought only")


def _explain(screen: Screen, bids: Bids, held: FloatArray) -> None:
    """Raise FtrError with the limits that rights held and least awards break; return when there is none."""
    rows, flow = screen.loaded(held + np.clip(0.0, bids.low_mw, bids.high_mw), share=1.0)
    over = np.argsort(rows.room_mw - flow, kind="stable").tolist()
    names = rows.names(screen.sensitivities.network)
    refuse(
        [
            Finding(names[at], f"{flow[at]:g} MW", f"{rows.room_mw[at]:g} MW", "reduce rights held that load it")
            for at in over
        ],
        "rights held that the network can bear with the least awards",
    )
