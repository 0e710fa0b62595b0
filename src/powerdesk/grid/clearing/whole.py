"""The second and third opinion: all angles and all limits at once, by HiGHS or by Clarabel.

Columns are those of the programme and an angle per bus, in radians times the base; rows are a balance per bus and
a limit per branch. The scale matters: with angles scaled to MW, Clarabel ends a case of 10 000 buses far from the
optimum.
Nothing here uses a shift factor. Quadratic costs go to Clarabel: HiGHS's solver for them failed on three of four
published cases.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from powerdesk.grid.clearing import active_set, kkt, result
from powerdesk.grid.clearing.cuts import LossCuts
from powerdesk.grid.clearing.rows import NO_OUTAGE, FlowRows
from powerdesk.solvers import conic
from powerdesk.solvers.warm import Answer, Method, Verdict, WarmProgram

if TYPE_CHECKING:
    from powerdesk.grid.clearing.programme import Programme
    from powerdesk.grid.clearing.result import Clearing
    from powerdesk.grid.types import FloatArray, IntArray
    from powerdesk.solvers.warm import SideArray

CLARABEL = "clarabel"
SCALES = ((10.0, 0.0), (0.1, 1.0), (30.0, 0.0), (1.0, 1.0), (1.0, 0.0), (100.0, 1.0))
"""Scales that Clarabel is given in turn: of angles, and the power of the largest cost by which costs are divided. With
angles by 1 it misses our check in four of 37 published cases, by 10 in none (2026-11-21): scales decide how well its
own equilibration does. With 10 to 100 lossless direct-current lines drawn on 500 buses, round which flows cost nothing,
it misses it in 10 of 60 draws at scales of angles alone, in none with these (2026-11-22)."""

PLAIN = (1.0, 0.0)
LADDER = (Method.SIMPLEX, Method.PRIMAL_SIMPLEX, Method.INTERIOR_POINT, CLARABEL)
LARGE_LADDER = (Method.INTERIOR_POINT, Method.SIMPLEX, CLARABEL)
"""Interior point first: the simplex needs minutes from nothing where hundreds of limits bind."""


@dataclass(frozen=True, eq=False, slots=True)
class Outcome:
    """What a ladder gave: a clearing, or none with the rungs' words, and whether one called the case infeasible."""

    clearing: Clearing | None
    words: str
    infeasible: bool


class Whole:
    """The angle form of a network, kept in the solver between intervals. Not safe to share between threads."""

    def __init__(self, chosen: Programme) -> None:
        sensitivities = chosen.sensitivities
        self.programme = chosen
        self.demand_mw = chosen.network.demand_mw
        self.lower, self.upper = chosen.lower, chosen.upper
        self._held: WarmProgram | None = None
        self.warm = False
        self._bounds_held = (0, 0)
        self.rows = FlowRows(sensitivities)
        self._live = np.flatnonzero(chosen.network.live)
        self._limited = np.flatnonzero(np.isfinite(chosen.flow_low_mw) | np.isfinite(chosen.flow_high_mw))
        self._phase_flow = -sensitivities.susceptance_mw * sensitivities.shift_rad
        weighted = sparse.csr_array(sensitivities.to_buses.T)[self._limited][:, self._live] / chosen.network.base_mva
        laplacian = sensitivities.laplacian[self._live][:, self._live] / chosen.network.base_mva
        placement = chosen.placement[self._live]
        none = sparse.csr_array((self._limited.size, chosen.cost.size))
        balances, limits = sparse.hstack((placement, -laplacian)), sparse.hstack((none, weighted))
        self.matrix = sparse.csr_array(sparse.vstack((balances, limits)))
        self._is_angle = np.arange(self.matrix.shape[1]) >= chosen.cost.size

    def set_interval(self, demand_mw: FloatArray, lower: FloatArray, upper: FloatArray) -> None:
        """Take the demand (n_bus,) and column bounds of an interval."""
        self.demand_mw, self.lower, self.upper = demand_mw, lower, upper

    def attempt(self, ladder: tuple[str, ...], *, engine: str) -> Outcome:
        """Return the first rung's answer that passes the check; quadratic costs skip HiGHS."""
        verdicts: list[str] = []
        infeasible = False
        tries = [(rung, scales) for rung in ladder for scales in (SCALES if rung == CLARABEL else (PLAIN,))]
        for rung, scales in tries:
            if rung != CLARABEL and self.programme.quadratic.any():
                continue
            answer = self.solve(rung, scales=scales)
            infeasible |= answer.verdict is Verdict.INFEASIBLE
            if answer.verdict is not Verdict.OPTIMAL:
                verdicts.append(f"{rung}: {answer.words}")
                continue
            one = self.candidate(answer)
            checked = kkt.residual(self.programme, self.rows, one)
            if checked.worst <= kkt.TOLERANCE:
                self.warm = rung != CLARABEL
                objective = self.programme.objective(one.x)
                found = result.Found(engine, str(rung), 1, checked)
                clearing = result.cleared(self.programme, self.rows, one, objective_usd_per_h=objective, found=found)
                return Outcome(clearing, "", infeasible=False)
            verdicts.append(f"{rung}: residual {checked.worst:.1e}")
        return Outcome(None, "; ".join(verdicts), infeasible)

    def problem(self) -> active_set.Problem:
        """Return costs and bounds of the angle form, the rows apart; reference angles are held at zero."""
        chosen = self.programme
        free = np.full(self._live.size, np.inf)
        free[np.isin(self._live, chosen.sensitivities.reference_of)] = 0.0
        phase = self._phase_flow
        network = chosen.network
        driven = np.bincount(network.branches.from_bus, phase, self.demand_mw.size)
        driven -= np.bincount(network.branches.to_bus, phase, self.demand_mw.size)
        balance = (self.demand_mw - chosen.fixed_mw + driven)[self._live]
        low = chosen.flow_low_mw[self._limited] - phase[self._limited]
        high = chosen.flow_high_mw[self._limited] - phase[self._limited]
        return active_set.Problem(
            cost=np.concatenate((chosen.cost, np.zeros(free.size))),
            quadratic=np.concatenate((chosen.quadratic, np.zeros(free.size))),
            lower=np.concatenate((self.lower, -free)),
            upper=np.concatenate((self.upper, free)),
            rows=np.empty((0, 0)),
            row_lower=np.concatenate((balance, low)),
            row_upper=np.concatenate((balance, high)),
        )

    def solve(self, rung: str, *, scales: tuple[float, float] = PLAIN) -> Answer:
        """Return what a solver gives for the angle form; Clarabel in units of angles and costs by `scales`."""
        one = self.problem()
        if rung == CLARABEL:
            unit = (float(np.max(np.abs(one.cost), initial=0.0)) or 1.0) ** scales[1]
            answer = conic.solve(
                cost=one.cost / unit,
                quadratic=one.quadratic / unit,
                matrix=sparse.csr_array(
                    self.matrix @ sparse.diags_array(np.where(self._is_angle, 1.0 / scales[0], 1.0))
                ),
                row_bounds=(one.row_lower, one.row_upper),
                column_bounds=(one.lower, one.upper),
            )
            return replace(answer, row_duals=answer.row_duals * unit)
        if self._held is None:
            self._held = WarmProgram(cost=one.cost, lower=one.lower, upper=one.upper)
            rows = self.matrix
            start, index = rows.indptr[:-1].astype(np.int32), rows.indices.astype(np.int32)
            self._held.add_rows(lower=one.row_lower, upper=one.row_upper, start=start, index=index, value=rows.data)
        else:
            balances = slice(0, self._live.size)  # limits of flows stay
            self._held.set_rows(lower=one.row_lower[balances], upper=one.row_upper[balances])
            if self._bounds_held != (id(self.lower), id(self.upper)):
                self._held.set_columns(lower=one.lower, upper=one.upper)
        self._bounds_held = (id(self.lower), id(self.upper))
        return self._held.run(Method(rung))

    def basis(self) -> tuple[SideArray, IntArray, SideArray] | None:
        """Return HiGHS's last basis: sides of the programme's columns, branches at a limit and which; None without one.

        0 is a free column, -1 the lower and +1 the upper bound or limit.
        """
        held = self._held.basis() if self._held is not None and self.warm else None
        if held is None:
            return None
        column, row = held
        limits = row[self._live.size :]
        at = np.flatnonzero(limits)
        return column[: self.programme.cost.size], self._limited[at], limits[at]

    def candidate(self, answer: Answer) -> kkt.Candidate:
        """Return an answer for the check: flows from the injections, prices from the duals of balances and limits.

        A price is made of its energy and the limits' prices, not of its own balance's dual, so that its parts add up.
        """
        chosen = self.programme
        sensitivities = chosen.sensitivities
        x = np.clip(answer.primal[: chosen.cost.size], self.lower, self.upper)
        injection = chosen.placement @ x + chosen.fixed_mw - self.demand_mw
        balance = np.zeros(self.demand_mw.size)
        balance[self._live] = answer.row_duals[: self._live.size]
        energy = balance[sensitivities.reference_of]
        price = answer.row_duals[self._live.size :]
        pressed = np.flatnonzero(np.abs(price) > result.PRICE_TOLERANCE_USD_PER_MWH)
        branch = self._limited[pressed]
        self.rows = FlowRows(sensitivities)
        self.rows.add_plain(
            branch=branch,
            outage=np.full(branch.size, NO_OUTAGE),
            factor=np.zeros(branch.size),
            low_mw=chosen.flow_low_mw[branch],
            high_mw=chosen.flow_high_mw[branch],
        )
        lmp = np.append(energy, 0.0)[sensitivities.islands.of_bus] + self.rows.congestion(price[pressed])
        return kkt.Candidate(
            x=x,
            lower=self.lower,
            upper=self.upper,
            demand_mw=self.demand_mw,
            energy=energy,
            lmp=lmp,
            flows_mw=sensitivities.flows_mw(injection),
            row_price=price[pressed],
            injection_mw=injection,
            side_price=np.empty(0),
            loss_withdrawn_mw=np.zeros(lmp.size),
            cut_price=np.empty(0),
            cuts=LossCuts.none(chosen),
        )
