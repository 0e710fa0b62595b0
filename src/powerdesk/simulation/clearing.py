"""One interval of SIM cleared by a DC dispatch with frozen marginal loss factors; checked before it is returned.

    minimise   offers'x + SHED s + OVERLOAD (u + v)
    subject to sum_n (1 - LF_n) inj_n = loss_offset                       [energy]
               -rating <= T inj - u + v <= rating                         [mu, per line]
    with       inj = steps at each bus + s - load, 0 <= x <= step, 0 <= s <= load, u, v >= 0

T withdraws at the load-weighted reference, so w'LF = 0 and energy is the price at that reference. Prices:
`lmp_n = energy (1 - LF_n) + sum_k mu_k T_kn`; loss = -energy LF_n, congestion = sum_k mu_k T_kn.
Litvinov et al. (2004), "Marginal loss modeling in LMP calculation".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from powerdesk.kernel.problem import Problem
from powerdesk.solvers import linear

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from powerdesk.kernel.intervals import DeliveryInterval
    from powerdesk.solvers.linear import Basis, KktResidual, LinearSolution

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int64]

OVERLOAD_PENALTY_USD_PER_MWH = 2_000.0
"""Published price of each MW by which a line may exceed its rating when nothing cheaper helps."""

SHED_PENALTY_USD_PER_MWH = 5_000.0
"""Published price of load not served."""

FLOW_TOLERANCE_MW = 1e-6
BALANCE_TOLERANCE_MW = 1e-6
PRICE_TOLERANCE_USD_PER_MWH = 1e-6


class ClearingError(Problem):
    """A cleared interval does not balance, or breaks a limit it does not declare."""

    status: ClassVar[int] = 500
    slug: ClassVar[str] = "simulated-clearing-unsound"
    title: ClassVar[str] = "The simulated market could not be cleared soundly"


@dataclass(frozen=True, eq=False)
class IntervalCase:
    """Everything a clearing needs: what the grid solver of another make would be given too.

    Per bus (n_bus,): load_mw, loss_factor (MW lost per MW injected, reference load-weighted). Per line: rating_mw, and
    shift_factor (n_line, n_bus) with the same reference. Per offer step (n_step,): step_unit, step_bus, step_mw,
    step_price_usd_per_mwh. `loss_offset_mw` is the constant of the loss line (minus the losses at its base point).
    """

    interval: DeliveryInterval
    line_names: tuple[str, ...]
    n_units: int
    load_mw: FloatArray
    shift_factor: FloatArray
    rating_mw: FloatArray
    loss_factor: FloatArray
    loss_offset_mw: float
    step_unit: IntArray
    step_bus: IntArray
    step_mw: FloatArray
    step_price_usd_per_mwh: FloatArray


@dataclass(frozen=True, slots=True)
class BindingLine:
    """A line at its limit: `direction` +1 along, -1 against the line; the price is what one more MW would save."""

    line: str
    position: int
    direction: int
    shadow_price_usd_per_mwh: float


@dataclass(frozen=True, eq=False)
class Clearing:
    """A cleared interval. lmp = energy + congestion + loss, each (n_bus,) in USD/MWh but energy, which is one price.

    dispatch_mw (n_unit,) and shed_mw (n_bus,) inject; flows_mw (n_line,) run from `line_from` to `line_to`;
    overload_mw (n_line,) is the declared excess over the rating; objective in USD per hour.
    """

    interval: DeliveryInterval
    lmp: FloatArray
    energy: float
    congestion: FloatArray
    loss: FloatArray
    dispatch_mw: FloatArray
    load_mw: FloatArray
    shed_mw: FloatArray
    losses_mw: float
    flows_mw: FloatArray
    overload_mw: FloatArray
    binding: tuple[BindingLine, ...]
    objective: float
    kkt: KktResidual


def clear(case: IntervalCase) -> Clearing:
    """Return the optimum of the case, found by adding the limits of overloaded lines until none is broken.

    Bounded: each round adds at least one line. Raises solvers.linear.UnsolvedError or ClearingError.
    """
    limited: tuple[int, ...] = ()
    basis: Basis | None = None
    n_line = len(case.line_names)
    for _ in range(n_line + 1):
        solution = linear.solve(program(case, limited=limited), basis=basis)
        injection = _injection(case, solution)
        flows = case.shift_factor @ injection
        excess = np.abs(flows) - case.rating_mw
        excess[list(limited)] = 0.0
        broken = np.flatnonzero(excess > FLOW_TOLERANCE_MW)
        if broken.size == 0:
            return _priced(case, limited, solution, injection)
        if solution.basis is not None:
            basis = solution.basis.grown(n_new_columns=2 * broken.size, n_new_rows=broken.size)
        limited += tuple(broken.tolist())
    raise ClearingError(
        found=f"broken limits after {n_line + 1} rounds",
        allowed="no more rounds than lines",
        remedy="check the ratings and shift factors of the case",
    )


def program(case: IntervalCase, *, limited: tuple[int, ...]) -> linear.LinearProgram:
    """Return the linear programme with the limits of the lines `limited`, in that order, after the balance row.

    Columns: offer steps, shedding per bus, then two overloads (along, against) per limited line.
    """
    n_step, n_bus, n_limit = case.step_mw.size, case.load_mw.size, len(limited)
    delivered = 1.0 - case.loss_factor
    factors = case.shift_factor[list(limited)]
    matrix = np.zeros((1 + n_limit, n_step + n_bus + 2 * n_limit))
    matrix[0, :n_step] = delivered[case.step_bus]
    matrix[0, n_step : n_step + n_bus] = delivered
    matrix[1:, :n_step] = factors[:, case.step_bus]
    matrix[1:, n_step : n_step + n_bus] = factors
    rows, first = np.arange(n_limit), n_step + n_bus
    matrix[1 + rows, first + 2 * rows] = -1.0
    matrix[1 + rows, first + 2 * rows + 1] = 1.0
    balance = case.loss_offset_mw + float(delivered @ case.load_mw)
    load_flow, rating = factors @ case.load_mw, case.rating_mw[list(limited)]
    return linear.LinearProgram(
        cost=np.concatenate(
            (
                case.step_price_usd_per_mwh,
                np.full(n_bus, SHED_PENALTY_USD_PER_MWH),
                np.full(2 * n_limit, OVERLOAD_PENALTY_USD_PER_MWH),
            )
        ),
        matrix=matrix,
        row_lower=np.concatenate(([balance], load_flow - rating)),
        row_upper=np.concatenate(([balance], load_flow + rating)),
        col_lower=np.zeros(matrix.shape[1]),
        col_upper=np.concatenate((case.step_mw, case.load_mw, np.full(2 * n_limit, np.inf))),
    )


def _injection(case: IntervalCase, solution: LinearSolution) -> FloatArray:
    """Return the net injection of each bus (n_bus,)."""
    n_step, n_bus = case.step_mw.size, case.load_mw.size
    made = np.bincount(case.step_bus, weights=solution.primal[:n_step], minlength=n_bus)
    injection: FloatArray = made + solution.primal[n_step : n_step + n_bus] - case.load_mw
    return injection


def _priced(case: IntervalCase, limited: tuple[int, ...], solution: LinearSolution, injection: FloatArray) -> Clearing:
    """Return the clearing of an accepted answer, after checking balance and limits."""
    n_step, n_bus, n_line = case.step_mw.size, case.load_mw.size, len(case.line_names)
    energy = float(solution.row_duals[0])
    line_price = np.zeros(n_line)
    line_price[list(limited)] = solution.row_duals[1:]
    loss = -energy * case.loss_factor
    congestion = case.shift_factor.T @ line_price
    overload = np.zeros(n_line)
    overload[list(limited)] = solution.primal[n_step + n_bus :].reshape(-1, 2).sum(axis=1)
    found = np.flatnonzero(np.abs(line_price) > PRICE_TOLERANCE_USD_PER_MWH)
    cleared = Clearing(
        interval=case.interval,
        lmp=energy + congestion + loss,
        energy=energy,
        congestion=congestion,
        loss=loss,
        dispatch_mw=np.bincount(case.step_unit, solution.primal[:n_step], case.n_units).astype(np.float64),
        load_mw=case.load_mw,
        shed_mw=solution.primal[n_step : n_step + n_bus],
        losses_mw=case.loss_offset_mw + float(case.loss_factor @ injection),
        flows_mw=case.shift_factor @ injection,
        overload_mw=overload,
        binding=tuple(
            BindingLine(case.line_names[k], k, -1 if line_price[k] > 0.0 else 1, abs(float(line_price[k])))
            for k in found.tolist()
        ),
        objective=solution.objective,
        kkt=solution.kkt,
    )
    _check(case, cleared)
    for values in (cleared.lmp, cleared.congestion, cleared.loss, cleared.dispatch_mw, cleared.flows_mw, overload):
        values.setflags(write=False)
    return cleared


def _check(case: IntervalCase, cleared: Clearing) -> None:
    """Raise ClearingError unless power balances and each flow is within its rating plus its declared overload."""
    supplied = float(cleared.dispatch_mw.sum() + cleared.shed_mw.sum())
    surplus = supplied - float(cleared.load_mw.sum()) - cleared.losses_mw
    excess = float(np.max(np.abs(cleared.flows_mw) - case.rating_mw - cleared.overload_mw))
    if not (abs(surplus) <= BALANCE_TOLERANCE_MW and excess <= FLOW_TOLERANCE_MW):
        raise ClearingError(
            found=f"{surplus:.3e} MW out of balance, {excess:.3e} MW beyond a rating in {cleared.interval}",
            allowed=f"{BALANCE_TOLERANCE_MW:.0e} MW and {FLOW_TOLERANCE_MW:.0e} MW",
            remedy="report the seed and the interval",
        )
