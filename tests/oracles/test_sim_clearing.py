"""SIM's clearing against another formulation, another solver and finite differences of the cost of load."""

from __future__ import annotations

import dataclasses
import itertools
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from scipy import optimize, sparse

from powerdesk.kernel.intervals import DeliveryInterval
from powerdesk.simulation import clearing, market, network
from powerdesk.solvers import linear

INSTANTS = (
    datetime(2026, 1, 12, 13, 0, tzinfo=UTC),
    datetime(2026, 2, 3, 0, 5, tzinfo=UTC),
    datetime(2026, 4, 20, 8, 30, tzinfo=UTC),
    datetime(2026, 7, 13, 22, 10, tzinfo=UTC),
    datetime(2026, 8, 2, 20, 45, tzinfo=UTC),
    datetime(2026, 11, 9, 4, 0, tzinfo=UTC),
)
STEP_MW = 0.02


def real_time_case(start: datetime) -> clearing.IntervalCase:
    return market.real_time_case(seed=11, interval=DeliveryInterval.of_minutes(start, 5))


def angle_objective(case: clearing.IntervalCase) -> float:
    """Return the optimal cost by voltage angles, all limits at once, losses drawn where the load is.

    Columns: steps, shed, angles, flows, overload along and against, losses. Nothing here uses a shift factor except to
    see which lines are out.
    """
    grid = network.network()
    n_bus, n_line, n_step = case.load_mw.size, len(case.line_names), case.step_mw.size
    in_service = np.abs(case.shift_factor).sum(axis=1) > 0.0
    line = np.arange(n_line)
    incidence = sparse.csr_matrix(
        (np.tile([1.0, -1.0], (n_line, 1)).T.ravel(), (np.tile(line, 2), np.r_[grid.line_from, grid.line_to])),
        shape=(n_line, n_bus),
    )
    susceptance = np.where(in_service, 100.0 / grid.reactance_pu, 0.0)
    at_bus = sparse.csr_matrix((np.ones(n_step), (case.step_bus, np.arange(n_step))), shape=(n_bus, n_step))
    share = sparse.csr_matrix((case.load_mw / case.load_mw.sum())[:, None])
    eye_bus, eye_line = sparse.identity(n_bus), sparse.identity(n_line)
    factor = sparse.csr_matrix(case.loss_factor[None, :])
    nothing = sparse.csr_matrix((n_bus, n_line))
    equal = sparse.bmat(
        [
            [at_bus, eye_bus, None, -incidence.T, nothing, nothing, -share],
            [None, None, sparse.diags(susceptance) @ incidence, -eye_line, None, None, None],
            [factor @ at_bus, factor, None, None, None, None, sparse.csr_matrix([[-1.0]])],
        ]
    )
    right = np.concatenate(
        (case.load_mw, np.zeros(n_line), [float(case.loss_factor @ case.load_mw) - case.loss_offset_mw])
    )
    width = n_step + 2 * n_bus + 3 * n_line + 1
    first_flow = n_step + 2 * n_bus
    flow = sparse.csr_matrix((np.ones(n_line), (line, first_flow + line)), shape=(n_line, width))
    along = sparse.csr_matrix((np.ones(n_line), (line, first_flow + n_line + line)), shape=(n_line, width))
    against = sparse.csr_matrix((np.ones(n_line), (line, first_flow + 2 * n_line + line)), shape=(n_line, width))
    cost = np.zeros(width)
    cost[:n_step] = case.step_price_usd_per_mwh
    cost[n_step : n_step + n_bus] = clearing.SHED_PENALTY_USD_PER_MWH
    cost[first_flow + n_line : -1] = clearing.OVERLOAD_PENALTY_USD_PER_MWH
    upper = np.full(width, np.inf)
    upper[: n_step + n_bus] = np.concatenate((case.step_mw, case.load_mw))
    lower = np.zeros(width)
    lower[n_step + n_bus : first_flow + n_line] = -np.inf
    lower[-1] = -np.inf
    lower[n_step + n_bus] = upper[n_step + n_bus] = 0.0
    found = optimize.linprog(
        cost,
        A_ub=sparse.vstack((flow - along, -flow - against)),
        b_ub=np.tile(case.rating_mw, 2),
        A_eq=equal,
        b_eq=right,
        bounds=np.column_stack((lower, upper)),
        method="highs-ipm",
    )
    assert found.status == 0, found.message
    return float(found.fun)


@pytest.mark.parametrize("start", INSTANTS, ids=str)
def test_clearing__costs_what_the_angle_formulation_costs(start: datetime) -> None:
    case = real_time_case(start)
    assert clearing.clear(case).objective == pytest.approx(angle_objective(case), rel=1e-6)


def test_clearing__costs_what_the_angle_formulation_costs_on_a_day_of_25_hours() -> None:
    cases = market.day_ahead_cases(seed=11, operating_day=date(2026, 11, 1))
    assert len(cases) == 25
    for case in cases[::6]:
        assert clearing.clear(case).objective == pytest.approx(angle_objective(case), rel=1e-6)


@pytest.mark.parametrize("start", INSTANTS, ids=str)
def test_clearing__is_optimal_for_the_programme_with_every_limit(start: datetime) -> None:
    case = real_time_case(start)
    cleared = clearing.clear(case)
    every = tuple(range(len(case.line_names)))
    whole = linear.solve(clearing.program(case, limited=every))
    assert cleared.objective == pytest.approx(whole.objective, rel=1e-9)
    assert cleared.flows_mw == pytest.approx(case.shift_factor @ injection(case, whole), abs=1e-4)


def injection(case: clearing.IntervalCase, solution: linear.LinearSolution) -> np.ndarray:
    n_step, n_bus = case.step_mw.size, case.load_mw.size
    made = np.bincount(case.step_bus, weights=solution.primal[:n_step], minlength=n_bus)
    return made + solution.primal[n_step : n_step + n_bus] - case.load_mw


def cost_with_load(case: clearing.IntervalCase, bus: int, change_mw: float) -> float:
    load_mw = case.load_mw.copy()
    load_mw[bus] += change_mw
    return clearing.clear(dataclasses.replace(case, load_mw=load_mw)).objective


def test_lmp__is_the_cost_of_one_more_mw_at_its_bus() -> None:
    """Loss factors and reference stay frozen, as the market's definition has it; kinks are told by unequal slopes."""
    compared, congested = 0, 0
    for start in INSTANTS:
        case = real_time_case(start)
        cleared = clearing.clear(case)
        for bus in (0, 11, 20, 33, 46):
            before, after = cost_with_load(case, bus, -STEP_MW), cost_with_load(case, bus, STEP_MW)
            left, right = (cleared.objective - before) / STEP_MW, (after - cleared.objective) / STEP_MW
            if abs(left - right) < 1e-4:
                assert cleared.lmp[bus] == pytest.approx((left + right) / 2.0, abs=1e-4)
                compared += 1
                congested += bool(cleared.binding)
    assert compared >= 25
    assert congested >= 10


def test_shadow_price__is_what_one_more_mw_of_rating_saves() -> None:
    compared = 0
    for start in INSTANTS:
        case = real_time_case(start)
        cleared = clearing.clear(case)
        for limit in cleared.binding:
            rating_mw = case.rating_mw.copy()
            rating_mw[limit.position] += STEP_MW
            looser = clearing.clear(dataclasses.replace(case, rating_mw=rating_mw))
            rating_mw[limit.position] -= 2 * STEP_MW
            tighter = clearing.clear(dataclasses.replace(case, rating_mw=rating_mw))
            saved = (cleared.objective - looser.objective) / STEP_MW
            if abs(saved - (tighter.objective - cleared.objective) / STEP_MW) < 1e-4:
                assert limit.shadow_price_usd_per_mwh == pytest.approx(saved, abs=1e-4)
                compared += 1
    assert compared >= 4


def test_shift_factors__equal_flows_of_a_nodal_solution() -> None:
    grid = network.network()
    generator = np.random.default_rng(5)
    power = generator.normal(size=len(grid.buses)) * 100.0
    power -= power.mean()
    laplacian = np.zeros((len(grid.buses), len(grid.buses)))
    for a, b, x in zip(grid.line_from, grid.line_to, grid.reactance_pu, strict=True):
        laplacian[[a, b], [a, b]] += 1.0 / x
        laplacian[[a, b], [b, a]] -= 1.0 / x
    angle = np.linalg.lstsq(laplacian, power, rcond=None)[0]
    flows = (angle[grid.line_from] - angle[grid.line_to]) / grid.reactance_pu
    assert network.shift_factors(out_lines=()) @ power == pytest.approx(flows, abs=1e-7)


def test_case__loss_line_touches_quadratic_losses_at_its_base_point() -> None:
    """The tangent lies below the true losses everywhere and meets them for the cleared flows nearly."""
    grid = network.network()
    for start in INSTANTS:
        case = real_time_case(start)
        cleared = clearing.clear(case)
        true_mw = float((grid.resistance_pu / 100.0 * cleared.flows_mw**2).sum())
        assert cleared.losses_mw <= true_mw + 1e-6
        assert true_mw - cleared.losses_mw < 0.01 * cleared.load_mw.sum()


def test_days__keep_to_the_operating_day_across_clock_changes() -> None:
    for day, hours in ((date(2026, 3, 8), 23), (date(2026, 11, 1), 25), (date(2026, 6, 1), 24)):
        cases = market.day_ahead_cases(seed=2, operating_day=day)
        assert len(cases) == hours
        assert cases[-1].interval.end - cases[0].interval.start == timedelta(hours=hours)
        assert all(a.interval.adjoins(b.interval) for a, b in itertools.pairwise(cases))
