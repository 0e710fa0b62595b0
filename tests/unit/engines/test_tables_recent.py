"""Rows in memory: looked up, extended without disturbing readers, let go by time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from powerdesk.engines.embedded import tables_recent
from powerdesk.engines.embedded.tables_layout import LABEL, TAG, Layout, micros
from powerdesk.engines.embedded.tables_recent import EVERYTHING, Recent
from powerdesk.engines.ports.tables import ColumnSpec, TableSpec
from powerdesk.kernel.dtypes import Dtype

START = datetime(2025, 1, 30, tzinfo=UTC)
LAYOUT = Layout(
    TableSpec(
        name="made.loads",
        columns=(
            ColumnSpec("location", Dtype.TEXT, nullable=False),
            ColumnSpec("interval_start", Dtype.INSTANT, nullable=False),
            ColumnSpec("load_mw", Dtype.FLOAT64, nullable=True),
            ColumnSpec("note", Dtype.TEXT, nullable=True),
            ColumnSpec("is_peak", Dtype.BOOL, nullable=True),
        ),
        key=("location", "interval_start"),
    )
)


def stored(commit: int, cells: list[tuple[int, float]], *, note: str | None = None) -> pa.Table:
    """Return stored rows of (label, hours after START)."""
    times = [START + timedelta(hours=hour) for _, hour in cells]
    columns = {
        LABEL: [label for label, _ in cells],
        "interval_start": times,
        "load_mw": [None if label else float(commit) for label, _ in cells],
        "note": [note] * len(cells),
        "is_peak": [None if label else True for label, _ in cells],
        TAG: [0] * len(cells),
        "published_at": times,
        "received_at": times,
        "revision": [commit] * len(cells),
        "commit": [commit] * len(cells),
    }
    kinds = LAYOUT.stored_types
    return pa.table({name: pa.array(columns[name], kinds[name]) for name in LAYOUT.stored})


def filled(*batches: pa.Table) -> Recent:
    recent = tables_recent.empty(LAYOUT)
    for batch in batches:
        recent = recent.extended(batch)
    return recent


def cells(recent: Recent, rows: np.ndarray) -> list[tuple[int, float]]:
    labels, times = recent.values(LABEL, rows), recent.values("interval_start", rows)
    start = micros(START)
    assert start is not None
    return sorted((int(label), (int(time) - start) / 3.6e9) for label, time in zip(labels, times, strict=True))


def test_table__gives_back_what_was_appended_with_its_nulls() -> None:
    batches = [stored(1, [(0, 0)]), stored(2, [(1, 5), (0, 1)], note="late"), stored(3, [(0, 2)])]

    recent = filled(*batches)

    found = pa.table(recent.arrays(np.arange(4), list(LAYOUT.stored)))
    assert found.equals(pa.concat_tables(batches).combine_chunks())


def test_extended__leaves_a_reader_what_it_began_with() -> None:
    before = filled(stored(1, [(0, 0)]))

    after = before.extended(stored(2, [(0, 1)]))

    span = {"label_count": 1, "start_us": None, "end_us": None}
    assert cells(before, before.rows_of(None, **span)) == [(0, 0)]
    assert cells(after, after.rows_of(None, **span)) == [(0, 0), (0, 1)]


def test_extended__again_after_a_failed_commit_forgets_the_first_attempt() -> None:
    before = filled(stored(1, [(0, 0)]))
    before.extended(stored(2, [(0, 7), (0, 8)]))

    after = before.extended(stored(2, [(1, 3)]))

    assert cells(after, after.rows_between(0, 9)) == [(0, 0), (1, 3)]


@pytest.mark.parametrize("repeated", [1, 100])
def test_rows_of__are_those_of_the_labels_from_start_to_before_end(repeated: int) -> None:
    every = [(label, hour) for label in range(3) for hour in (0, 1, 1.0001, 2, 3)] * repeated
    recent = filled(stored(1, every[::2]), stored(2, every[1::2]))
    allowed = np.array([0, 2])
    start, end = micros(START + timedelta(hours=1)), micros(START + timedelta(hours=2))

    found = recent.rows_of(allowed, label_count=3, start_us=start, end_us=end)
    whole = recent.rows_of(None, label_count=3, start_us=None, end_us=end)

    assert cells(recent, found) == sorted([(0, 1), (0, 1.0001), (2, 1), (2, 1.0001)] * repeated)
    assert cells(recent, whole) == sorted(cell for cell in every if cell[1] < 2)


def test_newest_of__finds_the_last_time_of_each_label_before_the_end() -> None:
    recent = filled(stored(1, [(0, 0), (1, 4)]), stored(2, [(0, 3), (0, 3)]))

    found = recent.newest_of(None, label_count=3, end_us=None)
    earlier = recent.newest_of(None, label_count=3, end_us=micros(START + timedelta(hours=3)))

    assert cells(recent, found) == [(0, 3), (0, 3), (1, 4)]
    assert cells(recent, earlier) == [(0, 0)]


def test_shrunk__keeps_the_latest_times_and_all_that_is_not_settled() -> None:
    recent = filled(*(stored(commit, [(0, commit), (1, commit)]) for commit in range(1, 6)), stored(6, [(0, 0)]))

    less = recent.shrunk(5, settled=5)

    assert cells(less, less.rows_between(0, 9)) == [(0, 0), (0, 4), (0, 5), (1, 4), (1, 5)]
    assert recent.from_us == EVERYTHING
    assert less.from_us == (micros(START + timedelta(hours=3)) or 0) + 1
    assert less.after_commit == 3
    assert less.extended(stored(7, [(1, 9)])).count == 6
