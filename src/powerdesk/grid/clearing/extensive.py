"""Everything at once, without a shift factor: angles in the base case and after each outage, all limits, all losses.

The second and third opinion of what the shift-factor engine finds lazily: reserves, soft limits, outages, losses.
Each state s has its own angles and balances, so the price at a bus is the sum over states of its balances' duals:

    P x + fixed - demand - losses = B_s theta_s,   low <= b (angle difference) <= high      for s = base and each outage

Losses are rows of the base case's flows: frozen factors are one equation per island, quadratic ones tangents by HiGHS
or a second-order cone by Clarabel, those of branches a cone each. It is as large as outages times buses.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from powerdesk.grid import contingencies
from powerdesk.grid.clearing import cuts, kkt, refusals, result
from powerdesk.grid.clearing.cuts import LossCuts, Losses
from powerdesk.grid.clearing.rows import NO_OUTAGE, FlowRows
from powerdesk.solvers import conic
from powerdesk.solvers.warm import Answer, Method, Verdict, WarmProgram

if TYPE_CHECKING:
    from powerdesk.grid.clearing.programme import Programme
    from powerdesk.grid.clearing.result import Clearing
    from powerdesk.grid.clearing.rows import PenaltyStep
    from powerdesk.grid.types import FloatArray, IntArray

CLARABEL = "clarabel"
SCALES = (1.0, 10.0, 0.1, 0.01)
"""Units of angles that Clarabel is given in turn; see `whole`. With soft limits the first misses our check in 2 of 120
made cases, all four in none (2026-11-21)."""

CONE_MW = 10.0
"""Losses at which a cone is scaled to one."""

MOST_TANGENTS = 200
LOSS_TOLERANCE = 1e-8
"""Losses that tangents may miss, over 1 + the losses."""

MOST_ROUNDS = 50
PRICE_ROUNDING = 1e-11
"""Rounds, and the change of prices in USD/MWh, that end the search of prices with the losses of branches."""

NO_PRICE = result.PRICE_TOLERANCE_USD_PER_MWH / 1e3


@dataclass(frozen=True, eq=False, slots=True)
class Wanted:
    """What is cleared beside the programme. `after_mw` (n_branch,) limits flows after each of the `outages`.

    Frozen losses are those at the flows `loss_base_mw` (n_branch,); losses of islands are withdrawn at `loss_weights`
    (n_bus,), where the load is by default.
    """

    outages: IntArray = field(default_factory=lambda: np.empty(0, np.int64))
    after_mw: FloatArray = field(default_factory=lambda: np.empty(0))
    steps: tuple[PenaltyStep, ...] = ()
    losses: Losses = Losses.NONE
    loss_base_mw: FloatArray | None = None
    loss_weights: FloatArray | None = None


class _Form:
    """Columns and rows under construction, by blocks."""

    def __init__(self) -> None:
        self.n_column = self.n_row = 0
        self.columns: list[tuple[FloatArray, ...]] = []
        self.bounds: list[tuple[FloatArray, FloatArray]] = []
        self.entries: list[tuple[int, int, sparse.coo_array]] = []
        self.cones: list[tuple[list[tuple[int, sparse.csr_array]], FloatArray]] = []

    def add_columns(
        self,
        lower: FloatArray,
        upper: FloatArray,
        *,
        cost: FloatArray | None = None,
        quadratic: FloatArray | None = None,
    ) -> int:
        """Append columns and return where they begin."""
        none = np.zeros(lower.size)
        self.columns.append((none if cost is None else cost, none if quadratic is None else quadratic, lower, upper))
        first, self.n_column = self.n_column, self.n_column + lower.size
        return first

    def add_rows(self, lower: FloatArray, upper: FloatArray, *entries: tuple[int, sparse.sparray]) -> int:
        """Append rows, entries being matrices and the column where each begins; return where they begin."""
        first, self.n_row = self.n_row, self.n_row + lower.size
        self.bounds.append((lower, upper))
        self.entries += [(first, column, sparse.coo_array(matrix)) for column, matrix in entries]
        return first

    def matrix(self) -> sparse.csr_array:
        """Return all rows."""
        return _placed(self.entries, (self.n_row, self.n_column))

    def cone(self, parts: list[tuple[int, sparse.csr_array]], offset: FloatArray) -> conic.Cone:
        """Return a cone over all columns."""
        entries = [(0, column, sparse.coo_array(matrix)) for column, matrix in parts]
        return conic.Cone(_placed(entries, (offset.size, self.n_column)), offset)


def _placed(entries: list[tuple[int, int, sparse.coo_array]], shape: tuple[int, int]) -> sparse.csr_array:
    row = np.concatenate([first + one.row for first, _, one in entries])
    column = np.concatenate([first + one.col for _, first, one in entries])
    return sparse.csr_array((np.concatenate([one.data for _, _, one in entries]), (row, column)), shape=shape)


@dataclass(frozen=True, eq=False, slots=True)
class _State:
    """The base case or the network after an outage: where its blocks begin, its limits, its flows from its angles."""

    out: int
    angle: int
    balances: int
    limits: int
    limited: IntArray
    flow: sparse.csr_array
    phase: FloatArray


class Extensive:
    """One interval in the extensive form."""

    def __init__(self, programme: Programme, wanted: Wanted, *, demand_mw: FloatArray) -> None:
        self.programme = programme
        self.wanted = wanted
        self.demand_mw = demand_mw
        network, self._b = programme.network, programme.sensitivities.susceptance_mw
        self._live = np.flatnonzero(network.live)
        self._on = np.flatnonzero(self._b != 0.0)
        self._phase = -self._b * programme.sensitivities.shift_rad
        n_branch, at = len(network.branches), np.arange(len(network.branches))
        ends = np.concatenate((network.branches.from_bus, network.branches.to_bus))
        sign = np.repeat([1.0, -1.0], n_branch)
        shape = (n_branch, len(network.buses))
        self._incidence = sparse.csr_array((sign, (np.tile(at, 2), ends)), shape=shape)
        self._form = form = _Form()
        self._x = form.add_columns(programme.lower, programme.upper, cost=programme.cost, quadratic=programme.quadratic)
        self._lost: int | None = None
        if wanted.losses is Losses.BRANCH:
            self._lost = form.add_columns(np.zeros(self._on.size), np.full(self._on.size, np.inf))
        low, high = programme.flow_low_mw, programme.flow_high_mw
        limited = np.flatnonzero(np.isfinite(low) | np.isfinite(high))
        self._states = [self._add_state(NO_OUTAGE, limited, low, high)]
        limited = np.flatnonzero(np.isfinite(wanted.after_mw) & (self._b != 0.0)) if wanted.outages.size else limited
        self._states += [
            self._add_state(one, limited[limited != one], -wanted.after_mw, wanted.after_mw)
            for one in wanted.outages.tolist()
        ]
        side = sparse.csr_array(programme.side)
        self._tangents: list[tuple[int, FloatArray, bool]] = []
        self._side = form.add_rows(programme.side_lower, programme.side_upper, (self._x, side))

    def _add_state(self, out: int, limited: IntArray, low: FloatArray, high: FloatArray) -> _State:
        """Add a state's angles, balances and limits; `out` is the branch out of service."""
        chosen, form = self.programme, self._form
        b = np.where(np.arange(self._b.size) == out, 0.0, self._b)
        phase = np.where(b != 0.0, self._phase, 0.0)
        flow = sparse.csr_array(sparse.diags_array(b / chosen.network.base_mva) @ self._incidence)[:, self._live]
        leaving = sparse.csr_array(self._incidence.T)[self._live]
        free = np.full(self._live.size, np.inf)
        free[np.isin(self._live, chosen.sensitivities.reference_of)] = 0.0
        angle = form.add_columns(-free, free)
        balance = (self.demand_mw - chosen.fixed_mw + self._incidence.T @ phase)[self._live]
        entries = [(self._x, chosen.placement[self._live]), (angle, -(leaving @ flow))]
        if self._lost is not None:
            entries.append((self._lost, -0.5 * abs(leaving[:, self._on])))
        balances = form.add_rows(balance, balance, *entries)
        slacks: list[tuple[int, sparse.sparray]] = []
        none, eye = np.zeros(limited.size), sparse.eye_array(limited.size)
        for step in self.wanted.steps:
            width, price = np.full(limited.size, step.width_mw), np.full(limited.size, step.price_usd_per_mwh)
            slacks += [(form.add_columns(none, width, cost=price), sign * eye) for sign in (-1.0, 1.0)]
        below, above = low[limited] - phase[limited], high[limited] - phase[limited]
        limits = form.add_rows(below, above, (angle, flow[limited]), *slacks)
        return _State(out, angle, balances, limits, limited, flow, phase)

    def solve(self, rung: str) -> Clearing:
        """Return the verified optimum by Clarabel or by HiGHS's simplex; raises refusals.DispatchUnverifiedError."""
        words = []
        for scale in SCALES if rung == CLARABEL else (1.0,):
            answer = self._by_clarabel(scale) if rung == CLARABEL else self._by_highs()
            if answer.verdict is not Verdict.OPTIMAL:
                words.append(answer.words)
                continue
            chosen, rows, one = self._candidate(answer)
            checked = kkt.residual(chosen, rows, one)
            if checked.worst <= kkt.TOLERANCE:
                cost = chosen.objective(one.x) + rows.penalty(one.flows_mw)
                found = result.Found("extensive", str(rung), 1, checked)
                return result.cleared(chosen, rows, one, objective_usd_per_h=cost, found=found)
            words.append(f"residual {checked.worst:.1e}")
        raise refusals.unverified("extensive form: " + "; ".join(words))

    def _columns(self) -> tuple[FloatArray, ...]:
        cost, quadratic, lower, upper = (np.concatenate(part) for part in zip(*self._form.columns, strict=True))
        return cost, quadratic, lower, upper

    def _by_highs(self) -> Answer:
        """Solve by simplex; quadratic losses by tangents until they touch."""
        if self.wanted.losses is not Losses.NONE:
            frozen = self.wanted.losses is Losses.FROZEN
            self._add_tangent(self._base_flows(), equal=frozen)
        cost, _, lower, upper = self._columns()
        engine = WarmProgram(cost=cost, lower=lower, upper=upper)
        loaded = 0
        for _ in range(MOST_TANGENTS):
            below, above = (np.concatenate(part) for part in zip(*self._form.bounds, strict=True))
            fresh = self._form.matrix()[loaded:]
            start, index = fresh.indptr[:-1].astype(np.int32), fresh.indices.astype(np.int32)
            engine.add_rows(lower=below[loaded:], upper=above[loaded:], start=start, index=index, value=fresh.data)
            answer = engine.run(Method.SIMPLEX_WARM if loaded else Method.SIMPLEX)
            loaded = self._form.n_row
            if answer.verdict is not Verdict.OPTIMAL or self.wanted.losses is not Losses.QUADRATIC:
                return answer
            flows = self._flows(answer.primal)
            truly = cuts.losses_mw(self.programme, flows)
            if float(np.max((truly - answer.primal[self.programme.loss]) / (1.0 + truly))) <= LOSS_TOLERANCE:
                return answer
            self._add_tangent(flows, equal=False)
        return Answer(Verdict.FAILED, f"losses open after {MOST_TANGENTS} tangents", np.empty(0), np.empty(0))

    def _base_flows(self) -> FloatArray:
        return np.zeros(self._b.size) if self.wanted.loss_base_mw is None else self.wanted.loss_base_mw

    def _flows(self, primal: FloatArray) -> FloatArray:
        """Return the flows of the base case (n_branch,)."""
        base = self._states[0]
        flows: FloatArray = base.flow @ primal[base.angle : base.angle + self._live.size] + base.phase
        return flows

    def _add_tangent(self, flows_mw: FloatArray, *, equal: bool) -> None:
        """Add a row per island: losses - gradient x flows at least, or just, what the tangent at `flows_mw` says."""
        base, chosen = self._states[0], self.programme
        gradient = 2.0 * chosen.loss_per_mw * flows_mw
        level = cuts.summed(chosen, gradient * base.phase) - cuts.losses_mw(chosen, flows_mw)
        upper = level if equal else np.full(level.size, np.inf)
        lost = sparse.eye_array(level.size)
        row = self._form.add_rows(
            level, upper, (self._x + int(chosen.loss[0]), lost), (base.angle, -self._summed(gradient) @ base.flow)
        )
        self._tangents.append((row, flows_mw, equal))

    def _summed(self, value: FloatArray) -> sparse.csr_array:
        """Return the matrix that sums branches' values, weighted, over islands (n_island, n_branch)."""
        islands = self.programme.sensitivities.islands
        shape = (islands.count, value.size)
        where = islands.of_bus[self.programme.network.branches.from_bus[self._on]]
        return sparse.csr_array((value[self._on], (where, self._on)), shape=shape)

    def _by_clarabel(self, scale: float) -> Answer:
        """Solve with angles in units `scale` times larger; losses that are not frozen as cones."""
        if self.wanted.losses is Losses.FROZEN and not self._tangents:
            self._add_tangent(self._base_flows(), equal=True)
        cost, quadratic, lower, upper = self._columns()
        unit = np.ones(cost.size)
        for state in self._states:
            unit[state.angle : state.angle + self._live.size] = 1.0 / scale
        scaled = sparse.diags_array(unit)
        below, above = (np.concatenate(part) for part in zip(*self._form.bounds, strict=True))
        cones = [conic.Cone(sparse.csr_array(one.matrix @ scaled), one.offset) for one in self._cones()]
        answer = conic.solve(
            cost=cost,
            quadratic=quadratic,
            matrix=sparse.csr_array(self._form.matrix() @ scaled),
            row_bounds=(below, above),
            column_bounds=(lower, upper),
            cones=tuple(cones),
        )
        return dataclasses.replace(answer, primal=answer.primal * unit) if answer.primal.size else answer

    def _cones(self) -> list[conic.Cone]:
        """Return losses >= sum c f^2 as cones: |(losses - u, 2 sqrt(c u) f)| <= losses + u."""
        chosen, base = self.programme, self._states[0]
        lossy = np.flatnonzero(chosen.loss_per_mw > 0.0)
        if self.wanted.losses is Losses.QUADRATIC:
            islands = chosen.sensitivities.islands
            where = islands.of_bus[chosen.network.branches.from_bus[lossy]]
            groups = [(self._x + int(chosen.loss[one]), lossy[where == one]) for one in range(islands.count)]
        elif self._lost is not None:
            at = self._lost + np.searchsorted(self._on, lossy)
            groups = [(int(column), np.array([one])) for column, one in zip(at, lossy.tolist(), strict=True)]
        else:
            groups = []
        out = []
        for column, branch in groups:
            share = 2.0 * np.sqrt(chosen.loss_per_mw[branch] * CONE_MW)
            lost = sparse.csr_array((np.ones(2), ([0, 1], [0, 0])), shape=(2 + branch.size, 1))
            flow = sparse.vstack(
                (sparse.csr_array((2, self._live.size)), sparse.diags_array(share) @ base.flow[branch])
            )
            offset = np.concatenate(([CONE_MW, -CONE_MW], share * base.phase[branch]))
            out.append(self._form.cone([(column, lost), (base.angle, sparse.csr_array(flow))], offset))
        return out

    def _candidate(self, answer: Answer) -> tuple[Programme, FlowRows, kkt.Candidate]:
        """Return the programme, rows and candidate that the check takes."""
        chosen, count = self.programme, self._live.size
        sensitivities = chosen.sensitivities
        x = np.clip(answer.primal[: chosen.cost.size], chosen.lower, chosen.upper)
        lmp = np.zeros(self.demand_mw.size)
        for state in self._states:
            lmp[self._live] += answer.row_duals[state.balances : state.balances + count]
        injection = chosen.placement @ x + chosen.fixed_mw - self.demand_mw
        cut, cut_price = LossCuts.none(chosen), np.empty(0)
        rows, price = self._rows(answer)
        if self._lost is not None:
            lost = answer.primal[self._lost : self._lost + self._on.size]
            drawn = 0.5 * (abs(self._incidence[self._on]).T @ lost)
            injection = injection - drawn
            congested = lmp[sensitivities.reference_of][sensitivities.islands.of_bus] + sensitivities.bus_effect(
                rows.per_branch(price)
            )
            chosen, x, cut, cut_price = self._as_losses(drawn, lmp, congested, x, injection)
            lmp = congested - cut_price @ cut.factor
        elif self._tangents:
            for row, flows, equal in self._tangents:
                cut = cut.joined(cuts.tangent(chosen, flows_mw=flows, equal=equal))
                cut_price = np.concatenate((cut_price, answer.row_duals[row : row + chosen.loss.size]))
        elif chosen.loss.size:
            cut = cuts.tangent(chosen, flows_mw=sensitivities.flows_mw(injection), equal=False)
            cut_price = sensitivities.by_island @ (chosen.loss_weights * lmp)
        lmp = lmp + cut_price @ cut.factor
        return (
            chosen,
            rows,
            kkt.Candidate(
                x=x,
                lower=chosen.lower,
                upper=chosen.upper,
                demand_mw=self.demand_mw,
                energy=lmp[sensitivities.reference_of],
                lmp=lmp,
                flows_mw=sensitivities.flows_mw(injection),
                row_price=price,
                injection_mw=injection,
                side_price=answer.row_duals[self._side : self._side + len(chosen.side)],
                loss_withdrawn_mw=-(chosen.placement[:, chosen.loss] @ x[chosen.loss]),
                cut_price=cut_price,
                cuts=cut,
            ),
        )

    def _as_losses(
        self, drawn: FloatArray, lmp: FloatArray, congested: FloatArray, x: FloatArray, injection: FloatArray
    ) -> tuple[Programme, FloatArray, LossCuts, FloatArray]:
        """Return branches' losses as those of islands: programme, columns, the tangent that prices them, its price.

        `drawn` (n_bus,) is what the ends of branches withdraw, `congested` (n_bus,) the prices without losses. With nu
        the mean price of a branch's ends, its losses press its flow by 2 c f nu: prices are found in rounds from `lmp`.
        """
        flows_mw = self.programme.sensitivities.flows_mw(injection)
        chosen, islands = self.programme, self.programme.sensitivities.islands
        network, by_island = chosen.network, chosen.sensitivities.by_island
        lossy = chosen.with_losses(chosen.sensitivities.weights_of(drawn))
        before = lmp
        for _ in range(MOST_ROUNDS):
            mean = 0.5 * (before[network.branches.from_bus] + before[network.branches.to_bus])
            effect = chosen.sensitivities.bus_effect(2.0 * chosen.loss_per_mw * flows_mw * mean)
            after = congested - effect
            if np.max(np.abs(after - before), initial=0.0) <= PRICE_ROUNDING:
                break
            before = after
        price = by_island @ (lossy.loss_weights * congested)
        live = np.flatnonzero(islands.of_bus >= 0)
        factor = np.zeros((islands.count, effect.size))
        dear = np.where(price == 0.0, 1.0, price)[islands.of_bus[live]]
        factor[islands.of_bus[live], live] = effect[live] / dear
        lost = by_island @ drawn
        constant = lost - factor @ (injection + drawn)
        cut = LossCuts(np.arange(islands.count), constant, np.zeros(islands.count, dtype=bool), factor)
        return lossy, np.concatenate((x, lost)), cut, price

    def _rows(self, answer: Answer) -> tuple[FlowRows, FloatArray]:
        """Return the limits with a price as rows, and the prices."""
        sensitivities = self.programme.sensitivities
        rows, prices = FlowRows(sensitivities, steps=self.wanted.steps), []
        for state in self._states:
            price = answer.row_duals[state.limits : state.limits + state.limited.size]
            at = np.flatnonzero(np.abs(price) > NO_PRICE)
            branch, factor = state.limited[at], np.zeros(at.size)
            low, high = -self.wanted.after_mw, self.wanted.after_mw
            if state.out == NO_OUTAGE:
                low, high = self.programme.flow_low_mw, self.programme.flow_high_mw
            elif at.size:
                factor = contingencies.outage_factors(sensitivities, outages=np.array([state.out])).lodf[branch, 0]
            outage = np.full(at.size, state.out)
            rows.add_plain(branch=branch, outage=outage, factor=factor, low_mw=low[branch], high_mw=high[branch])
            prices.append(price[at])
        return rows, np.concatenate(prices)


def clear(chosen: Programme, wanted: Wanted, *, rung: str, demand_mw: FloatArray) -> Clearing:
    """Return the verified optimum of a programme without loss columns.

    Frozen losses without a base take that of the dispatch without losses. Raises refusals.DispatchUnverifiedError.
    """
    if wanted.losses is Losses.NONE:
        return Extensive(chosen, wanted, demand_mw=demand_mw).solve(rung)
    if wanted.losses is Losses.BRANCH:
        return Extensive(_with_conductance(chosen), wanted, demand_mw=demand_mw).solve(rung)
    if wanted.losses is Losses.FROZEN and wanted.loss_base_mw is None:
        base = Extensive(chosen, dataclasses.replace(wanted, losses=Losses.NONE), demand_mw=demand_mw).solve(rung)
        wanted = dataclasses.replace(wanted, loss_base_mw=base.flows_mw)
    weights = chosen.network.demand_mw.clip(min=0.0) if wanted.loss_weights is None else wanted.loss_weights
    lossy = chosen.with_losses(chosen.sensitivities.weights_of(weights))
    return Extensive(lossy, wanted, demand_mw=demand_mw).solve(rung)


def _with_conductance(chosen: Programme) -> Programme:
    """Return the programme with g (angle difference)^2 for the losses of branches, as `Losses.BRANCH` has them."""
    branches, b = chosen.network.branches, chosen.sensitivities.susceptance_mw
    square = branches.resistance_pu**2 + branches.reactance_pu**2
    conductance = np.divide(branches.resistance_pu, square, out=np.zeros_like(b), where=square > 0.0)
    per_mw = np.divide(conductance * chosen.network.base_mva, b**2, out=np.zeros_like(b), where=b != 0.0)
    return dataclasses.replace(chosen, loss_per_mw=per_mw)
