"""Programmes kept warm and Clarabel's: equal to scipy's, signs as stated, verdicts told apart."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, sparse

from powerdesk.solvers import conic
from powerdesk.solvers.linear import LinearProgramError
from powerdesk.solvers.warm import Method, Verdict, WarmProgram

INF = np.inf
LISTED = [Method.SIMPLEX, Method.PRIMAL_SIMPLEX, Method.INTERIOR_POINT]


def two_plants() -> WarmProgram:
    """Two plants at 10 and 30 USD/MWh serve 100 MW; the first sits behind a line of 50 MW."""
    held = WarmProgram(cost=np.array([10.0, 30.0]), lower=np.zeros(2), upper=np.array([60.0, 80.0]))
    rows = np.array([[1.0, 1.0], [1.0, 0.0]])
    held.add_dense_rows(lower=np.array([100.0, -50.0]), upper=np.array([100.0, 50.0]), matrix=rows)
    return held


@pytest.mark.parametrize("method", LISTED)
def test_run__finds_the_known_dispatch_and_prices(method: Method) -> None:
    answer = two_plants().run(method)
    assert answer.verdict is Verdict.OPTIMAL
    assert answer.primal == pytest.approx([50.0, 50.0])
    assert answer.row_duals == pytest.approx([30.0, -20.0])


def test_run__warm_after_bounds_costs_rows_and_columns_changed() -> None:
    held = two_plants()
    held.run(Method.SIMPLEX)
    held.set_rows(lower=np.array([110.0, -50.0]), upper=np.array([110.0, 50.0]))
    assert held.run(Method.SIMPLEX_WARM).primal == pytest.approx([50.0, 60.0])
    held.set_columns(lower=np.zeros(2), upper=np.array([40.0, 80.0]))
    assert held.run(Method.SIMPLEX_WARM).primal == pytest.approx([40.0, 70.0])
    held.set_costs(np.array([10.0, 5.0]))
    assert held.run(Method.SIMPLEX_WARM).primal == pytest.approx([30.0, 80.0])
    held.add_dense_rows(lower=np.array([-INF]), upper=np.array([75.0]), matrix=np.array([[0.0, 1.0]]))
    assert held.run(Method.SIMPLEX_WARM).primal == pytest.approx([35.0, 75.0])
    one = np.array([1], np.int32)
    held.add_columns(
        cost=np.array([1.0]),
        lower=np.zeros(1),
        upper=np.array([100.0]),
        start=np.zeros(1, np.int32),
        index=np.zeros(1, np.int32),
        value=one.astype(float),
    )
    assert held.run(Method.SIMPLEX_WARM).primal == pytest.approx([0.0, 10.0, 100.0])


@pytest.mark.parametrize("method", LISTED)
def test_run__tells_an_infeasible_programme(method: Method) -> None:
    held = two_plants()
    held.set_rows(lower=np.array([200.0, -50.0]), upper=np.array([200.0, 50.0]))
    assert held.run(method).verdict is Verdict.INFEASIBLE


def test_arrays__with_crossed_bounds_or_nan_are_refused() -> None:
    held = two_plants()
    with pytest.raises(LinearProgramError):
        held.set_rows(lower=np.array([1.0, 0.0]), upper=np.array([0.0, 1.0]))
    with pytest.raises(LinearProgramError):
        held.set_costs(np.array([np.nan, 1.0]))
    with pytest.raises(LinearProgramError):
        held.add_dense_rows(lower=np.zeros(1), upper=np.zeros(1), matrix=np.array([[np.nan, 1.0]]))
    with pytest.raises(LinearProgramError):
        WarmProgram(cost=np.ones(1), lower=np.ones(1), upper=np.zeros(1))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 100_000), n_column=st.integers(1, 12), n_row=st.integers(1, 8))
def test_run_and_conic__equal_scipy_on_feasible_programmes(seed: int, n_column: int, n_row: int) -> None:
    draw = np.random.default_rng(seed)
    cost, rows = draw.normal(size=n_column), draw.normal(size=(n_row, n_column))
    lower = draw.uniform(-5.0, 0.0, n_column)
    upper = lower + draw.uniform(0.1, 10.0, n_column)
    activity = rows @ draw.uniform(lower, upper)
    low, high = activity - draw.uniform(0.0, 2.0, n_row), activity + draw.uniform(0.0, 2.0, n_row)
    expected = optimize.linprog(
        cost, A_ub=np.vstack((rows, -rows)), b_ub=np.concatenate((high, -low)), bounds=np.column_stack((lower, upper))
    )
    held = WarmProgram(cost=cost, lower=lower, upper=upper)
    held.add_dense_rows(lower=low, upper=high, matrix=rows)
    answers = [held.run(method) for method in LISTED]
    # HiGHS's primal simplex ends some of these as "Unknown": a rung may fail, it may not lie
    answers = [one for one in answers if one.verdict is not Verdict.FAILED]
    assert len(answers) >= 2
    answers.append(
        conic.solve(
            cost=cost,
            quadratic=np.zeros(n_column),
            matrix=sparse.csr_array(rows),
            row_bounds=(low, high),
            column_bounds=(lower, upper),
        )
    )
    price = expected.ineqlin.marginals[:n_row] - expected.ineqlin.marginals[n_row:]
    for answer in answers:
        assert cost @ answer.primal == pytest.approx(expected.fun, abs=1e-6)
        assert answer.row_duals == pytest.approx(price, abs=1e-5)


def test_conic__a_quadratic_cost_stops_where_its_slope_is_the_price() -> None:
    answer = conic.solve(
        cost=np.array([10.0, 20.0]),
        quadratic=np.array([0.5, 0.0]),
        matrix=sparse.csr_array(np.array([[1.0, 1.0]])),
        row_bounds=(np.array([30.0]), np.array([30.0])),
        column_bounds=(np.zeros(2), np.array([INF, INF])),
    )
    assert answer.primal == pytest.approx([10.0, 20.0], abs=1e-6)
    assert answer.row_duals == pytest.approx([20.0], abs=1e-6)


def test_conic__tells_an_infeasible_programme() -> None:
    answer = conic.solve(
        cost=np.ones(1),
        quadratic=np.zeros(1),
        matrix=sparse.csr_array(np.ones((1, 1))),
        row_bounds=(np.array([3.0]), np.array([INF])),
        column_bounds=(np.zeros(1), np.ones(1)),
    )
    assert answer.verdict is Verdict.INFEASIBLE
