"""Linear programmes: known answers, signs of duals, the ladder, and a KKT check that finds planted faults."""

from __future__ import annotations

import dataclasses

import highspy
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from powerdesk.solvers import linear

INF = np.inf


def two_plants() -> linear.LinearProgram:
    """Two plants at 10 and 30 USD/MWh (60 and 80 MW) serve 100 MW; the first sits behind a line of 50 MW."""
    return linear.LinearProgram(
        cost=np.array([10.0, 30.0]),
        matrix=np.array([[1.0, 1.0], [1.0, 0.0]]),
        row_lower=np.array([100.0, -50.0]),
        row_upper=np.array([100.0, 50.0]),
        col_lower=np.zeros(2),
        col_upper=np.array([60.0, 80.0]),
    )


def test_solve__finds_the_known_dispatch_and_prices() -> None:
    solution = linear.solve(two_plants())
    assert solution.primal == pytest.approx([50.0, 50.0])
    assert solution.objective == pytest.approx(2000.0)
    assert solution.row_duals == pytest.approx([30.0, -20.0])
    assert solution.reduced_costs == pytest.approx([0.0, 0.0])
    assert solution.method is linear.Method.SIMPLEX
    assert solution.kkt.worst <= 1e-12


def test_solve__row_dual_is_the_change_of_the_objective() -> None:
    base, extra = two_plants(), np.array([1.0, 0.0])
    more = dataclasses.replace(base, row_lower=base.row_lower + extra, row_upper=base.row_upper + extra)
    gain = linear.solve(more).objective - linear.solve(base).objective
    assert gain == pytest.approx(linear.solve(base).row_duals[0])


def test_solve__sparse_rows_equal_dense() -> None:
    dense = two_plants()
    sparse = dataclasses.replace(
        dense,
        matrix=linear.SparseRows(
            np.array([0, 2, 3], dtype=np.int32), np.array([0, 1, 0], dtype=np.int32), np.array([1.0, 1.0, 1.0]), 2
        ),
    )
    assert linear.solve(sparse).primal.tolist() == linear.solve(dense).primal.tolist()
    assert sparse.priced(np.array([2.0, 5.0])).tolist() == dense.priced(np.array([2.0, 5.0])).tolist()
    assert sparse.activity(np.array([2.0, 5.0])).tolist() == dense.activity(np.array([2.0, 5.0])).tolist()


def test_solve__warm_start_reaches_the_same_optimum() -> None:
    cold = linear.solve(two_plants())
    warm = linear.solve(two_plants(), basis=cold.basis)
    assert warm.method is linear.Method.SIMPLEX_WARM
    assert warm.primal == pytest.approx(cold.primal)


def test_basis__grows_with_new_rows_and_columns() -> None:
    base = two_plants()
    cold = linear.solve(base)
    assert cold.basis is not None
    wider = linear.LinearProgram(
        cost=np.array([10.0, 30.0, 5.0]),
        matrix=np.array([[1.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 1.0]]),
        row_lower=np.array([100.0, -50.0, 55.0]),
        row_upper=np.array([100.0, 50.0, INF]),
        col_lower=np.zeros(3),
        col_upper=np.array([60.0, 80.0, 9.0]),
    )
    warm = linear.solve(wider, basis=cold.basis.grown(n_new_columns=1, n_new_rows=1))
    assert warm.objective == pytest.approx(2025.0)


def test_solve__a_basis_of_another_programme_falls_to_the_next_rung() -> None:
    wrong = linear.Basis(columns=(highspy.HighsBasisStatus.kBasic,) * 3, rows=(highspy.HighsBasisStatus.kLower,))
    assert linear.solve(two_plants(), basis=wrong).objective == pytest.approx(2000.0)


def test_solve__refuses_an_infeasible_programme_naming_each_rung() -> None:
    base = two_plants()
    impossible = dataclasses.replace(base, row_lower=np.array([500.0, -50.0]), row_upper=np.array([500.0, 50.0]))
    with pytest.raises(linear.UnsolvedError, match=r"simplex: Infeasible.*interior-point"):
        linear.solve(impossible)


def test_solve__refuses_an_unbounded_programme() -> None:
    free = dataclasses.replace(two_plants(), cost=np.array([0.0, -1.0]), col_upper=np.array([60.0, INF]))
    free = dataclasses.replace(free, row_upper=np.array([INF, 50.0]))
    with pytest.raises(linear.UnsolvedError):
        linear.solve(free)


@pytest.mark.parametrize(
    "change",
    [
        {"col_lower": np.zeros(3)},
        {"row_upper": np.zeros(1)},
        {"cost": np.array([1.0, np.nan])},
        {"col_lower": np.array([0.0, 99.0])},
        {"row_lower": np.array([np.nan, 0.0])},
        {"matrix": np.array([[1.0, INF], [0.0, 1.0]])},
    ],
)
def test_program__refuses_arrays_that_do_not_fit(change: dict[str, np.ndarray]) -> None:
    with pytest.raises(linear.LinearProgramError):
        dataclasses.replace(two_plants(), **change)


def test_kkt_residual__finds_each_planted_fault() -> None:
    program = two_plants()
    right = linear.solve(program)
    broken_limit = dataclasses.replace(right, primal=np.array([60.0, 40.0]))
    assert linear.kkt_residual(program, broken_limit).primal > 1e-2
    not_cheapest = dataclasses.replace(right, primal=np.array([40.0, 60.0]))
    assert linear.kkt_residual(program, not_cheapest).complementarity > 1e-2
    wrong_claim = dataclasses.replace(right, reduced_costs=np.array([1.0, 0.0]))
    assert linear.kkt_residual(program, wrong_claim).dual > 1e-2
    not_a_number = dataclasses.replace(right, primal=np.array([np.nan, 40.0]))
    assert np.isnan(linear.kkt_residual(program, not_a_number).worst)


def test_kkt_residual__a_dual_that_needs_an_infinite_bound_is_dual_infeasible() -> None:
    program = dataclasses.replace(two_plants(), row_upper=np.array([INF, 50.0]))
    right = linear.solve(program)
    upside_down = dataclasses.replace(
        right, row_duals=np.array([-30.0, 0.0]), reduced_costs=program.cost - program.priced(np.array([-30.0, 0.0]))
    )
    assert linear.kkt_residual(program, upside_down).dual > 0.5


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 8), st.integers(1, 12))
def test_solve__agrees_with_scipy_on_random_feasible_programmes(seed: int, n_rows: int, n_columns: int) -> None:
    generator = np.random.default_rng(seed)
    matrix = generator.normal(size=(n_rows, n_columns)) * (generator.random((n_rows, n_columns)) < 0.6)
    inside = generator.random(n_columns)
    room = generator.random(n_rows)
    program = linear.LinearProgram(
        generator.normal(size=n_columns),
        matrix,
        matrix @ inside - room,
        matrix @ inside + room,
        np.zeros(n_columns),
        np.full(n_columns, 2.0),
    )
    ours = linear.solve(program)
    other = optimize.linprog(
        program.cost,
        A_ub=np.vstack((matrix, -matrix)),
        b_ub=np.concatenate((program.row_upper, -program.row_lower)),
        bounds=(0.0, 2.0),
        method="highs-ipm",
    )
    assert ours.objective == pytest.approx(other.fun, rel=1e-6, abs=1e-7)
    assert ours.kkt.worst <= linear.KKT_TOLERANCE
