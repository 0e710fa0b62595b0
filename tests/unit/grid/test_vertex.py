"""The kept vertex: the same optimum as HiGHS for bounds that move, rows that join and limits that narrow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from powerdesk.grid.clearing import active_set, inverse, vertex
from powerdesk.grid.clearing.vertex import Vertex
from powerdesk.solvers.warm import Method, Verdict, WarmProgram

if TYPE_CHECKING:
    from powerdesk.grid.types import FloatArray

SIZES = st.tuples(st.integers(2, 40), st.integers(0, 30))


def random_problem(draw: np.random.Generator, n_column: int, n_row: int) -> active_set.Problem:
    """Return a programme with a balance row first and ranged rows, some over one column, that x in its bounds keeps."""
    rows = np.vstack((np.ones(n_column), draw.uniform(-1.0, 1.0, (n_row, n_column))))
    for row in np.flatnonzero(draw.random(n_row) < 0.3) + 1:
        rows[row, np.arange(n_column) != draw.integers(n_column)] = 0.0
    upper = draw.uniform(0.0, 10.0, n_column) * (draw.random(n_column) > 0.1)
    activity = rows @ (upper * draw.uniform(0.0, 1.0, n_column))
    room = draw.uniform(0.0, 2.0, n_row + 1)
    room[0] = 0.0
    cost = draw.uniform(-5.0, 50.0, n_column)
    return active_set.Problem(
        cost, np.zeros(n_column), np.zeros(n_column), upper, rows, activity - room, activity + room
    )


def moved(one: active_set.Problem, draw: np.random.Generator, size: float) -> active_set.Problem:
    """Return the programme with other right-hand sides that a dispatch keeps, and sometimes other column bounds."""
    n_column = one.cost.size
    upper = one.upper if draw.random() < 0.7 else one.upper * draw.uniform(0.8, 1.0, n_column)
    near = 0.5 * (one.row_lower + one.row_upper)
    activity = (1.0 - size) * near + size * (one.rows @ (upper * draw.uniform(0.0, 1.0, n_column)))
    room = 0.5 * (one.row_upper - one.row_lower)
    return active_set.Problem(one.cost, one.quadratic, one.lower, upper, one.rows, activity - room, activity + room)


class Dense:
    """Products with the rows of a programme as they stand in it."""

    def __init__(self, one: active_set.Problem) -> None:
        self._rows = one.rows

    def held(self, x: FloatArray) -> FloatArray:
        """Return what the rows hold (n_row,)."""
        found: FloatArray = self._rows @ x
        return found

    def pressed(self, price: FloatArray) -> FloatArray:
        """Return what prices of rows press columns by (n_column,)."""
        found: FloatArray = price @ self._rows
        return found


def by_highs(one: active_set.Problem) -> tuple[float, active_set.Sets] | None:
    """Return the least cost and the sets of its basis by HiGHS, None when it finds no dispatch."""
    engine = WarmProgram(cost=one.cost, lower=one.lower, upper=one.upper)
    engine.add_dense_rows(lower=one.row_lower, upper=one.row_upper, matrix=one.rows)
    answer = engine.run(Method.SIMPLEX)
    basis = engine.basis()
    if answer.verdict is not Verdict.OPTIMAL or basis is None:
        return None
    return float(one.cost @ answer.primal), active_set.Sets(*basis)


@pytest.fixture(params=[2, 128], ids=["few seats", "all seated"])
def seats(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Price few columns at a time, or all of these small programmes; do early what only large ones come to."""
    monkeypatch.setattr(vertex, "LEAST_SEATED", request.param)
    monkeypatch.setattr(vertex, "MOST_EXCHANGES", 10)
    monkeypatch.setattr(inverse, "MOST_WAITING", vertex.BLOCK)
    monkeypatch.setattr(vertex, "LEAST_BOUND_ROWS", 1)


@pytest.mark.usefixtures("seats")
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32 - 1), size=SIZES, step=st.floats(0.01, 1.0))
def test_vertex__follows_bounds_to_the_optimum_that_highs_finds(seed: int, size: tuple[int, int], step: float) -> None:
    draw = np.random.default_rng(seed)
    one = random_problem(draw, *size)
    first = by_highs(one)
    assert first is not None
    kept = Vertex(one, first[1])
    for _ in range(6):
        one = moved(one, draw, step)
        expected = by_highs(one)
        found = kept.solve(one, Dense(one))
        if expected is None:
            assert found is None
            return
        assert found is not None
        assert one.cost @ found.x == pytest.approx(expected[0], rel=1e-8, abs=1e-7)
        activity = one.rows @ found.x
        assert (activity >= one.row_lower - 1e-6).all()
        assert (activity <= one.row_upper + 1e-6).all()
        reduced = one.cost - one.rows.T @ found.price
        assert found.x == pytest.approx(np.clip(found.x - reduced, one.lower, one.upper), abs=1e-6)
        assert activity == pytest.approx(np.clip(activity - found.price, one.row_lower, one.row_upper), abs=1e-6)


@pytest.mark.usefixtures("seats")
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32 - 1))
def test_vertex__takes_rows_that_join(seed: int) -> None:
    draw = np.random.default_rng(seed)
    whole = random_problem(draw, 25, 20)
    part = active_set.Problem(
        whole.cost, whole.quadratic, whole.lower, whole.upper, whole.rows[:8], whole.row_lower[:8], whole.row_upper[:8]
    )
    first, expected = by_highs(part), by_highs(whole)
    assert first is not None
    assert expected is not None
    kept = Vertex(part, first[1])
    found = kept.solve(whole, Dense(whole))
    assert found is not None
    assert whole.cost @ found.x == pytest.approx(expected[0], rel=1e-8, abs=1e-7)


def test_vertex__gives_up_where_no_dispatch_keeps_the_rows() -> None:
    one = random_problem(np.random.default_rng(3), 10, 4)
    first = by_highs(one)
    assert first is not None
    far = one.row_upper.copy()
    far[0] = one.upper.sum() + 1.0
    low = one.row_lower.copy()
    low[0] = far[0]
    asked = active_set.Problem(one.cost, one.quadratic, one.lower, one.upper, one.rows, low, far)
    assert Vertex(one, first[1]).solve(asked, Dense(asked)) is None


def test_vertex__refuses_sets_that_are_no_basis() -> None:
    one = random_problem(np.random.default_rng(3), 10, 4)
    none = active_set.Sets(np.zeros(10, np.int8), np.zeros(5, np.int8))
    with pytest.raises(np.linalg.LinAlgError):
        Vertex(one, none)
