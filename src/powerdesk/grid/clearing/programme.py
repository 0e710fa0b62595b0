"""The programme that every engine solves: columns that inject, what they cost, and the limits of flows.

    minimise   sum_j c_j x_j + q_j x_j^2 + constant
    subject to sum over each island of (P x + fixed - demand) = 0                          [energy, per island]
               low_k <= T_k (P x + fixed - demand) + phase flow_k <= high_k                [per branch]
               lower <= x <= upper

P places a column's power at buses. A generator with a piecewise linear cost has a column per segment, filled in order
because its prices rise; a direct-current line has one column that withdraws at one bus and injects at another.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from powerdesk.grid.checking import MOST_FINDINGS
from powerdesk.grid.clearing.refusals import InfeasibleError
from powerdesk.kernel.problem import Finding

if TYPE_CHECKING:
    from powerdesk.grid.sensitivities import Sensitivities
    from powerdesk.grid.types import BoolArray, FloatArray, Generators, IntArray, Network


@dataclass(frozen=True, eq=False, slots=True)
class Programme:
    """Per column (n_column,): cost in USD/MWh, quadratic in USD/MW^2h, bounds in MW, generator or HVDC line (-1: none).

    `segment_begin_mw` is the generator's output below the column's first MW. `placement` (n_bus, n_column). Per branch
    (n_branch,): `flow_low_mw`, `flow_high_mw`, infinite where there is no limit, and which of them an angle limit set.
    """

    sensitivities: Sensitivities
    cost: FloatArray
    quadratic: FloatArray
    lower: FloatArray
    upper: FloatArray
    generator: IntArray
    hvdc: IntArray
    segment_begin_mw: FloatArray
    placement: sparse.csr_array
    to_columns: sparse.csr_array
    """The transpose of `placement` (n_column, n_bus)."""
    fixed_mw: FloatArray
    constant_usd_per_h: float
    flow_low_mw: FloatArray
    flow_high_mw: FloatArray
    low_by_angle: BoolArray
    high_by_angle: BoolArray

    side: FloatArray
    """Rows over columns alone (n_side, n_column), with bounds: reserves' requirements, then what units can give."""
    side_lower: FloatArray
    side_upper: FloatArray
    reserve: IntArray
    """The reserve product of each column (n_column,), -1: none; `reserve_owner` is its generator, -1 for shortage."""
    reserve_owner: IntArray
    n_requirement: int
    loss: IntArray
    """The column of each island's losses (n_island,), or empty: it withdraws at `loss_weights` (n_bus,)."""
    loss_weights: FloatArray
    loss_per_mw: FloatArray
    """Losses of each branch (n_branch,) over the square of its flow: r / base, 0 out of service."""

    def extended(self, *, lower: FloatArray, upper: FloatArray, cost: FloatArray) -> Programme:
        """Return the programme with columns appended that are nobody's and inject nothing."""
        count = cost.size
        none, nobody = np.zeros(count), np.full(count, -1)
        placement = sparse.csr_array(sparse.hstack((self.placement, sparse.csr_array((self.fixed_mw.size, count)))))
        return replace(
            self,
            cost=np.concatenate((self.cost, cost)),
            quadratic=np.concatenate((self.quadratic, none)),
            lower=np.concatenate((self.lower, lower)),
            upper=np.concatenate((self.upper, upper)),
            generator=np.concatenate((self.generator, nobody)),
            hvdc=np.concatenate((self.hvdc, nobody)),
            reserve=np.concatenate((self.reserve, nobody)),
            reserve_owner=np.concatenate((self.reserve_owner, nobody)),
            segment_begin_mw=np.concatenate((self.segment_begin_mw, none)),
            placement=placement,
            to_columns=sparse.csr_array(placement.T),
            side=np.hstack((self.side, np.zeros((len(self.side), count)))),
        )

    def reserve_mw(self, x: FloatArray) -> FloatArray:
        """Return each generator's award of each reserve product (n_product, n_gen)."""
        out = np.zeros((self.n_requirement, len(self.network.generators)))
        if not self.n_requirement:
            return out
        mine = self.reserve_owner >= 0
        out[self.reserve[mine], self.reserve_owner[mine]] = x[mine]
        return out

    def reserve_prices(self, side_price: FloatArray) -> FloatArray:
        """Return the price of each reserve product (n_product,): the duals of all requirements that it serves."""
        if not self.n_requirement:
            return np.zeros(0)
        column = [int(np.argmax(self.reserve == product)) for product in range(self.n_requirement)]
        found: FloatArray = side_price[: self.n_requirement] @ self.side[: self.n_requirement, column]
        return found

    def ramp_limits(self, generation_mw: FloatArray, ramp_mw: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return what each generator may give in the next interval (n_gen,): its limits, and `ramp_mw` from now."""
        generators = self.network.generators
        return (
            np.maximum(generators.min_mw, generation_mw - ramp_mw),
            np.minimum(generators.max_mw, generation_mw + ramp_mw),
        )

    def with_losses(self, weights: FloatArray) -> Programme:
        """Return the programme with a column of losses per island, withdrawn at `weights`, which sum to 1 on each."""
        islands = self.sensitivities.islands
        count, n_column = islands.count, self.cost.size
        live = np.flatnonzero(islands.of_bus >= 0)
        drawn = sparse.csr_array((-weights[live], (live, islands.of_bus[live])), shape=(weights.size, count))
        endless = np.full(count, np.inf)
        wider = self.extended(lower=-endless, upper=endless, cost=np.zeros(count))
        placement = sparse.csr_array(sparse.hstack((self.placement, drawn)))
        return replace(
            wider,
            placement=placement,
            to_columns=sparse.csr_array(placement.T),
            loss=n_column + np.arange(count),
            loss_weights=weights,
        )

    @property
    def network(self) -> Network:
        """The network cleared."""
        return self.sensitivities.network

    def objective(self, x: FloatArray) -> float:
        """Return the cost of a dispatch in USD/h."""
        return float(self.cost @ x + self.quadratic @ (x * x)) + self.constant_usd_per_h

    def bounds(self, min_mw: FloatArray | None, max_mw: FloatArray | None) -> tuple[FloatArray, FloatArray]:
        """Return column bounds with generators held within `min_mw` and `max_mw` (n_gen,), where they are given.

        A segment takes its part of the limits, which is exact because segments fill in order.
        """
        lower, upper = self.lower, self.upper
        of = np.maximum(self.generator, 0)
        mine = self.generator >= 0
        if min_mw is not None:
            held = np.clip(min_mw[of] - self.segment_begin_mw, lower, upper)
            lower = np.where(mine, held, lower)
        if max_mw is not None:
            held = np.clip(max_mw[of] - self.segment_begin_mw, lower, upper)
            upper = np.where(mine, held, upper)
        return lower, upper

    def generation_mw(self, x: FloatArray) -> FloatArray:
        """Return the output of each generator (n_gen,), zero for one out of service."""
        mine = self.generator >= 0
        return np.bincount(self.generator[mine], x[mine], len(self.network.generators)).astype(np.float64)

    def hvdc_mw(self, x: FloatArray) -> FloatArray:
        """Return what leaves each direct-current line's from-bus (n_hvdc,)."""
        mine = self.hvdc >= 0
        return np.bincount(self.hvdc[mine], x[mine], len(self.network.hvdc)).astype(np.float64)


def of(sensitivities: Sensitivities) -> Programme:
    """Return the programme of a network; the demand comes with each interval."""
    network = sensitivities.network
    generators, on = network.generators, network.live_generators
    has_curve = np.diff(generators.curve_start)[on] > 0
    plain = on[~has_curve]
    columns = _Columns.plain(generators, plain)
    for at in on[has_curve].tolist():
        columns.add_curve(generators, at)
    generator = np.concatenate((plain, np.array(columns.generator, np.int64)))
    n_offer, lines = generator.size, network.live_hvdc
    hvdc = network.hvdc
    at = np.arange(n_offer + lines.size)
    placement = sparse.csr_array(
        (
            np.concatenate((np.ones(n_offer), -np.ones(lines.size), 1.0 - hvdc.loss_share[lines])),
            (
                np.concatenate((generators.bus[generator], hvdc.from_bus[lines], hvdc.to_bus[lines])),
                np.concatenate((at, at[n_offer:])),
            ),
        ),
        shape=(len(network.buses), at.size),
    )
    fixed = -np.bincount(hvdc.to_bus[lines], hvdc.loss_mw[lines], len(network.buses)).astype(np.float64)
    low, high, low_by_angle, high_by_angle = flow_limits(sensitivities)
    _require_room(network, low, high)
    none = np.zeros(lines.size)
    nobody = np.full(lines.size, -1)
    return Programme(
        sensitivities=sensitivities,
        cost=np.concatenate((columns.cost, none)),
        quadratic=np.concatenate((columns.quadratic, none)),
        lower=np.concatenate((columns.lower, hvdc.min_mw[lines])),
        upper=np.concatenate((columns.upper, hvdc.max_mw[lines])),
        generator=np.concatenate((generator, nobody)),
        hvdc=np.concatenate((np.full(n_offer, -1), lines)),
        segment_begin_mw=np.concatenate((columns.begin, none)),
        placement=placement,
        to_columns=sparse.csr_array(placement.T),
        fixed_mw=fixed,
        constant_usd_per_h=columns.constant,
        flow_low_mw=low,
        flow_high_mw=high,
        low_by_angle=low_by_angle,
        high_by_angle=high_by_angle,
        side=np.empty((0, at.size)),
        side_lower=np.empty(0),
        side_upper=np.empty(0),
        reserve=np.full(at.size, -1),
        reserve_owner=np.full(at.size, -1),
        n_requirement=0,
        loss=np.empty(0, np.int64),
        loss_weights=np.zeros(len(network.buses)),
        loss_per_mw=np.where(sensitivities.susceptance_mw != 0.0, network.branches.resistance_pu, 0.0)
        / network.base_mva,
    )


def _require_room(network: Network, low: FloatArray, high: FloatArray) -> None:
    """Raise InfeasibleError where a branch's rating and angle limits leave no flow."""
    crossed = np.flatnonzero(low > high).tolist()
    if not crossed:
        return
    names, rating = network.branches.name, network.branches.rating_mw
    raise InfeasibleError(
        found=f"{len(crossed)} branch(es) whose rating and angle limits leave no flow: {names[crossed[0]]}",
        allowed="limits that some flow keeps",
        remedy="raise the rating or widen the angle limits",
        findings=tuple(
            Finding(
                f"the limits of {names[at]}",
                f"a rating of {rating[at]:g} MW and angle limits that ask for {low[at]:g} to {high[at]:g} MW",
                "limits that some flow keeps",
                "raise the rating or widen the angle limits",
            )
            for at in crossed[:MOST_FINDINGS]
        ),
    )


class _Columns:
    """Columns of offers under construction: those with plain costs at once, then segments one generator at a time."""

    def __init__(self) -> None:
        self.generator: list[int] = []
        self.constant = 0.0
        self.cost = self.quadratic = self.lower = self.upper = self.begin = np.empty(0)

    @staticmethod
    def plain(generators: Generators, at: IntArray) -> _Columns:
        out = _Columns()
        out.cost = generators.linear_usd_per_mwh[at]
        out.quadratic = generators.quadratic_usd_per_mw2h[at]
        out.lower, out.upper = generators.min_mw[at], generators.max_mw[at]
        out.begin = np.zeros(at.size)
        out.constant = float(generators.constant_usd_per_h[at].sum())
        return out

    def add_curve(self, generators: Generators, at: int) -> None:
        points = slice(generators.curve_start[at], generators.curve_start[at + 1])
        low, high = float(generators.min_mw[at]), float(generators.max_mw[at])
        power, cost = segments(generators.curve_mw[points], generators.curve_usd_per_h[points], low, high)
        slope = np.diff(cost) / np.diff(power)
        lower, upper = np.zeros(slope.size), np.diff(power)
        lower[0], upper[0] = power[0], power[1]
        if low == high:
            upper[0] = low
        begin = power[:-1].copy()
        begin[0] = 0.0
        self.generator += [at] * slope.size
        self.constant += float(cost[0] - slope[0] * power[0])
        self.cost = np.concatenate((self.cost, slope))
        self.quadratic = np.concatenate((self.quadratic, np.zeros(slope.size)))
        self.lower, self.upper = np.concatenate((self.lower, lower)), np.concatenate((self.upper, upper))
        self.begin = np.concatenate((self.begin, begin))


def segments(power: FloatArray, cost: FloatArray, low: float, high: float) -> tuple[FloatArray, FloatArray]:
    """Return the points of a convex curve from `low` to `high` MW, outer slopes continued, kinks of rounding gone.

    When the limits agree, one segment of 1 MW follows them, to give the price.
    """
    hull: list[tuple[float, float]] = []
    for point in zip(power.tolist(), cost.tolist(), strict=True):
        while len(hull) > 1 and _slope(hull[-1], point) <= _slope(hull[-2], hull[-1]):
            hull.pop()
        hull.append(point)
    slopes = [_slope(one, other) for one, other in itertools.pairwise(hull)]
    end = high if high > low else low + 1.0
    kept = sorted({low, end, *(p for p, _ in hull[1:-1] if low < p < end)})

    def value(p: float) -> float:
        at = min(max(0, sum(p >= q for q, _ in hull) - 1), len(slopes) - 1)
        return hull[at][1] + slopes[at] * (p - hull[at][0])

    return np.array(kept), np.array([value(p) for p in kept])


def _slope(one: tuple[float, float], other: tuple[float, float]) -> float:
    return (other[1] - one[1]) / (other[0] - one[0])


def flow_limits(sensitivities: Sensitivities) -> tuple[FloatArray, FloatArray, BoolArray, BoolArray]:
    """Return the flow limits in MW (n_branch,) from ratings and angle limits, and where the angle is the tighter.

    With flow = b (angle difference - shift), an angle limit is a flow limit; a negative b swaps the two.
    """
    branches, b = sensitivities.network.branches, sensitivities.susceptance_mw
    on = b != 0.0
    limits = []
    for angle in (branches.angle_min_deg, branches.angle_max_deg):
        span = np.where(np.isfinite(angle), np.deg2rad(angle) - sensitivities.shift_rad, angle)
        limits.append(np.multiply(b, span, out=np.zeros_like(b), where=on))
    by_angle = np.minimum(*limits), np.maximum(*limits)
    rating = np.where(on, branches.rating_mw, np.inf)
    low = np.where(on, np.maximum(-rating, by_angle[0]), -np.inf)
    high = np.where(on, np.minimum(rating, by_angle[1]), np.inf)
    return low, high, on & (low > -rating), on & (high < rating)
