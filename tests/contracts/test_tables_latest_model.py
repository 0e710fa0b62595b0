"""The newest belief of series whose key is text and time, against the oracle, asked again after every append."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tables_cases import ADAPTERS, PRICES, START, Oracle, batch, belief, hours

from powerdesk.engines.ports.tables import Cut, Selection
from powerdesk.kernel.belief import Knowledge

ROWS = st.fixed_dictionaries(
    {
        "market": st.sampled_from(["NORTH", "SOUTH"]),
        "location": st.sampled_from(["a", "B", "é"]),
        "hour": st.integers(0, 3),
        "price_per_mwh": st.floats(-1e3, 1e3),
        "published_at": st.integers(0, 8).map(lambda n: START + hours(n)),
        "received_at": st.integers(0, 8).map(lambda n: START + hours(n)),
        "source": st.sampled_from(["alpha", "beta"]),
        "reason": st.sampled_from([None, None, "withdrawn"]),
    }
)
STEPS = st.lists(st.one_of(st.lists(ROWS, min_size=1, max_size=6), st.sampled_from(["seal", "reopen"])), max_size=7)
SELECTIONS = st.builds(
    Selection,
    within=st.fixed_dictionaries(
        {},
        optional={
            "market": st.sampled_from([("NORTH",), ("SOUTH", "NORTH"), ()]),
            "location": st.sampled_from([("a",), ("B",), ("é", "a"), ("none",)]),
            "source": st.sampled_from([("alpha",), ("beta",)]),
        },
    ),
    start=st.sampled_from([None, None, START + hours(1)]),
    end=st.sampled_from([None, None, START + hours(3)]),
    columns=st.sampled_from([None, ("location", "interval_start", "price_per_mwh"), ("reason",)]),
    sources=st.sampled_from([(), ("beta", "alpha"), ("alpha",)]),
)
PRESENT = Cut(as_of=START + timedelta(days=9), commit=2**60)
CUTS = st.one_of(
    st.just(PRESENT),  # what a desk asks most
    st.builds(
        Cut,
        as_of=st.integers(0, 8).map(lambda n: START + hours(n)),
        commit=st.one_of(st.just(2**60), st.integers(0, 6)),
        knowledge=st.sampled_from(Knowledge),
    ),
)


@pytest.mark.parametrize("adapter", ADAPTERS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=STEPS, questions=st.lists(st.tuples(SELECTIONS, CUTS), min_size=1, max_size=6))
def test_latest__agrees_with_the_oracle_after_every_append(
    adapter: str, steps: list[Any], questions: list[tuple[Selection, Cut]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        tables = ADAPTERS[adapter](Path(folder))
        tables.define(PRICES)
        oracle = Oracle(PRICES, [])
        for commit, step in enumerate(steps, start=1):
            if step == "seal":
                tables.seal(PRICES.name, before=START + timedelta(days=40))
            elif step == "reopen":
                tables.close()
                tables = ADAPTERS[adapter](Path(folder))
            else:
                rows = [belief(commit, **row, revision=n) for n, row in enumerate(step, start=100 * commit)]
                tables.append(PRICES.name, batch_id=str(commit), rows=batch(rows))
                oracle.seen += rows
            for selection, cut in questions:
                names = selection.columns or tuple(batch([]).column_names)
                expected = [{name: row[name] for name in names} for row in oracle.latest(selection, cut)]
                assert tables.latest(PRICES.name, selection=selection, cut=cut).to_pylist() == expected
        tables.close()
