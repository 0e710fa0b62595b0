"""Revisions: what is new, what corrects, what was known; against a plain-Python oracle."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_cases import HOUR, PRICES, T0, batch, row

from powerdesk.store import checking, revising, schema, stamping

NOTHING = schema.row_schema(PRICES).empty_table()


def logged(rows: pa.Table, *, received_at: datetime, source: str = "test") -> pa.Table:
    checked = checking.check(PRICES, rows)
    return stamping.stamp(PRICES, checked.rows, source=source, received_at=received_at, lineage=None)


def applied(known: pa.Table, rows: pa.Table, commit: int) -> tuple[pa.Table, revising.Revised]:
    revised = revising.revise(PRICES, rows=rows, known=known, commit=commit)
    return pa.concat_tables([known, revised.rows]), revised


def test_stamp__says_which_of_the_three_ways_dated_a_row() -> None:
    late = T0 + 10 * HOUR
    rows = batch(row(0, 1.0, published_at=T0), row(1, 1.0), row(20, 1.0))
    stamped = logged(rows, received_at=late)
    assert stamped.column("published_by").to_pylist() == ["stamp", "rule", "receipt"]
    assert stamped.column("published_at").to_pylist() == [T0, T0 + 2 * HOUR, late]


def test_revise__first_rows_are_revision_zero() -> None:
    _, revised = applied(NOTHING, logged(batch(row(0, 1.0), row(1, 2.0)), received_at=T0 + 9 * HOUR), 1)
    assert (revised.new, revised.revised, revised.duplicates) == (2, 0, 0)
    assert revised.rows.column("revision").to_pylist() == [0, 0]
    assert revised.rows.column("commit").to_pylist() == [1, 1]


def test_revise__same_values_again_store_nothing() -> None:
    known, _ = applied(NOTHING, logged(batch(row(0, 1.0), row(1, 2.0)), received_at=T0 + 9 * HOUR), 1)
    _, again = applied(known, logged(batch(row(0, 1.0), row(1, 2.0)), received_at=T0 + 10 * HOUR), 2)
    assert (again.new, again.revised, again.duplicates) == (0, 0, 2)


def test_revise__a_correction_dated_by_rule_was_known_at_receipt_not_before() -> None:
    known, _ = applied(NOTHING, logged(batch(row(0, 1.0)), received_at=T0 + 9 * HOUR), 1)
    received = T0 + 12 * HOUR
    _, corrected = applied(known, logged(batch(row(0, 1.5)), received_at=received), 2)
    assert corrected.revised == 1
    assert corrected.rows.column("published_at").to_pylist() == [received]
    assert corrected.rows.column("published_by").to_pylist() == ["receipt"]
    assert corrected.rows.column("revision").to_pylist() == [1]


@pytest.mark.parametrize("published_at", [None, T0 + HOUR])
def test_revise__a_clock_set_back_puts_no_later_word_before_an_earlier_one(published_at: datetime | None) -> None:
    first, back = T0 + 12 * HOUR, T0 + 11 * HOUR
    known, _ = applied(NOTHING, logged(batch(row(0, 1.0, published_at=published_at)), received_at=first), 1)
    known, corrected = applied(known, logged(batch(row(0, 1.5)), received_at=back), 2)
    known, again = applied(known, logged(batch(row(0, 1.5)), received_at=back), 3)
    assert (corrected.revised, again.duplicates) == (1, 1)
    assert known.column("received_at").to_pylist() == [first, first]
    assert known.column("published_at").to_pylist()[1] == first


def test_revise__a_stamp_of_the_source_stays_whatever_the_clock_says() -> None:
    known, _ = applied(NOTHING, logged(batch(row(0, 1.0)), received_at=T0 + 12 * HOUR), 1)
    said = T0 + 3 * HOUR
    stamped = logged(batch(row(0, 1.5, published_at=said)), received_at=T0 + 11 * HOUR)
    known, _ = applied(known, stamped, 2)
    assert known.column("published_at").to_pylist()[1] == said
    assert known.column("received_at").to_pylist() == [T0 + 12 * HOUR] * 2


def test_revise__a_change_back_is_a_revision() -> None:
    known = NOTHING
    for commit, price in enumerate([1.0, 2.0, 1.0], start=1):
        known, _ = applied(known, logged(batch(row(0, price)), received_at=T0 + (8 + commit) * HOUR), commit)
    assert known.column("revision").to_pylist() == [0, 1, 2]


def test_revise__sources_do_not_see_each_other() -> None:
    known, _ = applied(NOTHING, logged(batch(row(0, 1.0)), received_at=T0 + 9 * HOUR), 1)
    other = logged(batch(row(0, 1.0)), received_at=T0 + 9 * HOUR, source="other")
    _, revised = applied(known, other, 2)
    assert revised.new == 1


def test_revise__a_final_stage_of_the_same_value_is_kept() -> None:
    known, _ = applied(NOTHING, logged(batch(row(0, 1.0, stage="prelim")), received_at=T0 + 9 * HOUR), 1)
    _, final = applied(known, logged(batch(row(0, 1.0, stage="final")), received_at=T0 + 10 * HOUR), 2)
    assert final.revised == 1


def oracle(known: list[dict[str, Any]], rows: list[dict[str, Any]], commit: int) -> list[dict[str, Any]]:
    """Apply stamped rows one cell at a time, by lists and loops."""
    kept = []
    cells = {(r["location"], r["interval_start"]) for r in rows}
    for cell in cells:
        before = [r for r in known if (r["location"], r["interval_start"]) == cell]
        fresh = [dict(r) for r in rows if (r["location"], r["interval_start"]) == cell]
        if before:
            for r in fresh:
                r["received_at"] = max([r["received_at"], *(b["received_at"] for b in before)])
                if r["published_by"] != "stamp":
                    r["published_at"], r["published_by"] = r["received_at"], "receipt"
        line = sorted(
            [(r["published_at"], r["commit"], 0, r) for r in before]
            + [(r["published_at"], commit, 1, r) for r in fresh],
            key=lambda item: item[:3],
        )
        revision = len(before)
        previous = None
        for _, _, is_fresh, r in line:
            if is_fresh and not (previous is not None and previous["price_per_mwh"] == r["price_per_mwh"]):
                kept.append({**r, "revision": revision, "commit": commit})
                revision += 1
            previous = r
    return kept


cell_rows = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from([1.0, 2.0]), st.sampled_from(["AAA:X", "AAA:Y"]), st.integers(-1, 6)),
    min_size=1,
    max_size=6,
    unique_by=lambda drawn: (drawn[0], drawn[2], drawn[3]),
)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(cell_rows, st.integers(8, 14)), min_size=1, max_size=4))
def test_revise__agrees_with_the_oracle(batches: list[tuple[list[tuple[int, float, str, int]], int]]) -> None:
    known, expected = NOTHING, []
    for commit, (drawn, received) in enumerate(batches, start=1):
        rows = batch(
            *(
                row(
                    hour,
                    price,
                    location=place,
                    published_at=None if said < 0 else T0 + timedelta(hours=said, minutes=1),
                )
                for hour, price, place, said in drawn
            )
        )
        stamped = logged(rows, received_at=T0 + timedelta(hours=received))
        expected += oracle(expected, stamped.to_pylist(), commit)
        known, _ = applied(known, stamped, commit)
    facts = ("location", "interval_start", "price_per_mwh", "published_at", "published_by", "received_at", "commit")
    assert sorted(tuple(r[f] for f in facts) for r in known.to_pylist()) == sorted(
        tuple(r[f] for f in facts) for r in expected
    )
    cells: dict[Any, list[int]] = {}
    for r in known.to_pylist():
        cells.setdefault((r["location"], r["interval_start"]), []).append(r["revision"])
    assert all(sorted(numbers) == list(range(len(numbers))) for numbers in cells.values())
    by_receipt = sorted(known.to_pylist(), key=lambda r: (r["location"], r["interval_start"], r["commit"]))
    for earlier, later in itertools.pairwise(by_receipt):
        if (earlier["location"], earlier["interval_start"]) == (later["location"], later["interval_start"]):
            assert earlier["received_at"] <= later["received_at"]
