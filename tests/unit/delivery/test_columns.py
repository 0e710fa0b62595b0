"""Columns as JSON: every value as the kernel and the standard library write it, however it was reached."""

from __future__ import annotations

import itertools
import json
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from powerdesk.delivery import columns, instants
from powerdesk.kernel import intervals

UTC_MICROS = pa.timestamp("us", tz="UTC")
INSTANTS = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001 - bounds are naive here
WHOLE = INSTANTS.map(lambda instant: instant.replace(microsecond=0))
NEAR = st.integers(-40, 40).map(lambda minutes: datetime(2026, 11, 1, tzinfo=UTC) + timedelta(minutes=minutes))
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
COUNTS = st.sampled_from([0, 1, 2, instants.FEW, instants.FEW + 1, 40, 2 * columns.PIECE_ROWS + 1])


def arrays(values: st.SearchStrategy[Any], kind: pa.DataType) -> st.SearchStrategy[pa.Array]:
    """Return columns of one value all down, of few, of many; with nulls or without; cut out of longer ones."""

    def filled(count: int) -> st.SearchStrategy[list[Any]]:
        chosen = st.one_of(values, st.none(), st.lists(st.one_of(values, st.none()), min_size=1, max_size=3))
        some = chosen.map(
            lambda few: list(itertools.islice(itertools.cycle(few if isinstance(few, list) else [few]), count))
        )
        return st.one_of(some, st.lists(values, min_size=count, max_size=count))

    whole = COUNTS.flatmap(filled).map(lambda listed: pa.array(listed, kind))
    return st.one_of(whole, whole.map(lambda column: column.slice(1)))


def expected(value: Any) -> Any:
    """Return what JSON must say of a value."""
    if isinstance(value, datetime):
        return intervals.format_instant(value.astimezone(UTC))
    return None if isinstance(value, float) and not math.isfinite(value) else value


@given(
    st.one_of(
        arrays(INSTANTS, UTC_MICROS),
        arrays(WHOLE, UTC_MICROS),
        arrays(NEAR, UTC_MICROS),
        arrays(st.floats(), pa.float64()),
        arrays(st.integers(-(2**63), 2**63 - 1), pa.int64()),
        arrays(st.booleans(), pa.bool_()),
        arrays(TEXTS, pa.string()),
    )
)
@settings(max_examples=400, deadline=None)
def test_json__says_each_value_in_its_place(column: pa.Array) -> None:
    table = pa.table({'a "name"': column})
    wanted = [expected(value) for value in column.to_pylist()]
    assert json.loads(columns.json(table)) == {'a "name"': wanted}
    assert [expected(value) for value in columns.values(table)['a "name"']] == wanted


@given(st.lists(st.one_of(WHOLE, NEAR), min_size=2, max_size=40), st.integers(1, 999_999))
@settings(max_examples=100, deadline=None)
def test_a_column_of_instants_of_one_kind__is_written_as_one_by_one(whole: list[datetime], micros: int) -> None:
    fractional = [instant + timedelta(microseconds=micros) for instant in whole]
    for kind in (whole, fractional):
        written = instants.json(pa.array(kind, UTC_MICROS))
        assert written is not None
        assert json.loads(written) == [intervals.format_instant(instant) for instant in kind]
    assert instants.json(pa.array([whole[0], *fractional], UTC_MICROS)) is None


@given(st.lists(st.one_of(st.none(), INSTANTS, WHOLE, NEAR), max_size=40))
@settings(max_examples=150, deadline=None)
def test_instants__read_as_the_kernel_writes_them(given_instants: list[datetime | None]) -> None:
    column = pa.chunked_array([pa.array(given_instants, UTC_MICROS)])
    wanted = [None if instant is None else intervals.format_instant(instant) for instant in given_instants]
    assert instants.strings(column).to_pylist() == wanted
    assert instants.texts(column.combine_chunks()) == wanted


@pytest.mark.parametrize("texts", [["ab", "aba", "b"] * 10, ["", "a"] * 10, ["aa", "a", "aaa"] * 10, [""] * 20])
def test_texts_whose_bytes_repeat__are_told_from_one_text(texts: list[str]) -> None:
    assert json.loads(columns.json(pa.table({"a": texts}))) == {"a": texts}


def test_columns_in_pieces__are_written_as_one() -> None:
    table = pa.concat_tables([pa.table({"a": ["x"] * 20}), pa.table({"a": ["y"]}), pa.table({"a": ["x"]})])
    assert json.loads(columns.json(table)) == {"a": ["x"] * 20 + ["y", "x"]}


def test_instants_of_another_unit__are_refused() -> None:
    with pytest.raises(AssertionError, match="microseconds"):
        instants.texts(pa.array([1], pa.timestamp("s", tz="UTC")))


@pytest.mark.parametrize("count", [0, 1, columns.PIECE_ROWS, columns.PIECE_ROWS + 1, 3 * columns.PIECE_ROWS])
def test_pieces__make_one_array_of_all_rows(count: int) -> None:
    table = pa.table(
        {"a": range(count), "b": [f"{number}" for number in range(count)]},
        pa.schema([("a", pa.int64()), ("b", pa.string())]),
    )
    assert json.loads(columns.records_json(table)) == table.to_pylist()
    assert json.loads(columns.rows_json(table)) == [list(row.values()) for row in table.to_pylist()]
    assert json.loads(columns.json(table)) == table.to_pydict()


def test_records__are_rows_by_name() -> None:
    table = pa.table({"a": pa.array([datetime(2026, 1, 1, tzinfo=UTC), None], UTC_MICROS), "b": [1, 2]})
    assert columns.records(table) == [{"a": "2026-01-01T00:00:00Z", "b": 1}, {"a": None, "b": 2}]
