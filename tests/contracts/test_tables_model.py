"""Tables against an oracle: random beliefs, sources, retractions, seals, forgetting and reopenings, any cut."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tables_cases import (
    ADAPTERS,
    FORECASTS,
    START,
    Oracle,
    batch,
    hours,
)

from powerdesk.engines.ports.tables import Cut, Selection, Tables
from powerdesk.kernel.belief import Knowledge

pytestmark = pytest.mark.slow
MOMENTS = st.integers(0, 6).map(lambda n: START + hours(n))
ROWS = st.fixed_dictionaries(
    {
        "market": st.sampled_from(["NORTH", "SOUTH"]),
        "issued_at": st.sampled_from([START, START + hours(1)]),
        "location": st.sampled_from(["a", "B", "é"]),
        "interval_start": st.sampled_from([START + hours(24 * d) for d in range(4)]),
        "member": st.integers(0, 1),
        "load_mw": st.one_of(st.none(), st.floats(-1e3, 1e3)),
        "published_at": MOMENTS,
        "received_at": MOMENTS,
        "source": st.sampled_from(["alpha", "beta", "gamma"]),
        "stage": st.sampled_from(["", "final"]),
        "reason": st.sampled_from([None, None, "withdrawn"]),
    }
)
STEPS = st.lists(
    st.one_of(st.lists(ROWS, min_size=1, max_size=8), st.sampled_from(["seal", "reopen", "forget"])), max_size=6
)
SELECTIONS = st.builds(
    Selection,
    within=st.fixed_dictionaries(
        {},
        optional={
            "market": st.sampled_from([("NORTH",), ("SOUTH", "NORTH"), ()]),
            "location": st.sampled_from([("B", "none"), ("é",)]),
            "member": st.sampled_from([(0,), (0, 1), ()]),
            "source": st.sampled_from([("alpha",), ("beta", "gamma")]),
            "stage": st.just(("final",)),
        },
    ),
    start=st.one_of(st.none(), st.sampled_from([START, START + hours(20)])),
    end=st.one_of(st.none(), st.sampled_from([START + hours(24), START + hours(72)])),
    limit=st.one_of(st.none(), st.integers(0, 5)),
    descending=st.booleans(),
    revision_from=st.sampled_from([0, 0, 1, 201]),
    sources=st.permutations(["alpha", "beta", "gamma"]).flatmap(
        lambda p: st.sampled_from([tuple(p), tuple(p[:1]), ()])
    ),
    after=st.one_of(
        st.none(),
        st.tuples(
            st.sampled_from(["NORTH", "O", "SOUTH"]),
            st.just(START),
            st.sampled_from(["B", "C"]),
            st.just(START + hours(24)),
            st.just(0),
        ),
    ),
)
CUTS = st.builds(Cut, as_of=MOMENTS, commit=st.integers(0, 6), knowledge=st.sampled_from(Knowledge))


@pytest.mark.parametrize("adapter", ADAPTERS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=STEPS, questions=st.lists(st.tuples(SELECTIONS, CUTS), min_size=1, max_size=4))
def test_tables__agree_with_the_oracle(adapter: str, steps: list[Any], questions: list[tuple[Selection, Cut]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        tables = ADAPTERS[adapter](Path(folder))
        tables.define(FORECASTS)
        oracle = Oracle(FORECASTS, [])
        for commit, step in enumerate(steps, start=1):
            if step == "seal":
                tables.seal(FORECASTS.name, before=START + timedelta(days=40))
                continue
            if step == "reopen":
                tables.close()
                tables = ADAPTERS[adapter](Path(folder))
                continue
            if step == "forget":
                february = START.replace(month=2, day=1)
                gone = [row for row in oracle.seen if row["interval_start"] < february]
                assert tables.forget(FORECASTS.name, before=february + timedelta(days=9)) == len(gone)
                oracle.seen = [row for row in oracle.seen if row not in gone]
                _agree(tables, oracle, *questions[0])
                continue
            rows = [_numbered(row, commit, revision) for revision, row in enumerate(step, start=100 * commit)]
            tables.append(FORECASTS.name, batch_id=str(commit), rows=batch(rows, FORECASTS))
            oracle.seen += rows
            _agree(tables, oracle, *questions[0])
        for selection, cut in questions:
            _agree(tables, oracle, selection, cut)
        tables.close()


def _numbered(row: dict[str, Any], commit: int, revision: int) -> dict[str, Any]:
    return row | {"published_by": "stamp", "revision": revision, "commit": commit, "lineage": None}


def _agree(tables: Tables, oracle: Oracle, selection: Selection, cut: Cut) -> None:
    name = FORECASTS.name
    whole = replace(selection, limit=None, after=None, descending=False)
    assert tables.rows(name, selection=selection, cut=cut).to_pylist() == oracle.rows(selection, cut)
    counted = tables.count(name, selection=selection, cut=cut)
    least = len(oracle.rows(replace(selection, limit=None), cut))
    assert least <= counted <= max(least, len(oracle.history(whole, cut)))
    assert tables.latest(name, selection=whole, cut=cut).to_pylist() == oracle.latest(whole, cut)
    assert tables.history(name, selection=whole, cut=cut).to_pylist() == oracle.history(whole, cut)
    found = tables.changes(name, after=1, upto=cut.commit, selection=whole).to_pylist()
    assert found == oracle.changes(whole, after=1, upto=cut.commit)
