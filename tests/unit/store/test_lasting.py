"""Sets of rows that hold until the next: against plain loops."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from powerdesk.store import lasting

INSTANT = pa.timestamp("us", tz="UTC")
NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
BY = ("market", "name")
ROWS = st.lists(
    st.tuples(st.sampled_from(["M", "N"]), st.sampled_from(["a", "b", "ab"]), st.integers(-3, 3)), max_size=9
)


def table(rows: list[tuple[str, str, int]]) -> pa.Table:
    return pa.table(
        {
            "market": pa.array([market for market, _, _ in rows], pa.string()),
            "name": pa.array([name for _, name, _ in rows], pa.string()),
            "since": pa.array([NOON + timedelta(hours=at) for _, _, at in rows], INSTANT),
        }
    )


@given(ROWS, ROWS)
def test_sets__hold_from_their_start_until_the_next_of_their_name(
    rows: list[tuple[str, str, int]], asked: list[tuple[str, str, int]]
) -> None:
    sets = lasting.starts(table(rows), by=BY, time="since")
    found = lasting.holding(sets, table(asked), by=BY, time="since").tolist()

    listed = sorted(set(rows))
    for (market, name, at), place in zip(asked, found, strict=True):
        held = [one for one in listed if one[:2] == (market, name) and one[2] <= at]
        assert (listed[place] if place >= 0 else None) == max(held, default=None)
    for one, until in zip(listed, sets["until"].to_pylist(), strict=True):
        later = [other[2] for other in listed if other[:2] == one[:2] and other[2] > one[2]]
        wanted = NOON + timedelta(hours=min(later)) if later else None
        assert until == (lasting.FOR_GOOD if wanted is None else round(wanted.timestamp() * 1e6))


@given(ROWS)
def test_rows__belong_to_the_set_of_their_name_and_start(rows: list[tuple[str, str, int]]) -> None:
    given_rows = table(rows)
    sets = lasting.starts(given_rows, by=BY, time="since")

    places = lasting.numbered(given_rows, sets, by=BY, time="since")

    listed = sorted(set(rows))
    assert [listed[place] for place in places.tolist()] == rows
