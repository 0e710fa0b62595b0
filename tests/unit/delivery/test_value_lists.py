"""Lists of values in one text, with commas in quotes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from powerdesk.delivery import value_lists


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a,b", ["a", "b"]),
        (" a , , b,", ["a", "b"]),
        ('"A, B",c', ["A, B", "c"]),
        ('c, "A, B" ', ["c", "A, B"]),
        ('"say ""no"", twice"', ['say "no", twice']),
        ('5" pipe,b', ['5" pipe', "b"]),
        ('"open, b', ['"open', "b"]),
        ('"a"b, c', ['"a"b', "c"]),
        ('"",a', ["a"]),
        ("", []),
    ],
)
def test_split__takes_quoted_values_whole_and_plain_ones_apart(text: str, values: list[str]) -> None:
    assert value_lists.split(text) == values


@given(st.lists(st.text(min_size=1), max_size=6))
def test_split__gives_back_whatever_was_quoted(values: list[str]) -> None:
    text = ",".join('"' + one.replace('"', '""') + '"' for one in values)
    assert value_lists.split(text) == values


@given(st.text(alphabet='a", ', max_size=60))
def test_split__never_fails_and_leaves_no_value_empty(text: str) -> None:
    assert all(value_lists.split(text))
