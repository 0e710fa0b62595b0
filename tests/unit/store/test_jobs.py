"""Calculations by schedule: whatever comes in whatever order, derived rows are in step with their inputs."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from desk_cases import HandClock, catch_up, close, open_store, put
from hypothesis import given, settings
from hypothesis import strategies as st
from store_cases import HOUR, PRICES, T0, batch, row

from powerdesk.engines import leased_jobs
from powerdesk.engines.ports.jobs import JobSpec, JobState
from powerdesk.store import jobs, lineage, operations, queries
from powerdesk.store.types import Request

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from powerdesk.store.dataset import Dataset
    from powerdesk.store.queries import Store

WINDOW = 4 * HOUR
SUMS: Dataset = replace(PRICES, id="test.sums", inputs=(PRICES.id,), sum_rule=None)


def _sums(inputs: Mapping[str, pa.Table], parameters: Mapping[str, str], seed: int | None) -> pa.Table:
    """Return the sum of prices of each window and location, at the window's start."""
    del parameters, seed
    rows = inputs["prices"].to_pylist()
    found: dict[tuple[str, datetime], dict[str, Any]] = {}
    for one in rows:
        start = T0 + (one["interval_start"] - T0) // WINDOW * WINDOW
        kept = found.setdefault((one["location"], start), row(0, 0.0, location=one["location"]))
        kept |= {"interval_start": start, "interval_end": start + WINDOW, "published_at": one["published_at"]}
        kept["price_per_mwh"] += one["price_per_mwh"]
    return batch(*(found[key] for key in sorted(found)))


def _reads(market: str, start: datetime, end: datetime) -> dict[str, Request]:
    assert (start - T0) % WINDOW == (end - T0) % WINDOW == timedelta(0)
    return {"prices": Request(PRICES.id, within={"market": (market,)}, start=start, end=end)}


SUM = lineage.Calculation(
    name="test.sum", version=1, dataset=SUMS.id, compute=_sums, schedule=lineage.Schedule(window=WINDOW, reads=_reads)
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(tmp_path, HandClock(), datasets=(PRICES, SUMS), calculations={SUM.name: SUM})
    yield opened
    close(opened)


def calculate(store: Store) -> str:
    said = jobs.calculate(store, name=SUM.name, progress=lambda *_: None, cancelled=lambda: False)
    catch_up(store)
    return said


def held(store: Store, dataset: str) -> list[dict[str, Any]]:
    cut = queries.snapshot(store, as_of=store.clock.now())
    return queries.rows(store, operations.HOUSE, request=Request(dataset), cut=cut).rows.to_pylist()


def in_step(store: Store) -> None:
    """Assert that the sums are those of the prices held now, each with the lineage that makes it again."""
    sums = {(one["location"], one["interval_start"]): one for one in held(store, SUMS.id)}
    expected: dict[tuple[str, datetime], float] = {}
    for one in held(store, PRICES.id):
        key = (one["location"], T0 + (one["interval_start"] - T0) // WINDOW * WINDOW)
        expected[key] = expected.get(key, 0.0) + one["price_per_mwh"]
    assert {key: one["price_per_mwh"] for key, one in sums.items()} == pytest.approx(expected)
    for one in sums.values():
        with store.records.reader() as reader:
            made = queries.lineage_of(reader, lineage_id=one["lineage"])
        assert made is not None
        assert (made.name, made.dependencies) == (SUM.name, "lock")
        again = operations.remake(store, made=made).to_pylist()
        assert one["price_per_mwh"] in [other["price_per_mwh"] for other in again]


def test_a_commit__is_calculated_with_once(store: Store) -> None:
    assert jobs.behind(store) == {}
    put(store, batch(*(row(hour, float(hour)) for hour in range(6))), batch_id="a")
    assert jobs.behind(store) == {SUM.name: 1}
    assert calculate(store) == "test.sum: 2 rows of 2 windows, inputs up to commit 1"
    in_step(store)
    assert jobs.behind(store) == {}
    assert calculate(store) == "test.sum: 0 rows of 0 windows, inputs up to commit 1"
    put(store, batch(row(7, 1.0), row(0, 0.0)), batch_id="b")
    assert calculate(store) == "test.sum: 1 rows of 1 windows, inputs up to commit 3"
    in_step(store)


def test_a_run_that_died__is_made_good_without_a_second_row(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    put(store, batch(*(row(hour, 1.0) for hour in range(9))), batch_id="a")
    with monkeypatch.context() as patched:
        patched.setattr(operations, "note_calculated", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            calculate(store)
    catch_up(store)
    calculate(store)
    everything = store.tables.changes(
        SUMS.id, after=0, upto=2**60, selection=queries.table_port.Selection(columns=("revision",))
    )
    assert everything.column("revision").to_pylist() == [0, 0, 0]
    in_step(store)


def test_another_version__calculates_everything_again(store: Store) -> None:
    put(store, batch(*(row(hour, 1.0) for hour in range(3))), batch_id="a")
    calculate(store)
    doubled = replace(SUM, version=2, compute=lambda *given: _doubled(_sums(*given)))
    later = replace(store, calculations={SUM.name: doubled})
    assert jobs.behind(later) == {SUM.name: 1}
    calculate(later)
    assert [one["price_per_mwh"] for one in held(store, SUMS.id)] == [6.0]


def _doubled(rows: pa.Table) -> pa.Table:
    at = rows.schema.get_field_index("price_per_mwh")
    return rows.set_column(at, "price_per_mwh", pc.multiply(rows.column("price_per_mwh"), 2.0))


def test_without_rows__nothing_is_written(store: Store) -> None:
    nothing = replace(store, calculations={SUM.name: replace(SUM, compute=lambda *given: _sums(*given).slice(0, 0))})
    put(nothing, batch(row(0, 1.0)), batch_id="a")
    assert calculate(nothing) == "test.sum: 0 rows of 1 windows, inputs up to commit 1"
    assert queries.accepted(store) == 1
    with store.records.reader() as reader:
        assert reader.connection.exec_driver_sql("select count(*) from store_lineages").scalar() == 0


def test_a_run_told_to_stop__leaves_the_rest_to_the_next(store: Store) -> None:
    put(store, batch(*(row(hour, 1.0) for hour in (0, 40, 80))), batch_id="a")
    looks = iter([False, True])
    said = jobs.calculate(store, name=SUM.name, progress=lambda *_: None, cancelled=lambda: next(looks))
    catch_up(store)
    assert said == "test.sum: stopped after 1 rows; the next run goes on from commit 0"
    assert calculate(store) == "test.sum: 3 rows of 3 windows, inputs up to commit 1"
    in_step(store)


def test_rows_that_do_not_fit__are_told(store: Store) -> None:
    wrong = replace(store, calculations={SUM.name: replace(SUM, compute=lambda *given: _doubled(_sums(*given)))})
    put(wrong, batch(row(0, 9000.0), row(4, 1.0)), batch_id="a")  # 18 000 is beyond what the column allows
    assert calculate(wrong) == (
        "test.sum: 1 rows of 2 windows, 1 rejected by the check on entry, inputs up to commit 1"
    )


def test_looking__asks_for_one_run_at_a_time_and_for_none_in_vain(store: Store) -> None:
    ids = itertools.count(1)
    queue = leased_jobs.RecordsJobs(store.records, clock=store.clock, ids=_Ids(ids))
    queue.define(JobSpec(name=jobs.job_name(SUM), max_attempts=1), lambda _: calculate(store))
    asking = jobs.Asking(store, queue)
    asking.look()
    put(store, batch(row(0, 1.0)), batch_id="a")
    asking.look()
    put(store, batch(row(1, 1.0)), batch_id="b")
    asking.look()  # the run that waits takes both
    assert [run.state for run in queue.history()] == [JobState.WAITING]
    assert queue.run_due() == 1
    in_step(store)
    asking.look()
    assert queue.run_due() == 0
    queue.define(JobSpec(name=jobs.job_name(SUM), max_attempts=1), lambda _: str(1 / 0))
    put(store, batch(row(2, 1.0)), batch_id="c")
    for _ in range(3):  # a failure is not repeated for the same inputs
        asking.look()
        queue.run_due()
    assert [run.state for run in queue.history()] == [JobState.FAILED, JobState.DONE]


class _Ids:
    def __init__(self, numbers: Iterator[int]) -> None:
        self._numbers = numbers

    def new(self, prefix: str) -> str:
        """Return the next id."""
        return f"{prefix}-{next(self._numbers)}"


@pytest.mark.parametrize("looked_at_once", [1, 3, 1000])
@settings(max_examples=5, deadline=None)
@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 400), st.integers(-9, 9), st.sampled_from("XY")), min_size=1, max_size=4),
        max_size=5,
    )
)
def test_derived_rows__are_in_step_after_any_batches(
    tmp_path_factory: pytest.TempPathFactory, looked_at_once: int, batches: list[list[tuple[int, int, str]]]
) -> None:
    store = open_store(
        tmp_path_factory.mktemp("any"),
        HandClock(T0 + 500 * HOUR),
        datasets=(PRICES, SUMS),
        calculations={SUM.name: SUM},
    )
    try:
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(jobs, "LOOKED_AT_ONCE", looked_at_once)
            for number, rows in enumerate(batches):
                cells = {(hour, name): float(price) for hour, price, name in rows}
                made = [row(hour, price, location=f"AAA:{name}") for (hour, name), price in cells.items()]
                put(store, batch(*made), batch_id=f"b{number}")
                store.clock.instant += HOUR  # type: ignore[attr-defined]  # the tests' clock
                if number % 2:
                    calculate(store)
            calculate(store)
            in_step(store)
    finally:
        close(store)
