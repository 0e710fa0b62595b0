"""The default engine: shift-factor rows on demand, kept warm from one interval to the next.

A small programme holds the columns, one balance row per island and only the flow limits that some dispatch has broken.
Each round solves it, computes all flows by one sparse solve, and adds the worst limits broken; an interval that follows
starts from the rows, the basis and the factorisation of the last one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from powerdesk.grid.clearing import cuts, diagnosis, kkt, programme, reduced, refusals, reserving, result, whole
from powerdesk.grid.clearing.cuts import Losses
from powerdesk.grid.clearing.reduced import ReducedProgramme
from powerdesk.grid.clearing.rows import NO_OUTAGE, FlowRows
from powerdesk.grid.clearing.whole import Whole
from powerdesk.grid.types import NetworkError
from powerdesk.solvers.warm import Method, Verdict

if TYPE_CHECKING:
    from powerdesk.grid.clearing.reduced import Optimum
    from powerdesk.grid.clearing.reserving import ReserveProduct
    from powerdesk.grid.clearing.result import Clearing
    from powerdesk.grid.clearing.rows import PenaltyStep
    from powerdesk.grid.sensitivities import Sensitivities
    from powerdesk.grid.types import FloatArray, IntArray
    from powerdesk.solvers.linear import KktResidual

ROWS_PER_ROUND = 30
"""Limits added in one round: most of the first round's would turn out slack once the worst are kept."""

CROWDED_ROWS = 400
"""Rows from which a session goes over to the angle form, unless it has losses, penalty steps or quadratic costs.

With 1 300 rows of 8 387 buses a warm interval takes HiGHS 140 ms by rows and 35 ms by angles (2026-11-21)."""

MOST_ROUNDS = 400
LOSS_TOLERANCE = 1e-7
"""Losses that the cuts may miss, over 1 + the losses."""

MOST_ROWS = 4_000
"""Bounds of the loop. The largest published case tried so far (10 480 buses) needs some hundreds of rows."""


class Session:
    """One network cleared again and again. Not safe to share between threads."""

    def __init__(
        self,
        sensitivities: Sensitivities,
        *,
        steps: tuple[PenaltyStep, ...] = (),
        losses: Losses = Losses.NONE,
        loss_weights: FloatArray | None = None,
        loss_base_mw: FloatArray | None = None,
        reserves: tuple[ReserveProduct, ...] = (),
    ) -> None:
        self.sensitivities = sensitivities
        self.losses = losses
        self._loss_base_mw = loss_base_mw
        self.programme = programme.of(sensitivities)
        if losses is Losses.BRANCH:
            raise NetworkError(
                found="losses of each branch by shift factors",
                allowed="'none', 'frozen' or 'quadratic'",
                remedy="use the engine 'clarabel'",
            )
        if losses is not Losses.NONE:
            weights = sensitivities.network.demand_mw.clip(min=0.0) if loss_weights is None else loss_weights
            self.programme = self.programme.with_losses(sensitivities.weights_of(weights))
        if reserves:
            self.programme = reserving.with_reserves(self.programme, reserves)
        self.rows = FlowRows(sensitivities, steps=steps)
        self._reduced = ReducedProgramme(self.programme, self.rows)
        self._by_angles_last = False
        limited = np.isfinite(self.programme.flow_low_mw) | np.isfinite(self.programme.flow_high_mw)
        self._limited = np.flatnonzero(limited)
        self._low = self.programme.flow_low_mw[self._limited]
        self._high = self.programme.flow_high_mw[self._limited]
        slack = kkt.FLOW_TOLERANCE_MW * (1.0 + 1e-3 * np.minimum(np.abs(self._low), np.abs(self._high)))
        self._low_trip, self._high_trip = self._low - slack, self._high + slack
        self._held = np.zeros(self._limited.size, dtype=bool)
        self._warm = False
        self._whole: Whole | None = None
        self._may_switch = not self.programme.quadratic.any()

    def clear(
        self,
        *,
        demand_mw: FloatArray | None = None,
        min_mw: FloatArray | None = None,
        max_mw: FloatArray | None = None,
    ) -> Clearing:
        """Return the verified optimum for a demand (n_bus,), the case's own when none is given.

        `min_mw` and `max_mw` (n_gen,) narrow generators' limits, e.g. to what ramps allow after the last interval.
        Raises refusals.InfeasibleError with the limits in conflict, or refusals.DispatchUnverifiedError.
        """
        demand = self.programme.network.demand_mw if demand_mw is None else demand_mw
        bounds = self.programme.bounds(min_mw, max_mw)
        self._reduced.set_interval(demand, *bounds)
        if self._by_angles_last:
            self._adopt(demand, bounds)
        verdicts: list[str] = []
        if self._reduced.may_follow and (cleared := self._attempt(reduced.VERTEX, verdicts)) is not None:
            return cleared
        if self._crowded and (cleared := self._by_angles(demand, bounds, self._large_ladder)) is not None:
            return cleared
        for rung in self._reduced.ladder(warm=self._warm):
            cleared = self._attempt(rung, verdicts)
            if cleared is None and self._crowded:
                cleared = self._by_angles(demand, bounds, self._large_ladder) or self._attempt(rung, verdicts)
            if cleared is not None:
                return cleared
        if self._has_angles and (cleared := self._by_angles(demand, bounds, (whole.CLARABEL,))) is not None:
            return cleared
        raise refusals.unverified("; ".join(verdicts))

    def _attempt(self, rung: str, verdicts: list[str]) -> Clearing | None:
        """Return the clearing of a rung that passes the check, or None and its verdict."""
        found, rounds = self._lazily(rung)
        if found.verdict is Verdict.INFEASIBLE:
            diagnosis.explain(self._reduced)  # raises, unless the solver erred
        if found.candidate is None:
            verdicts.append(f"{rung}: {found.words}")
            return None
        checked = kkt.residual(self.programme, self.rows, found.candidate)
        if checked.worst > kkt.TOLERANCE:
            verdicts.append(f"{rung}: residual {checked.worst:.1e}")
            return None
        self._warm = True
        return self._cleared(found.candidate, rung, rounds, checked)

    def _adopt(self, demand: FloatArray, bounds: tuple[FloatArray, FloatArray]) -> None:
        """Begin anew with the limits that bind in the angle form's last basis as rows, and go on from its vertex."""
        self._by_angles_last = False
        basis = None if self._whole is None else self._whole.basis()
        if basis is None:
            return
        column, branch, side = basis
        self.rows = FlowRows(self.sensitivities)
        self._reduced = ReducedProgramme(self.programme, self.rows)
        self._reduced.set_interval(demand, *bounds)
        self._held[:] = False
        self._hold(np.searchsorted(self._limited, branch))
        self._reduced.take_basis(column, side)

    def _by_angles(
        self, demand: FloatArray, bounds: tuple[FloatArray, FloatArray], ladder: tuple[str, ...]
    ) -> Clearing | None:
        """Return the clearing by the angle form, kept warm like the rows; None when its ladder gives none."""
        if self._whole is None:
            self._whole = Whole(self.programme)
        self._whole.set_interval(demand, *bounds)
        found = self._whole.attempt(ladder, engine="angle").clearing
        self._may_switch &= found is not None
        self._by_angles_last = found is not None
        return found

    @property
    def _large_ladder(self) -> tuple[str, ...]:
        warm = self._whole is not None and self._whole.warm
        return (Method.SIMPLEX_WARM, *whole.LARGE_LADDER) if warm else whole.LARGE_LADDER

    @property
    def _has_angles(self) -> bool:
        """Whether the angle form can say the same: it knows no losses, penalty steps or outages."""
        plain = not (self.rows.steps or self.programme.loss.size or len(self.programme.side))
        return plain and bool((self.rows.outage == NO_OUTAGE).all())

    @property
    def _crowded(self) -> bool:
        """Whether so many limits have been met that the angle form, with its sparse basis, is the faster programme."""
        return len(self.rows) > CROWDED_ROWS and self._may_switch and self._has_angles

    def add_rows(
        self, *, branch: IntArray, outage: IntArray, factor: FloatArray, low_mw: FloatArray, high_mw: FloatArray
    ) -> None:
        """Add flow limits, e.g. those after outages that a screening found broken."""
        made = self.rows.add(branch=branch, outage=outage, factor=factor, low_mw=low_mw, high_mw=high_mw)
        self._reduced.add_rows(made)

    def _lazily(self, rung: str) -> tuple[Optimum, int]:
        """Return what a rung gives once no limit is broken, or its failure, and the rounds it took."""
        for rounds in range(1, MOST_ROUNDS + 1):
            found = self._reduced.solve(rung)
            if found.candidate is None or (self._crowded and rung != reduced.VERTEX):
                return found, rounds
            broken = self._add_broken(found.candidate.flows_mw)
            if not (broken or self._add_loss_cut(found.candidate)):
                return found, rounds
            if rung == Method.SIMPLEX:
                rung = Method.SIMPLEX_WARM
        return reduced.failed(f"no end after {MOST_ROUNDS} rounds"), MOST_ROUNDS

    def _add_broken(self, flows_mw: FloatArray) -> bool:
        """Add the worst broken limits that are not rows yet; return whether there were any."""
        flow = flows_mw[self._limited]
        broken = ((flow > self._high_trip) | (flow < self._low_trip)) & ~self._held
        worst = np.flatnonzero(broken)
        if not worst.size:
            return False
        if worst.size > ROWS_PER_ROUND:
            excess = np.maximum(flow - self._high, self._low - flow)[worst]
            worst = worst[np.argsort(-excess, kind="stable")[:ROWS_PER_ROUND]]
        if len(self.rows) + worst.size > MOST_ROWS:
            raise refusals.unverified(f"more than {MOST_ROWS} limits broken in turn")
        self._hold(worst)
        return True

    def _hold(self, at: IntArray) -> None:
        """Make base-case limits (positions among the limited) rows."""
        self._held[at] = True
        self.add_rows(
            branch=self._limited[at],
            outage=np.full(at.size, NO_OUTAGE),
            factor=np.zeros(at.size),
            low_mw=self._low[at],
            high_mw=self._high[at],
        )

    def _add_loss_cut(self, one: kkt.Candidate) -> bool:
        """Add a tangent of the losses at the dispatch where the cuts fall short; return whether one was added."""
        if self.losses is Losses.NONE:
            return False
        frozen = self.losses is Losses.FROZEN
        held = bool(self._reduced.cuts)
        if (frozen and held) or (held and one.cuts.loss_gap(self.programme, one.x, one.flows_mw) <= LOSS_TOLERANCE):
            return False
        at = self._loss_base_mw if frozen and self._loss_base_mw is not None else one.flows_mw
        cut = cuts.tangent(self.programme, flows_mw=at, equal=frozen)
        self._reduced.add_cut(cut)
        return True

    def _cleared(self, one: kkt.Candidate, rung: str, rounds: int, checked: KktResidual) -> Clearing:
        return result.cleared(
            self.programme,
            self.rows,
            one,
            objective_usd_per_h=self._reduced.objective(one),
            found=result.Found("ptdf", str(rung), rounds, checked),
        )
