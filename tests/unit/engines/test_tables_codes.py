"""Codes of text tuples: found at once or one by one, the same either way."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from powerdesk.engines.embedded import tables_codes
from powerdesk.engines.embedded.tables_codes import Codes

COLUMNS = ("source", "stage", "reason")
TEXTS = st.sampled_from([None, "", "a", "b", "é"])
ENTRIES = st.lists(st.tuples(TEXTS, TEXTS, TEXTS), max_size=12)
FEW, MANY = 10**6, -1


def rows_of(entries: list[tuple[str | None, ...]]) -> pa.Table:
    columns = zip(*entries, strict=True) if entries else ([], [], [])
    return pa.table({n: pa.array(list(c), pa.string()) for n, c in zip(COLUMNS, columns, strict=True)})


@settings(max_examples=80, deadline=None)
@given(known=ENTRIES, asked=ENTRIES, within=st.lists(st.sampled_from(["a", "b", "c"]), max_size=3))
def test_codes__are_the_same_looked_up_at_once_or_one_by_one(
    known: list[tuple[str | None, ...]], asked: list[tuple[str | None, ...]], within: list[str]
) -> None:
    found = []
    for singly_max in (FEW, MANY):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(tables_codes, "LOOKED_UP_SINGLY_MAX", singly_max)
            codes = Codes(COLUMNS, list(dict.fromkeys(known)))
            given_codes, new = codes.encode(rows_of(asked))
            codes = codes.extended(new)
        again, none = codes.encode(rows_of(asked))
        entries = list(zip(*(codes.texts(name).to_pylist() for name in COLUMNS), strict=True))
        assert [entries[code] for code in given_codes.tolist()] == asked
        assert (again.tolist(), none) == (given_codes.tolist(), [])
        matching = codes.matching({"source": within, "stage": ("a", 1)})
        assert matching is not None
        assert matching.tolist() == [n for n, e in enumerate(entries) if e[0] in within and e[1] == "a"]
        found.append((given_codes.tolist(), new))
    assert found[0] == found[1]


def test_matching__of_no_column_allows_everything() -> None:
    assert Codes(COLUMNS, [("a", "b", None)]).matching({}) is None


def test_codes__with_too_many_words_for_one_number_are_still_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables_codes, "LOOKED_UP_SINGLY_MAX", 0)
    monkeypatch.setattr(tables_codes, "PACKED_AT_ONCE_MAX", 3)
    entries = [("a", "a", None), ("b", "a", None), ("a", "b", None)]
    codes = Codes(COLUMNS, entries)

    given_codes, new = codes.encode(rows_of(entries[::-1]))

    assert (given_codes.tolist(), new) == ([2, 1, 0], [])
