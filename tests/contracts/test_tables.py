"""What every Tables engine must do; the oracle is a plain loop over every row ever appended."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Event
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from tables_cases import (
    ADAPTERS,
    EVER,
    PRICES,
    START,
    batch,
    belief,
    hours,
    schema_of,
)

from powerdesk.engines.ports import faults
from powerdesk.engines.ports.tables import SYSTEM_COLUMNS, ColumnSpec, Cut, Selection, Tables, TableSpec
from powerdesk.kernel.belief import Knowledge
from powerdesk.kernel.dtypes import Dtype

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(params=ADAPTERS)
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Tables]:
    return lambda: ADAPTERS[request.param](tmp_path)


@pytest.fixture
def tables(opened: Callable[[], Tables]) -> Iterator[Tables]:
    engine = opened()
    engine.define(PRICES)
    yield engine
    engine.close()


def fill(tables: Tables, *groups: list[dict[str, Any]], spec: TableSpec = PRICES) -> None:
    for rows in groups:
        tables.append(spec.name, batch_id=f"batch-{rows[0]['commit']}", rows=batch(rows, spec))


def cut_at(commit: int, knowledge: Knowledge = Knowledge.PUBLISHED) -> Cut:
    return Cut(as_of=START + hours(commit), commit=2**60, knowledge=knowledge)


def prices(found: pa.Table) -> list[float | None]:
    return found.column("price_per_mwh").to_pylist()


def test_rows__answer_the_newest_belief_known_at_the_cut(tables: Tables) -> None:
    fill(tables, [belief(1)], [belief(2)], [belief(3)])

    assert prices(tables.rows(PRICES.name, selection=Selection(), cut=EVER)) == [3.0]
    assert prices(tables.rows(PRICES.name, selection=Selection(), cut=cut_at(2))) == [2.0]
    assert prices(tables.rows(PRICES.name, selection=Selection(), cut=cut_at(0))) == []
    assert prices(tables.rows(PRICES.name, selection=Selection(), cut=replace(EVER, commit=1))) == [1.0]


def test_in_memory__is_never_told_of_a_server(tables: Tables) -> None:
    fill(tables, [belief(1)])

    assert not (tables.shared and tables.in_memory(PRICES.name, since=START))


def test_rows__have_every_declared_and_system_column_with_its_type(tables: Tables) -> None:
    fill(tables, [belief(1)])

    found = tables.rows(PRICES.name, selection=Selection(), cut=EVER)

    assert found.schema == schema_of(PRICES)
    assert found.to_pylist() == [belief(1)]
    empty = tables.rows(PRICES.name, selection=Selection(within={"location": ()}), cut=EVER)
    assert empty.schema == schema_of(PRICES)
    assert empty.num_rows == 0


def test_rows__a_late_commit_of_an_old_publication_does_not_win(tables: Tables) -> None:
    fill(tables, [belief(5)], [belief(6, published_at=START + hours(2))])

    assert prices(tables.rows(PRICES.name, selection=Selection(), cut=EVER)) == [5.0]
    assert prices(tables.rows(PRICES.name, selection=Selection(), cut=cut_at(3))) == [6.0]
    received = cut_at(9, Knowledge.RECEIVED)
    assert prices(tables.rows(PRICES.name, selection=Selection(), cut=received)) == [6.0]


def test_rows__a_tie_of_publication_goes_to_the_greater_commit(tables: Tables) -> None:
    fill(tables, [belief(1)], [belief(2, published_at=START + hours(1))])

    assert prices(tables.rows(PRICES.name, selection=Selection(), cut=cut_at(1))) == [2.0]


def test_rows__the_best_ranked_source_with_a_belief_wins(tables: Tables) -> None:
    fill(tables, [belief(1, source="beta")], [belief(2, source="alpha")], [belief(3, source="gamma", hour=1)])
    ranked = Selection(sources=("beta", "alpha"))

    assert prices(tables.rows(PRICES.name, selection=ranked, cut=EVER)) == [1.0, 3.0]
    assert prices(tables.rows(PRICES.name, selection=Selection(), cut=EVER)) == [2.0, 3.0]
    picked = Selection(within={"source": ("alpha",)}, sources=("beta",))
    assert prices(tables.rows(PRICES.name, selection=picked, cut=EVER)) == [2.0]


def test_rows__a_retraction_comes_back_with_null_values(tables: Tables) -> None:
    fill(tables, [belief(1)], [belief(2, price_per_mwh=None, currency=None, reason="withdrawn")])

    (row,) = tables.rows(PRICES.name, selection=Selection(), cut=EVER).to_pylist()

    assert row["price_per_mwh"] is None
    assert row["reason"] == "withdrawn"


def test_rows__the_span_of_time_is_half_open(tables: Tables) -> None:
    fill(tables, [belief(1, hour=hour, price_per_mwh=float(hour)) for hour in range(5)])
    span = Selection(start=START + hours(1), end=START + hours(3))

    assert prices(tables.rows(PRICES.name, selection=span, cut=EVER)) == [1.0, 2.0]


def test_rows__a_filter_on_a_value_looks_at_the_belief_in_force(tables: Tables) -> None:
    fill(tables, [belief(1, currency="USD")], [belief(2, currency="EUR")])

    assert tables.rows(PRICES.name, selection=Selection(within={"currency": ("USD",)}), cut=EVER).num_rows == 0
    assert prices(tables.rows(PRICES.name, selection=Selection(within={"currency": ("EUR",)}), cut=EVER)) == [2.0]


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
def test_rows__pages_neither_skip_nor_repeat(tables: Tables, *, descending: bool, limit: int) -> None:
    locations = ("NORTH:HUB", "NORTH:a", "NORTH:Z", "NORTH:é")
    for commit in range(1, 6):
        fill(tables, [belief(commit, hour=h, location=name) for h in range(3) for name in locations])
    asked = Selection(limit=limit, descending=descending)

    found: list[dict[str, Any]] = []
    while page := tables.rows(PRICES.name, selection=asked, cut=EVER).to_pylist():
        assert len(page) <= limit
        found += page
        asked = replace(asked, after=tuple(page[-1][name] for name in PRICES.key))

    keys = [(row["location"], row["interval_start"]) for row in found]
    assert keys == sorted(itertools.product(locations, [START + hours(h) for h in range(3)]), reverse=descending)
    assert {row["commit"] for row in found} == {5}


def test_rows__after_a_key_that_does_not_exist_goes_on_behind_its_place(tables: Tables) -> None:
    fill(tables, [belief(1, location=name) for name in ("NORTH:B", "NORTH:D")])
    after = ("NORTH", "NORTH:C", START)

    up = tables.rows(PRICES.name, selection=Selection(after=after), cut=EVER)
    down = tables.rows(PRICES.name, selection=Selection(after=after, descending=True), cut=EVER)

    assert up.column("location").to_pylist() == ["NORTH:D"]
    assert down.column("location").to_pylist() == ["NORTH:B"]


def test_rows__take_long_lists_of_values(tables: Tables) -> None:
    fill(tables, [belief(1, location=f"NORTH:{n}") for n in range(3000)])
    wanted = tuple(f"NORTH:{n}" for n in range(0, 6000, 2))

    found = tables.rows(PRICES.name, selection=Selection(within={"location": wanted}), cut=EVER)

    assert set(found.column("location").to_pylist()) == {f"NORTH:{n}" for n in range(0, 3000, 2)}


def test_rows__filters_take_values_of_every_type(opened: Callable[[], Tables]) -> None:
    columns = (
        ColumnSpec("interval_start", Dtype.INSTANT, nullable=False),
        ColumnSpec("share", Dtype.FLOAT64, nullable=True),
        ColumnSpec("is_peak", Dtype.BOOL, nullable=True),
        ColumnSpec("member", Dtype.INT64, nullable=True),
    )
    spec = TableSpec(name="made.kinds", columns=columns, key=("interval_start",))
    system = {column.name for column in SYSTEM_COLUMNS}
    stamps = {name: value for name, value in belief(1).items() if name in system}
    rows = [
        stamps | {"interval_start": START + hours(n), "share": n / 3, "is_peak": n % 2 == 1, "member": -n}
        for n in range(4)
    ]
    tables = opened()
    tables.define(spec)
    tables.append(spec.name, batch_id="b", rows=batch(rows, spec))
    cases: tuple[tuple[str, Any, list[int]], ...] = (
        ("interval_start", (START + hours(1), START + hours(9)), [1]),
        ("share", (1 / 3, 2 / 3), [1, 2]),
        ("is_peak", (True,), [1, 3]),
        ("member", (-3, 0), [0, 3]),
    )
    for name, allowed, numbers in cases:
        wanted = [rows[number] for number in numbers]
        asked = Selection(within={name: allowed})
        assert tables.rows(spec.name, selection=asked, cut=EVER).to_pylist() == wanted
        assert tables.history(spec.name, selection=asked, cut=EVER).to_pylist() == wanted
    tables.close()


def test_rows__columns_come_in_the_order_asked(tables: Tables) -> None:
    fill(tables, [belief(1)])

    found = tables.rows(PRICES.name, selection=Selection(columns=("source", "price_per_mwh")), cut=EVER)

    assert found.to_pylist() == [{"source": "alpha", "price_per_mwh": 1.0}]


@pytest.mark.parametrize("name", ["nothing", "_label", 'a" or 1=1 --'])
def test_reading__an_unknown_column_is_refused_by_name(tables: Tables, name: str) -> None:
    with pytest.raises(faults.UnfitRequestError) as refused:
        tables.rows(PRICES.name, selection=Selection(columns=(name,)), cut=EVER)
    assert name in refused.value.found
    with pytest.raises(faults.UnfitRequestError):
        tables.rows(PRICES.name, selection=Selection(within={name: (1,)}), cut=EVER)


def test_reading__an_unknown_table_is_refused(tables: Tables) -> None:
    with pytest.raises(faults.UnfitRequestError, match=r"made\.prices"):
        tables.rows("made.nothing", selection=Selection(), cut=EVER)


def test_names__with_quotes_and_dots_are_only_names(opened: Callable[[], Tables]) -> None:
    odd = 'odd"; drop table x; --.name'
    spec = TableSpec(
        name=odd,
        columns=(
            ColumnSpec('say "when"', Dtype.INSTANT, nullable=False),
            ColumnSpec("it's", Dtype.TEXT, nullable=True),
        ),
        key=('say "when"',),
        time_column='say "when"',
    )
    stamps = {name: value for name, value in belief(1).items() if name in {c.name for c in SYSTEM_COLUMNS}}
    row = {'say "when"': START, "it's": "o'clock'; drop"} | stamps
    tables = opened()
    tables.define(spec)
    tables.append(odd, batch_id="'; drop", rows=batch([row], spec))

    assert tables.rows(odd, selection=Selection(within={"it's": ("o'clock'; drop",)}), cut=EVER).to_pylist() == [row]
    assert tables.history(odd, selection=Selection(within={"it's": ("o'clock'; drop",)}), cut=EVER).num_rows == 1
    tables.close()


def test_append__is_done_once_per_batch_id(tables: Tables, opened: Callable[[], Tables]) -> None:
    assert tables.append(PRICES.name, batch_id="b", rows=batch([belief(1)])) is True
    assert tables.append(PRICES.name, batch_id="b", rows=batch([belief(1)])) is False
    tables.close()

    again = opened()
    assert again.append(PRICES.name, batch_id="b", rows=batch([belief(1)])) is False
    assert again.history(PRICES.name, selection=Selection(), cut=EVER).num_rows == 1
    assert again.position(PRICES.name) == 1
    again.close()


def test_append__a_bad_batch_leaves_nothing(tables: Tables) -> None:
    bad = batch([belief(1), belief(1, hour=1, location=None)])
    with pytest.raises(faults.UnfitRequestError, match="'location' has nulls"):
        tables.append(PRICES.name, batch_id="b", rows=bad)
    with pytest.raises(faults.UnfitRequestError, match="price_per_mwh"):
        tables.append(PRICES.name, batch_id="b", rows=bad.drop_columns(["price_per_mwh"]))

    assert tables.position(PRICES.name) == 0
    assert tables.append(PRICES.name, batch_id="b", rows=batch([belief(1)])) is True


def test_append__a_missing_value_needs_a_reason(tables: Tables) -> None:
    with pytest.raises(faults.UnfitRequestError, match="'price_per_mwh' has nulls"):
        tables.append(PRICES.name, batch_id="b", rows=batch([belief(1, price_per_mwh=None)]))


def test_append__commits_rise(tables: Tables) -> None:
    fill(tables, [belief(4)])

    with pytest.raises(faults.UnfitRequestError, match="commit 4"):
        tables.append(PRICES.name, batch_id="other", rows=batch([belief(4, hour=2)]))
    assert tables.position(PRICES.name) == 4


def test_append__an_empty_batch_is_remembered(tables: Tables) -> None:
    assert tables.append(PRICES.name, batch_id="none", rows=batch([])) is True
    assert tables.append(PRICES.name, batch_id="none", rows=batch([])) is False
    assert tables.position(PRICES.name) == 0


def test_latest__is_the_greatest_time_of_each_series_at_the_cut(tables: Tables) -> None:
    fill(tables, [belief(1, hour=h, location=name) for h in range(4) for name in ("NORTH:A", "NORTH:B")])
    fill(tables, [belief(2, hour=9, location="NORTH:B")])

    now = tables.latest(PRICES.name, selection=Selection(), cut=EVER)
    then = tables.latest(PRICES.name, selection=Selection(), cut=cut_at(1))

    assert now.column("interval_start").to_pylist() == [START + hours(3), START + hours(9)]
    assert then.column("interval_start").to_pylist() == [START + hours(3), START + hours(3)]


def test_history__holds_every_revision_within_the_cut_in_order(tables: Tables) -> None:
    fill(tables, [belief(1, source="beta")], [belief(2, hour=1)], [belief(3)], [belief(4, published_at=START)])

    found = tables.history(PRICES.name, selection=Selection(), cut=cut_at(3))

    assert found.column("commit").to_pylist() == [4, 3, 1, 2]


def test_history__pages_hold_whole_keys(tables: Tables) -> None:
    for commit in range(1, 5):
        fill(tables, [belief(commit, hour=h) for h in range(3)])
    asked = Selection(limit=6)

    found: list[dict[str, Any]] = []
    while page := tables.history(PRICES.name, selection=asked, cut=EVER).to_pylist():
        found += page
        asked = replace(asked, after=tuple(page[-1][name] for name in PRICES.key))

    assert [(row["interval_start"], row["commit"]) for row in found] == [
        (START + hours(h), commit) for h in range(3) for commit in range(1, 5)
    ]


def test_changes__come_by_commit_and_then_by_key(tables: Tables) -> None:
    for commit in (2, 5, 7):
        fill(tables, [belief(commit, location=name) for name in ("NORTH:B", "NORTH:A")])

    found = tables.changes(PRICES.name, after=2, upto=7, selection=Selection())
    limited = tables.changes(PRICES.name, after=0, upto=7, selection=Selection(limit=3))

    order = [(row["commit"], row["location"]) for row in found.to_pylist()]
    assert order == [(5, "NORTH:A"), (5, "NORTH:B"), (7, "NORTH:A"), (7, "NORTH:B")]
    assert limited.column("commit").to_pylist() == [2, 2]
    with pytest.raises(faults.UnfitRequestError):
        tables.changes(PRICES.name, after=0, upto=7, selection=Selection(descending=True))


def test_define__again_adds_nullable_columns_and_old_rows_have_none(
    tables: Tables, opened: Callable[[], Tables]
) -> None:
    fill(tables, [belief(1)])
    more = replace(PRICES, columns=(*PRICES.columns, ColumnSpec("loss_per_mwh", Dtype.FLOAT64, nullable=True)))
    tables.define(more)
    tables.define(more)
    tables.append(PRICES.name, batch_id="later", rows=batch([belief(2, hour=1, loss_per_mwh=0.5)], more))
    tables.close()

    again = opened()
    found = again.rows(PRICES.name, selection=Selection(), cut=EVER)
    assert found.column("loss_per_mwh").to_pylist() == [None, 0.5]
    again.close()


def test_define__lists_every_other_difference(tables: Tables) -> None:
    columns = (
        *(column for column in PRICES.columns if column.name not in ("currency", "price_per_mwh")),
        ColumnSpec("price_per_mwh", Dtype.INT64, nullable=False),
        ColumnSpec("fuel", Dtype.TEXT, nullable=False),
    )
    with pytest.raises(faults.UnfitRequestError) as refused:
        tables.define(replace(PRICES, columns=columns, key=("location", "market", "interval_start")))
    for word in ("currency", "price_per_mwh", "fuel", "key was"):
        assert word in refused.value.found


def test_define__refuses_what_cannot_be_a_table(tables: Tables) -> None:
    with pytest.raises(faults.UnfitRequestError) as refused:
        tables.define(replace(PRICES, name="other", key=("market", "nowhere")))
    for word in ("nowhere", "interval_start"):
        assert word in refused.value.found


def test_reading__goes_on_while_batches_are_appended_and_sealed(tables: Tables) -> None:
    last = 30
    over = Event()

    def write() -> None:
        for commit in range(1, last + 1):
            fill(tables, [belief(commit, hour=h) for h in range(0, 72, 6)])
            if commit % 10 == 0:
                tables.seal(PRICES.name, before=START + timedelta(days=40))

    def read() -> int:
        seen = 0
        while seen < last and not over.is_set():
            upto = tables.position(PRICES.name)
            found = tables.rows(PRICES.name, selection=Selection(), cut=replace(EVER, commit=upto))
            commits = set(found.column("commit").to_pylist())
            assert commits == ({upto} if upto else set())
            assert found.num_rows == (12 if upto else 0)
            seen = upto
        return seen

    with ThreadPoolExecutor(3) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        try:
            pool.submit(write).result()
        except BaseException:
            over.set()
            raise
        assert [reader.result() for reader in readers] == [last, last]


def test_seal__moves_whole_months_and_changes_no_answer(tables: Tables, opened: Callable[[], Tables]) -> None:
    for commit in range(1, 4):
        fill(tables, [belief(commit, hour=h) for h in range(0, 96, 3)])  # 16 hours each in January, 16 in February
    before = tables.history(PRICES.name, selection=Selection(), cut=EVER)

    assert tables.seal(PRICES.name, before=START + timedelta(days=10)) == 48
    assert tables.seal(PRICES.name, before=START + timedelta(days=10)) == 0
    assert tables.history(PRICES.name, selection=Selection(), cut=EVER) == before
    tables.close()
    again = opened()
    assert again.history(PRICES.name, selection=Selection(), cut=EVER) == before
    assert again.position(PRICES.name) == 3
    again.close()


def test_seal__a_late_row_for_a_sealed_month_counts(tables: Tables) -> None:
    fill(tables, [belief(1)], [belief(2)])
    tables.seal(PRICES.name, before=START + timedelta(days=10))
    fill(tables, [belief(3)])

    assert prices(tables.rows(PRICES.name, selection=Selection(), cut=EVER)) == [3.0]
    assert tables.seal(PRICES.name, before=START + timedelta(days=10)) == 1
    assert prices(tables.rows(PRICES.name, selection=Selection(), cut=EVER)) == [3.0]
    assert prices(tables.rows(PRICES.name, selection=Selection(), cut=cut_at(2))) == [2.0]


def test_seal__a_column_added_later_reads_as_null_from_sealed_months(tables: Tables) -> None:
    fill(tables, [belief(1)])
    tables.seal(PRICES.name, before=START + timedelta(days=10))
    more = replace(PRICES, columns=(*PRICES.columns, ColumnSpec("note", Dtype.TEXT, nullable=True)))
    tables.define(more)

    assert tables.rows(PRICES.name, selection=Selection(), cut=EVER).column("note").to_pylist() == [None]


@pytest.mark.parametrize("sealed", [True, False])
def test_forget__deletes_whole_months_and_no_other_row(
    tables: Tables, opened: Callable[[], Tables], *, sealed: bool
) -> None:
    for commit in range(1, 4):
        fill(tables, [belief(commit, hour=h) for h in range(0, 24 * 40, 12)])  # January from the 30th, February, March
    if sealed:
        tables.seal(PRICES.name, before=START + timedelta(days=40))
    whole = tables.history(PRICES.name, selection=Selection(), cut=EVER)
    february, march = START.replace(month=2, day=1), START.replace(month=3, day=1)

    assert tables.forget(PRICES.name, before=february) == 3 * 4
    assert tables.forget(PRICES.name, before=march - timedelta(seconds=1)) == 0  # the month has not passed
    assert tables.forget(PRICES.name, before=march + timedelta(days=3)) == 3 * 56
    assert tables.forget(PRICES.name, before=march + timedelta(days=3)) == 0
    left = whole.filter(pc.greater_equal(whole.column("interval_start"), pa.scalar(march, pa.timestamp("us", "UTC"))))
    for _ in range(2):
        assert tables.history(PRICES.name, selection=Selection(), cut=EVER) == left
        assert tables.rows(PRICES.name, selection=Selection(end=march), cut=EVER).num_rows == 0
        assert tables.changes(PRICES.name, after=0, upto=3, selection=Selection()).num_rows == left.num_rows
        assert tables.count(PRICES.name, selection=Selection(end=march), cut=EVER) == 0
        assert tables.position(PRICES.name) == 3
        tables.close()
        tables = opened()
    tables.close()


def test_forget__lets_late_rows_come_and_go(tables: Tables) -> None:
    fill(tables, [belief(1)], [belief(2, hour=24 * 10)])
    late = START + timedelta(days=5)
    assert tables.forget(PRICES.name, before=late) == 1
    assert not tables.append(PRICES.name, batch_id="batch-1", rows=batch([belief(1)]))
    fill(tables, [belief(3)])
    assert prices(tables.rows(PRICES.name, selection=Selection(), cut=EVER)) == [3.0, 2.0]
    assert tables.forget(PRICES.name, before=late) == 1
    assert prices(tables.rows(PRICES.name, selection=Selection(), cut=EVER)) == [2.0]


def test_forget__beside_reads_is_seen_whole_or_not_at_all(tables: Tables) -> None:
    for commit in range(1, 4):
        fill(tables, [belief(commit, hour=h) for h in range(0, 96, 3)])
    tables.seal(PRICES.name, before=START + timedelta(days=30))
    counts = {tables.rows(PRICES.name, selection=Selection(), cut=EVER).num_rows}
    stop = Event()

    def read() -> set[int]:
        seen = set()
        while not stop.is_set():
            seen.add(tables.rows(PRICES.name, selection=Selection(), cut=EVER).num_rows)
        return seen

    with ThreadPoolExecutor(2) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        assert tables.forget(PRICES.name, before=START + timedelta(days=10)) == 3 * 16
        stop.set()
        seen = set().union(*(reader.result() for reader in readers))
    assert seen <= counts | {16}
    assert tables.rows(PRICES.name, selection=Selection(), cut=EVER).num_rows == 16


# Against the oracle: random beliefs, sources, retractions, seals and questions.
