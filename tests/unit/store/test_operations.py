"""The store on its embedded engines: accept, project, read at a cut, derive, make again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from desk_cases import HandClock, catch_up, close, open_store, put
from store_cases import HOUR, PRICES, T0, batch, row

from powerdesk.access import entitlements
from powerdesk.access.types import Channel, Entitlement, Grants, Principal, PrincipalKind
from powerdesk.kernel.belief import Knowledge
from powerdesk.kernel.dtypes import Dtype
from powerdesk.store import lineage, operations, queries
from powerdesk.store.dataset import Column
from powerdesk.store.types import (
    LookAheadError,
    Request,
    SchemaError,
    Snapshot,
    UnknownColumnError,
    UnknownDatasetError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from powerdesk.store.queries import Store

EVERYTHING = Request(dataset=PRICES.id)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def store(tmp_path: Path, clock: HandClock) -> Iterator[Store]:
    opened = open_store(tmp_path, clock, calculations={DOUBLED.name: DOUBLED})
    yield opened
    close(opened)


def _double(inputs: Mapping[str, pa.Table], parameters: Mapping[str, str], seed: int | None) -> pa.Table:
    del seed
    found = inputs["prices"]
    price = pc.multiply(found.column("price_per_mwh"), float(parameters["by"]))
    made = found.select([column.name for column in PRICES.columns])
    made = made.set_column(made.schema.get_field_index("price_per_mwh"), "price_per_mwh", price)
    return made.append_column("published_at", found.column("published_at"))


DOUBLED = lineage.Calculation(name="test.double", version=1, dataset=PRICES.id, compute=_double)


def prices(store: Store, cut: Snapshot, request: Request = EVERYTHING) -> list[float | None]:
    return queries.rows(store, operations.HOUSE, request=request, cut=cut).rows.column("price_per_mwh").to_pylist()


def test_accept__makes_rows_readable_and_counts_them(store: Store) -> None:
    outcome = put(store, batch(row(0, 1.0), row(1, 2.0)), batch_id="a")
    assert (outcome.new, outcome.revised, outcome.duplicates) == (2, 0, 0)
    assert prices(store, queries.snapshot(store, as_of=store.clock.now())) == [1.0, 2.0]


def test_accept__the_same_file_twice_stores_nothing_new_and_says_so(store: Store) -> None:
    put(store, batch(row(0, 1.0), row(1, 2.0)), batch_id="a")
    again = put(store, batch(row(0, 1.0), row(1, 2.0)), batch_id="a")
    assert (again.new, again.revised, again.duplicates) == (0, 0, 2)


def test_rows__an_old_snapshot_never_changes(store: Store, clock: HandClock) -> None:
    put(store, batch(row(0, 1.0)), batch_id="a")
    cut = queries.snapshot(store, as_of=clock.now())
    clock.instant += HOUR
    put(store, batch(row(0, 9.0), row(1, 5.0)), batch_id="b")
    assert prices(store, cut) == [1.0]
    assert prices(store, queries.snapshot(store, as_of=clock.now())) == [9.0, 5.0]


def test_rows__as_of_speaks_of_publication_or_of_receipt(store: Store, clock: HandClock) -> None:
    put(store, batch(row(0, 1.0, published_at=T0 + 2 * HOUR)), batch_id="a")
    early = T0 + 3 * HOUR
    assert prices(store, queries.snapshot(store, as_of=early)) == [1.0]
    assert prices(store, queries.snapshot(store, as_of=early, knowledge=Knowledge.RECEIVED)) == []
    assert prices(store, queries.snapshot(store, as_of=clock.now(), knowledge=Knowledge.RECEIVED)) == [1.0]


def test_rows__pages_meet_without_gap_or_repetition(store: Store) -> None:
    put(store, batch(*(row(hour, float(hour)) for hour in range(7))), batch_id="a")
    cut = queries.snapshot(store, as_of=store.clock.now())
    seen: list[float] = []
    after = None
    more = True
    while more:
        page = queries.rows(store, operations.HOUSE, request=Request(PRICES.id, limit=3, after=after), cut=cut)
        seen += page.rows.column("price_per_mwh").to_pylist()
        last = page.rows.slice(page.rows.num_rows - 1).to_pylist()[0]
        after, more = tuple(last[name] for name in PRICES.key), page.more
    assert seen == [float(hour) for hour in range(7)]


def test_history__shows_every_revision_of_a_cell(store: Store, clock: HandClock) -> None:
    for price in (1.0, 2.0, 3.0):
        put(store, batch(row(0, price)), batch_id=str(price))
        clock.instant += HOUR
    cut = queries.snapshot(store, as_of=clock.now())
    found = queries.history(store, operations.HOUSE, request=EVERYTHING, cut=cut).rows
    assert found.column("price_per_mwh").to_pylist() == [1.0, 2.0, 3.0]
    assert found.column("revision").to_pylist() == [0, 1, 2]


def test_rows__refuses_unknown_names_and_says_which_exist(store: Store) -> None:
    cut = queries.snapshot(store, as_of=store.clock.now())
    with pytest.raises(UnknownDatasetError, match=r"test\.prices"):
        queries.rows(store, operations.HOUSE, request=Request("no.such"), cut=cut)
    with pytest.raises(UnknownColumnError, match="price_per_mwh"):
        queries.rows(store, operations.HOUSE, request=Request(PRICES.id, columns=("price",)), cut=cut)


def principal(*grants: Entitlement) -> queries.Asker:
    key = Principal(
        id="key:1",
        kind=PrincipalKind.KEY,
        tenant="t",
        name="k",
        channels=frozenset({Channel.API}),
        grants=Grants(version=1, entitlements=grants),
    )
    return queries.Asker(principal=key, channel=Channel.API)


def test_rows__are_refused_by_default_and_name_the_missing_tuple(store: Store) -> None:
    put(store, batch(row(0, 1.0)), batch_id="a")
    cut = queries.snapshot(store, as_of=store.clock.now())
    with pytest.raises(entitlements.RefusedError) as caught:
        queries.rows(store, principal(), request=EVERYTHING, cut=cut)
    assert [(m.market, m.product, m.channel) for m in caught.value.missing] == [("AAA", "prices", Channel.API)]
    allowed = principal(Entitlement(market="AAA", product="prices", channel="api"))
    assert queries.rows(store, allowed, request=EVERYTHING, cut=cut).rows.num_rows == 1
    partial = Request(PRICES.id, allow_partial=True)
    answer = queries.rows(store, principal(), request=partial, cut=cut)
    assert answer.rows.num_rows == 0
    assert len(answer.left_out) == 1


def test_view__raises_on_anything_known_later(store: Store, clock: HandClock) -> None:
    put(store, batch(row(0, 1.0)), batch_id="a")
    cut = queries.snapshot(store, as_of=T0 + 5 * HOUR)
    view = queries.view(store, operations.HOUSE, cut=cut)
    assert view.rows(EVERYTHING).num_rows == 1
    with pytest.raises(LookAheadError, match="cut the view later"):
        view.rows(EVERYTHING, as_of=clock.now())


def test_view__poison_the_future_changes_no_byte_of_a_result(store: Store, clock: HandClock) -> None:
    put(store, batch(*(row(hour, float(hour)) for hour in range(5))), batch_id="a")
    cut = queries.snapshot(store, as_of=T0 + 4 * HOUR)
    before = lineage.rows_sha256(queries.view(store, operations.HOUSE, cut=cut).rows(EVERYTHING))
    clock.instant += HOUR
    put(store, batch(*(row(hour, -999.0) for hour in range(8))), batch_id="poison")
    later = Snapshot(as_of=cut.as_of, commit=queries.snapshot(store, as_of=clock.now()).commit)
    for at in (cut, later):
        after = lineage.rows_sha256(queries.view(store, operations.HOUSE, cut=at).rows(EVERYTHING))
        assert after == before


def test_derive__writes_rows_that_can_be_made_again(store: Store) -> None:
    put(store, batch(row(0, 1.0), row(1, 2.0)), batch_id="a")
    cut = queries.snapshot(store, as_of=store.clock.now())
    lineage_id, accepted = operations.derive(
        store,
        calculation=DOUBLED,
        requests={"prices": EVERYTHING},
        cut=cut,
        parameters={"by": "2"},
        seed=None,
    )
    catch_up(store)
    assert operations.settled(store, accepted).revised + operations.settled(store, accepted).new == 2
    with store.records.reader() as reader:
        made = queries.lineage_of(reader, lineage_id=lineage_id)
    assert made is not None
    assert made.id == lineage_id
    put(store, batch(row(0, 77.0)), batch_id="later")
    again = operations.remake(store, made=made)
    assert again.column("price_per_mwh").to_pylist() == [2.0, 4.0]


def test_project__a_crash_before_the_group_commit_doubles_nothing(tmp_path: Path) -> None:
    clock = HandClock()
    store = open_store(tmp_path, clock)
    operations.accept(
        store, dataset=PRICES, rows=batch(row(0, 1.0)), source="test", received_at=clock.now(), batch_id="a"
    )
    (message,) = store.bus.read("store.batches", after=0, limit=10)
    operations.project(store, message)  # applied, but the consumer's commit never happens
    close(store)
    reopened = open_store(tmp_path, clock)
    cut = queries.snapshot(reopened, as_of=clock.now())
    found = queries.history(reopened, operations.HOUSE, request=EVERYTHING, cut=cut).rows
    assert found.num_rows == 1
    close(reopened)


GROWN = replace(
    PRICES, columns=(*PRICES.columns, Column("ghg_per_mwh", Dtype.FLOAT64, "greenhouse part", nullable=True))
)


def test_project__reads_a_batch_of_an_older_declaration_with_its_new_columns_null(tmp_path: Path) -> None:
    clock = HandClock()
    store = open_store(tmp_path, clock, datasets=(GROWN,))
    operations.accept(
        store, dataset=PRICES, rows=batch(row(0, 1.0)), source="test", received_at=clock.now(), batch_id="older"
    )
    assert catch_up(store) == 1
    cut = queries.snapshot(store, as_of=clock.now())
    found = queries.history(store, operations.HOUSE, request=EVERYTHING, cut=cut).rows
    assert found.select(["price_per_mwh", "ghg_per_mwh"]).to_pylist() == [{"price_per_mwh": 1.0, "ghg_per_mwh": None}]
    close(store)


def test_project__leaves_a_batch_of_a_newer_declaration_whole_for_a_program_that_knows_it(tmp_path: Path) -> None:
    clock = HandClock()
    store = open_store(tmp_path, clock)
    rows = batch(row(0, 1.0)).append_column("ghg_per_mwh", pa.array([0.25]))
    operations.accept(store, dataset=GROWN, rows=rows, source="test", received_at=clock.now(), batch_id="newer")
    with pytest.raises(SchemaError, match="ghg_per_mwh") as refused:
        catch_up(store)
    assert "newer" in refused.value.remedy
    assert store.tables.position(PRICES.id) == 0
    close(store)
    store = open_store(tmp_path, clock, datasets=(GROWN,))
    cut = queries.snapshot(store, as_of=clock.now())
    found = queries.history(store, operations.HOUSE, request=EVERYTHING, cut=cut).rows
    assert found.select(["ghg_per_mwh", "commit"]).to_pylist() == [{"ghg_per_mwh": 0.25, "commit": 1}]
    close(store)
