"""Ordering by packed integers agrees with ordering by tuples."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from powerdesk.engines.embedded import tables_order

CELLS = st.one_of(st.integers(0, 3), st.integers(-(1 << 62), 1 << 62), st.integers(-5, 5).map(lambda n: n * 10**9))
ROWS = st.integers(1, 4).flatmap(lambda width: st.lists(st.tuples(*[CELLS] * width), max_size=30))


@settings(max_examples=60, deadline=None)
@given(rows=ROWS, group=st.integers(1, 3))
def test_ordered__agrees_with_sorting_tuples(rows: list[tuple[int, ...]], group: int) -> None:
    width = len(rows[0]) if rows else 1
    columns = [np.array([row[n] for row in rows], np.int64) for n in range(width)]
    group = min(group, width)

    order, last = tables_order.ordered(columns, group=group)

    expected = sorted(range(len(rows)), key=lambda n: rows[n])
    assert (list(range(len(rows))) if order is None else order.tolist()) == expected
    keys = [rows[n][:group] for n in expected]
    assert last.tolist() == [n + 1 == len(keys) or keys[n + 1] != key for n, key in enumerate(keys)]


def test_ordered__takes_numbers_with_fractions_and_truth_values() -> None:
    order, last = tables_order.ordered([np.array([2.5, -1.0, 2.5]), np.array([True, False, False])], group=1)

    assert order is not None
    assert order.tolist() == [1, 2, 0]
    assert last.tolist() == [True, False, True]


def test_spans__list_every_index_of_each_range_in_turn() -> None:
    found = tables_order.spans(np.array([5, 2, 9]), np.array([7, 2, 10]))

    assert found.tolist() == [5, 6, 9]
    assert tables_order.spans(np.array([3]), np.array([5])).tolist() == [3, 4]
