"""Tables to bytes: what each format quotes and shapes, tags compared as RFC 9110 asks."""

from __future__ import annotations

import json
import re

import pyarrow as pa
import pyarrow.csv as pcsv
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from powerdesk.delivery import cells
from powerdesk.delivery.rest import encoding

TEXTS = st.text(st.sampled_from("'=+-@a\uff1d")) | st.text(st.characters(exclude_categories=["Cs", "Cc"]))


@given(st.lists(st.tuples(TEXTS, st.none() | st.floats(allow_nan=False, allow_infinity=False)), min_size=1, max_size=5))  # fmt: skip  # noqa: E501 - one strategy
@settings(max_examples=60, deadline=None)
def test_csv__quotes_what_needs_it(rows: list[tuple[str, float | None]]) -> None:
    names, values = zip(*rows, strict=True)
    table = pa.table({"name": pa.array(names, pa.string()), "value": pa.array(values, pa.float64())})
    options = pcsv.ConvertOptions(column_types=table.schema, strings_can_be_null=False, null_values=[""])
    read = pcsv.read_csv(
        pa.BufferReader(encoding.csv_bytes(table)),
        convert_options=options,
        parse_options=pcsv.ParseOptions(newlines_in_values=True),
    )
    written = read.column("name").to_pylist()
    assert read.column("value").equals(table.column("value"))
    assert not any(name.startswith(STARTERS) for name in written)
    assert [taken(name) for name in written] == list(names)
    assert written == [cells.guarded(name) for name in names]


STARTERS = ("=", "+", "-", "@", "\t", "\r", "\n")


def taken(cell: str) -> str:
    """Return the text of a cell, as the how-to says."""
    return re.sub("^'(?='*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20])", "", cell)


def test_csv__leaves_numbers_and_their_signs_alone() -> None:
    table = pa.table({"location": ["=1+1", "SIM:A", "'-b", None], "price": [-1.5, 2.0, None, -3.0]})
    lines = encoding.csv_bytes(table).decode().splitlines()
    assert lines == ['"location","price"', '"\'=1+1",-1.5', '"SIM:A",2', "\"''-b\",", ",-3"]


def test_json__has_three_shapes() -> None:
    table = pa.table({"a": [1, 2], "b": ["x", None]})

    def shaped(shape: encoding.Format) -> dict[str, object]:
        found: dict[str, object] = json.loads(encoding.json_bytes(table, shape=shape, envelope={"count": 2}))
        return found

    assert shaped(encoding.Format.JSON) == {"count": 2, "columns": {"a": [1, 2], "b": ["x", None]}}
    assert shaped(encoding.Format.ROWS) == {"count": 2, "names": ["a", "b"], "rows": [[1, "x"], [2, None]]}
    assert shaped(encoding.Format.RECORDS)["records"] == [{"a": 1, "b": "x"}, {"a": 2, "b": None}]


@pytest.mark.parametrize(
    ("header", "found"),
    [('"a"', True), ('W/"a"', True), ('"b", W/"a"', True), ("*", True), ('"b"', False), ("", False), ("a", False)],
)
def test_tags__are_compared_weakly(header: str, *, found: bool) -> None:
    assert encoding.has_tag(header, 'W/"a"') is found
    assert encoding.has_tag(header, '"a"') is found
