"""What every Tables engine must do; the oracle is a plain loop over every row ever appended."""

from __future__ import annotations

import itertools
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from powerdesk.engines.embedded.objects import LocalObjects
from powerdesk.engines.embedded.tables import DuckTables
from powerdesk.engines.ports import faults
from powerdesk.engines.ports.tables import (
    SYSTEM_COLUMNS,
    ColumnSpec,
    Cut,
    Dtype,
    Knowledge,
    Selection,
    Tables,
    TableSpec,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

START = datetime(2025, 1, 30, tzinfo=UTC)
EVER = Cut(as_of=datetime(2100, 1, 1, tzinfo=UTC), commit=2**60)
ARROW = {
    Dtype.TEXT: pa.string(),
    Dtype.FLOAT64: pa.float64(),
    Dtype.INT64: pa.int64(),
    Dtype.BOOL: pa.bool_(),
    Dtype.INSTANT: pa.timestamp("us", "UTC"),
}
PRICES = TableSpec(
    name="made.prices",
    columns=(
        ColumnSpec("market", Dtype.TEXT, nullable=False),
        ColumnSpec("location", Dtype.TEXT, nullable=False),
        ColumnSpec("interval_start", Dtype.INSTANT, nullable=False),
        ColumnSpec("interval_end", Dtype.INSTANT, nullable=False),
        ColumnSpec("price_per_mwh", Dtype.FLOAT64, nullable=False),
        ColumnSpec("currency", Dtype.TEXT, nullable=True),
    ),
    key=("market", "location", "interval_start"),
)
FORECASTS = TableSpec(
    name="made.forecasts",
    columns=(
        ColumnSpec("market", Dtype.TEXT, nullable=False),
        ColumnSpec("issued_at", Dtype.INSTANT, nullable=False),
        ColumnSpec("location", Dtype.TEXT, nullable=False),
        ColumnSpec("interval_start", Dtype.INSTANT, nullable=False),
        ColumnSpec("member", Dtype.INT64, nullable=False),
        ColumnSpec("load_mw", Dtype.FLOAT64, nullable=True),
    ),
    key=("market", "issued_at", "location", "interval_start", "member"),
)
"""A key of every shape: text, instant, text, the time column, a number after it."""


def duck_tables(folder: Path) -> Tables:
    return DuckTables(folder / "hot.duckdb", LocalObjects(folder / "objects"))


def duck_tables_with_little_memory(folder: Path) -> Tables:
    """Return the adapter as it is with far more rows than fit in memory: nearly every read meets sorted parts."""
    return DuckTables(folder / "hot.duckdb", LocalObjects(folder / "objects"), hot_rows_max=2, recent_rows_max=0)


ADAPTERS: dict[str, Callable[[Path], Tables]] = {
    "duckdb": duck_tables,
    "duckdb, little memory": duck_tables_with_little_memory,
}
"""Add an engine here and the whole suite runs against it. Opening the same folder again must find the same data."""


def hours(count: float) -> timedelta:
    return timedelta(hours=count)


def schema_of(spec: TableSpec) -> pa.Schema:
    return pa.schema([(column.name, ARROW[column.dtype]) for column in (*spec.columns, *SYSTEM_COLUMNS)])


def batch(rows: Iterable[dict[str, Any]], spec: TableSpec = PRICES) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=schema_of(spec))


def belief(commit: int, **given: Any) -> dict[str, Any]:
    """Return one row of PRICES: by default published and received `commit` hours after START."""
    start = START + hours(given.pop("hour", 0))
    row = {
        "market": "NORTH",
        "location": "NORTH:HUB",
        "interval_start": start,
        "interval_end": start + hours(1),
        "price_per_mwh": float(commit),
        "currency": "USD",
        "published_at": START + hours(commit),
        "published_by": "stamp",
        "received_at": START + hours(commit),
        "source": "alpha",
        "stage": "",
        "revision": commit,
        "commit": commit,
        "reason": None,
        "lineage": None,
    }
    return row | given


@dataclass
class Oracle:
    """Every row ever appended, and the port's semantics by plain loops."""

    spec: TableSpec
    seen: list[dict[str, Any]]

    def _key(self, row: dict[str, Any]) -> tuple[Any, ...]:
        return tuple(row[name] for name in self.spec.key)

    def _within(self, row: dict[str, Any], selection: Selection, names: Iterable[str]) -> bool:
        return all(row[name] in selection.within[name] for name in names)

    def _scope(self, selection: Selection, cut: Cut) -> list[dict[str, Any]]:
        clock = "received_at" if cut.knowledge is Knowledge.RECEIVED else "published_at"
        early = [name for name in selection.within if name in (*self.spec.key, "source")]
        return [
            row
            for row in self.seen
            if row[clock] <= cut.as_of
            and row["commit"] <= cut.commit
            and (selection.start is None or row[self.spec.time_column] >= selection.start)
            and (selection.end is None or row[self.spec.time_column] < selection.end)
            and self._within(row, selection, early)
        ]

    def rows(self, selection: Selection, cut: Cut) -> list[dict[str, Any]]:
        """Return what the port's `rows` must."""
        clock = "received_at" if cut.knowledge is Knowledge.RECEIVED else "published_at"
        ranked = {name: rank for rank, name in enumerate(selection.sources)}
        chosen: dict[tuple[Any, ...], tuple[Any, dict[str, Any]]] = {}
        for row in self._scope(selection, cut):
            rank = ranked.get(row["source"], len(ranked))
            by_name = "" if row["source"] in ranked else row["source"]
            held = chosen.get(self._key(row))
            order = (row[clock], row["commit"], row["revision"])
            best = (
                held is None or (rank, by_name) < held[0][0] or ((rank, by_name) == held[0][0] and order > held[0][1])
            )
            if best:
                chosen[self._key(row)] = (((rank, by_name), order), row)
        found = [row for _, row in chosen.values() if self._within(row, selection, selection.within)]
        return self._page(sorted(found, key=self._key, reverse=selection.descending), selection)

    def _page(self, found: list[dict[str, Any]], selection: Selection) -> list[dict[str, Any]]:
        after = selection.after
        if after is not None:
            found = [r for r in found if (self._key(r) < after if selection.descending else self._key(r) > after)]
        return found[: selection.limit]

    def latest(self, selection: Selection, cut: Cut) -> list[dict[str, Any]]:
        """Return what `latest` must."""
        time = self.spec.time_column
        newest: dict[tuple[Any, ...], dict[str, Any]] = {}
        for row in self.rows(selection, cut):
            series = tuple(row[name] for name in self.spec.key if name != time)
            if series not in newest or row[time] > newest[series][time]:
                newest[series] = row
        return [newest[series] for series in sorted(newest)]

    def history(self, selection: Selection, cut: Cut) -> list[dict[str, Any]]:
        """Return what `history` must."""
        found = [row for row in self._scope(selection, cut) if self._within(row, selection, selection.within)]
        order = ("source", "published_at", "commit", "revision")
        return sorted(found, key=lambda row: (self._key(row), *(row[name] for name in order)))

    def changes(self, selection: Selection, *, after: int, upto: int) -> list[dict[str, Any]]:
        """Return what `changes` must."""
        found = [row for row in self.history(selection, EVER) if after < row["commit"] <= upto]
        return sorted(found, key=lambda row: row["commit"])


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


# Against the oracle: random beliefs, sources, retractions, seals and questions.

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
STEPS = st.lists(st.one_of(st.lists(ROWS, min_size=1, max_size=8), st.sampled_from(["seal", "reopen"])), max_size=6)
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
