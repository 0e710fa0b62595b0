"""A calculation with an input that lasts: whatever comes in whatever order, its rows are in step with its inputs."""

from __future__ import annotations

import contextlib
import tempfile
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from desk_cases import HandClock, catch_up, close, open_store, put
from hypothesis import given, settings
from hypothesis import strategies as st

from powerdesk.grid import datasets, price_parts
from powerdesk.store import jobs, operations, queries, schema
from powerdesk.store.types import Request

if TYPE_CHECKING:
    from collections.abc import Iterator

    from powerdesk.store.dataset import Dataset
    from powerdesk.store.queries import Store

DAY = datetime(2026, 1, 1, tzinfo=UTC)
HOUR, POLL_S = timedelta(hours=1), 0.01
PARTS = price_parts.CALCULATION
Step = tuple[str, str, int, dict[str, float | None]]


@contextlib.contextmanager
def opened() -> Iterator[Store]:
    """Yield a store of the grid with a projector that runs beside the test."""
    declared = (datasets.SHADOW_PRICES, datasets.SHIFT_FACTORS, datasets.PRICE_PARTS)
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(Path(folder), HandClock(), datasets=declared, calculations={PARTS.name: PARTS})
        try:
            yield store
        finally:
            close(store)


def calculate(store: Store) -> None:
    """Calculate while another thread projects."""
    done = threading.Event()

    def project() -> None:
        while not done.wait(POLL_S):
            catch_up(store)

    projector = threading.Thread(target=project)
    projector.start()
    try:
        jobs.calculate(store, name=PARTS.name, progress=lambda *_: None, cancelled=lambda: False)
    finally:
        done.set()
        projector.join()
    catch_up(store)


def rows(declared: Dataset, made: list[dict[str, Any]]) -> pa.Table:
    fields = [*schema.own_fields(declared), *schema.ENTRY_COLUMNS]
    return pa.Table.from_pylist([{"stage": "", **one} for one in made], pa.schema(fields))


def step(store: Store, number: int, what: Step) -> None:
    """Accept a shadow price, or a set of shift factors; None retracts."""
    kind, name, at, values = what
    start = DAY + at * HOUR
    key = {"market": "SIM", "constraint": name, "interval_start": start}
    if kind == "shadow":
        price = values["1"]
        value = {"direction": "from_to", "shadow_price_per_mwh": price, "currency": "USD"}
        row = {**key, "market_run": "DA", "interval_end": start + HOUR, "published_at": DAY + number * HOUR}
        row |= {"reason": "withdrawn"} if price is None else value
        put(store, rows(datasets.SHADOW_PRICES, [row]), batch_id=str(number), dataset=datasets.SHADOW_PRICES)
    else:
        made = [
            {**key, "location": f"SIM:{place}", "shift_factor": value, "reference": "load"}
            | ({"reason": "withdrawn", "reference": None} if value is None else {})
            for place, value in values.items()
        ]
        put(store, rows(datasets.SHIFT_FACTORS, made), batch_id=str(number), dataset=datasets.SHIFT_FACTORS)


def held(store: Store, declared: Dataset) -> list[dict[str, Any]]:
    cut = queries.snapshot(store, as_of=store.clock.now())
    found: list[dict[str, Any]] = queries.rows(
        store, operations.HOUSE, request=Request(declared.id), cut=cut
    ).rows.to_pylist()
    return found


def expected(store: Store) -> dict[tuple[str, str, datetime], float]:
    """Return by loops what the parts of the beliefs held now are."""
    made = {}
    factors = held(store, datasets.SHIFT_FACTORS)
    for one in held(store, datasets.SHADOW_PRICES):
        name, at = one["constraint"], one["interval_start"]
        sets = [row["interval_start"] for row in factors if row["constraint"] == name and row["interval_start"] <= at]
        for row in factors:
            if row["constraint"] == name and sets and row["interval_start"] == max(sets):
                price, factor = one["shadow_price_per_mwh"], row["shift_factor"]
                if price is not None and factor is not None and abs(price * factor) >= 0.005:
                    made[name, row["location"], at] = -price * factor
    return made


NAMES, HOURS = st.sampled_from(["a", "b"]), st.integers(0, 60)
SHADOWS = st.tuples(
    st.just("shadow"), NAMES, HOURS, st.fixed_dictionaries({"1": st.sampled_from([None, 0.1, 5.0, 20.0])})
)
SETS = st.tuples(
    st.just("set"),
    NAMES,
    HOURS,
    st.dictionaries(st.sampled_from("12"), st.sampled_from([None, 0.01, 0.5, -0.5]), min_size=1),
)


@settings(max_examples=10, deadline=None)
@given(st.lists(st.tuples(SHADOWS | SETS, st.booleans()), min_size=1, max_size=12))
def test_parts__are_in_step_with_shadow_prices_and_topologies(steps: list[tuple[Step, bool]]) -> None:
    with opened() as store:
        for number, (what, then_calculate) in enumerate(steps, start=1):
            step(store, number, what)
            if then_calculate:
                calculate(store)
        calculate(store)

        found = {
            (one["constraint"], one["location"], one["interval_start"]): one["congestion_per_mwh"]
            for one in held(store, datasets.PRICE_PARTS)
            if one["congestion_per_mwh"] is not None
        }
        assert found == pytest.approx(expected(store))


def test_a_late_topology__changes_the_hours_it_holds_for_and_no_others() -> None:
    steps: list[Step] = [("set", "a", at, {"1": 0.5}) for at in (0, 50)]
    steps += [("shadow", "a", at, {"1": 10.0}) for at in (10, 30, 55)]
    with opened() as store:
        for number, what in enumerate(steps, start=1):
            step(store, number, what)
        calculate(store)
        before = {one["interval_start"]: one["commit"] for one in held(store, datasets.PRICE_PARTS)}
        step(store, 9, ("set", "a", 20, {"1": -0.5}))
        calculate(store)
        after = {one["interval_start"]: one for one in held(store, datasets.PRICE_PARTS)}

        assert [one["congestion_per_mwh"] for one in after.values()] == [-5.0, 5.0, -5.0]
        changed = [at for at, one in after.items() if one["commit"] != before[at]]
        assert changed == [DAY + 30 * HOUR]
        (made,) = {one["lineage"] for at, one in after.items() if at in changed}
        with store.records.reader() as reader:
            lineage = queries.lineage_of(reader, lineage_id=made)
        assert lineage is not None
        again = operations.remake(store, made=lineage)
        assert again["congestion_per_mwh"].to_pylist() == [5.0]


@pytest.mark.parametrize("within", [{}, {"location": ("SIM:1",)}, {"location": ("SIM:2",)}, {"constraint": ("a",)}])
def test_latest__gives_the_sets_in_force_whatever_else_is_asked(within: dict[str, tuple[str, ...]]) -> None:
    steps: list[Step] = [
        ("set", "a", 0, {"1": 0.5, "2": 0.5}),
        ("set", "a", 9, {"2": 0.25}),
        ("set", "b", 3, {"1": 0.1}),
    ]
    with opened() as store:
        for number, what in enumerate(steps, start=1):
            step(store, number, what)

        def known(hours: int) -> set[tuple[str, str, float]]:
            cut = queries.snapshot(store, as_of=store.clock.now())
            request = Request(datasets.SHIFT_FACTORS.id, within=within, end=DAY + hours * HOUR)
            rows = queries.latest(store, operations.HOUSE, request=request, cut=cut).rows.to_pylist()
            return {(row["constraint"], row["location"][-1], row["shift_factor"]) for row in rows}

        def asked(rows: set[tuple[str, str, float]]) -> set[tuple[str, str, float]]:
            places = {name[-1] for name in within.get("location", ("1", "2"))}
            return {row for row in rows if row[1] in places and row[0] in within.get("constraint", "ab")}

        assert known(9) == asked({("a", "1", 0.5), ("a", "2", 0.5), ("b", "1", 0.1)})
        assert known(10) == asked({("a", "2", 0.25), ("b", "1", 0.1)})
