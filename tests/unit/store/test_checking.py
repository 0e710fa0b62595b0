"""The check on entry finds every fault and loses no good row."""

from __future__ import annotations

import math
from datetime import timedelta

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_cases import PRICES, T0, batch, row

from powerdesk.store import checking
from powerdesk.store.types import SchemaError


def test_check__keeps_good_rows_and_says_nothing() -> None:
    checked = checking.check(PRICES, batch(row(0, 10.0), row(1, 11.0)))
    assert checked.rows.num_rows == 2
    assert checked.findings == ()
    assert checked.warnings == ()


def test_check__returns_every_finding_not_the_first() -> None:
    rows = batch(
        row(0, math.nan),
        row(1, 20_000.0),
        row(2, 10.0, currency="EUR"),
        row(3, 10.0, interval_end=T0),
        row(4, None),
        row(5, 12.0, location="BBB:X", market="AAA"),
        row(6, 10.0),
    )
    checked = checking.check(PRICES, rows)
    assert checked.rows.num_rows == 1
    assert checked.rejected == 6
    assert len(checked.findings) == 6
    assert all(finding.found and finding.allowed and finding.remedy for finding in checked.findings)


def test_check__names_all_schema_faults_and_accepts_nothing() -> None:
    rows = batch(row(0, 1.0)).drop_columns(["price_per_mwh", "interval_end"]).append_column("odd", pa.array([1]))
    with pytest.raises(SchemaError) as caught:
        checking.check(PRICES, rows)
    assert {finding.pointer for finding in caught.value.findings} == {"price_per_mwh", "interval_end", "odd"}


def test_check__refuses_instants_without_zone() -> None:
    rows = batch(row(0, 1.0))
    naive = rows.column("interval_start").cast(pa.timestamp("us"))
    rows = rows.set_column(rows.schema.get_field_index("interval_start"), "interval_start", naive)
    with pytest.raises(SchemaError, match="column faults"):
        checking.check(PRICES, rows)


def test_check__counts_repetitions_and_rejects_contradictions() -> None:
    rows = batch(row(0, 1.0), row(0, 1.0), row(1, 2.0), row(1, 3.0), row(2, 5.0))
    checked = checking.check(PRICES, rows)
    assert checked.rows.column("price_per_mwh").to_pylist() == [1.0, 5.0]
    assert checked.repeated == 1
    assert checked.rejected == 2
    assert "contradict" in checked.findings[0].found


def test_check__takes_two_stamps_of_one_key_as_two_beliefs() -> None:
    rows = batch(row(0, 1.0, published_at=T0 + timedelta(hours=2)), row(0, 2.0, published_at=T0 + timedelta(hours=3)))
    assert checking.check(PRICES, rows).rows.num_rows == 2


def test_check__keeps_a_price_whose_parts_do_not_add_up_with_a_warning() -> None:
    rows = batch(
        row(0, 10.0, energy_per_mwh=9.0, loss_per_mwh=0.5),
        row(1, 10.0, energy_per_mwh=9.5, loss_per_mwh=0.5),
        row(2, 10.0, energy_per_mwh=9.5, loss_per_mwh=None),
    )
    checked = checking.check(PRICES, rows)
    assert checked.rows.num_rows == 3
    assert len(checked.warnings) == 1
    assert "in 1 rows" in checked.warnings[0].pointer


def test_check__allows_null_values_in_a_retraction_only() -> None:
    checked = checking.check(PRICES, batch(row(0, None, reason="withdrawn by the source", currency=None), row(1, None)))
    assert checked.rows.num_rows == 1
    assert checked.rejected == 1


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 5), st.one_of(st.none(), st.floats(width=64)), st.sampled_from(["AAA:X", "AAA:Y", "BBB:Z"])
        ),
        max_size=20,
    )
)
def test_check__accounts_for_every_row(drawn: list[tuple[int, float | None, str]]) -> None:
    rows = batch(*(row(hour, price, location=location) for hour, price, location in drawn))
    checked = checking.check(PRICES, rows)
    assert checked.rows.num_rows + checked.rejected + checked.repeated == len(drawn)
    assert (checked.rejected == 0) == (not checked.findings)
