"""Forgetting by age: rows, the log, and the truth about what can no longer be made again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from desk_cases import HandClock, catch_up, close, open_store, put
from store_cases import HOUR, PRICES, T0, batch, row

from powerdesk.engines.embedded import bus
from powerdesk.store import jobs, lineage, operations, queries
from powerdesk.store.operations import NotReproducibleError
from powerdesk.store.types import Request

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pyarrow as pa

    from powerdesk.store.lineage import Lineage
    from powerdesk.store.queries import Store

DAY = 24 * HOUR
COPY = replace(PRICES, id="test.copy", inputs=(PRICES.id,))
KEPT = replace(PRICES, retention=30 * DAY)
MARCH, APRIL = 0, 31 * 24  # hours since T0, which is the first of March


def _copied(inputs: dict[str, pa.Table], *_: object) -> pa.Table:
    return inputs["prices"].select([column.name for column in PRICES.columns])


COPYING = lineage.Calculation(name="test.copy", version=1, dataset=COPY.id, compute=_copied)


@pytest.fixture
def clock() -> HandClock:
    return HandClock(T0 + 40 * DAY)


@pytest.fixture
def store(tmp_path: Path, clock: HandClock) -> Iterator[Store]:
    opened = open_store(tmp_path, clock, datasets=(KEPT, COPY), calculations={COPYING.name: COPYING})
    yield opened
    close(opened)


def derived(store: Store, request: Request) -> Lineage:
    cut = queries.snapshot(store, as_of=store.clock.now())
    made_by, _ = operations.derive(store, calculation=COPYING, requests={"prices": request}, cut=cut, parameters={})
    catch_up(store)
    with store.records.reader() as reader:
        made = queries.lineage_of(reader, lineage_id=made_by)
    assert made is not None
    return made


def reproducible(store: Store, made: Lineage) -> bool:
    try:
        operations.refuse_lost(store, made)
        operations.remake(store, made=made)
    except NotReproducibleError:
        return False
    return True


def test_rows__older_than_their_dataset_keeps_go_by_whole_months(store: Store, clock: HandClock) -> None:
    put(store, batch(row(MARCH, 1.0), row(MARCH + 5, 2.0), row(APRIL, 3.0)), batch_id="a")
    put(store, batch(row(MARCH, 7.0)), batch_id="b")
    assert jobs.forget_rows(store) == {}  # kept since the eleventh of March: that month still counts
    clock.instant = T0 + 62 * DAY
    assert jobs.forget_rows(store) == {PRICES.id: "3 rows, 0 lineages no longer reproducible"}
    cut = queries.snapshot(store, as_of=clock.now())
    everything = Request(PRICES.id)
    assert queries.rows(store, operations.HOUSE, request=everything, cut=cut).rows["price_per_mwh"].to_pylist() == [3.0]
    assert queries.history(store, operations.HOUSE, request=everything, cut=cut).rows.num_rows == 1
    assert jobs.forget_rows(store) == {}


def test_rows__whose_forgetting_was_broken_off_leave_the_disk_with_the_next_run(store: Store, clock: HandClock) -> None:
    put(store, batch(row(MARCH, 1.0), row(APRIL, 3.0)), batch_id="a")
    clock.instant = T0 + 62 * DAY
    store.tables.seal(PRICES.id, before=clock.now())
    march, april = store.objects.list(f"tables/{PRICES.id}/")
    kept = store.objects.get(march)
    jobs.forget_rows(store)
    store.objects.put(march, kept)  # as if the process had ended before it deleted the file
    assert jobs.forget_rows(store) == {}
    assert store.objects.list(f"tables/{PRICES.id}/") == (april,)


def test_lineages__that_cite_forgotten_rows_are_marked_and_no_other(store: Store, clock: HandClock) -> None:
    put(store, batch(row(MARCH, 1.0), row(APRIL, 3.0), row(APRIL, 4.0, location="AAA:Y")), batch_id="a")
    whole = derived(store, Request(PRICES.id))
    old = derived(store, Request(PRICES.id, start=T0, end=T0 + DAY))
    new = derived(store, Request(PRICES.id, start=T0 + 31 * DAY))
    elsewhere = derived(store, Request(PRICES.id, within={"location": ("AAA:Y",)}))
    assert all(reproducible(store, made) for made in (whole, old, new, elsewhere))
    clock.instant = T0 + 62 * DAY
    assert jobs.forget_rows(store) == {PRICES.id: "1 rows, 2 lineages no longer reproducible"}
    assert [reproducible(store, made) for made in (whole, old, new, elsewhere)] == [False, False, True, True]
    with pytest.raises(NotReproducibleError, match=r"retention deleted rows of test.prices before 2026-04-01"):
        operations.refuse_lost(store, whole)


def test_a_dataset__without_retention_keeps_everything(store: Store, clock: HandClock) -> None:
    put(store, batch(row(MARCH, 1.0)), batch_id="a", dataset=COPY)
    clock.instant += 4000 * DAY
    assert jobs.forget_rows(store) == {}


READERS = {"store.batches": ("store.projector",), "store.committed": ()}


@pytest.fixture
def nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "NEWEST_KEPT", 0)


def segmented(folder: Path, clock: HandClock) -> Store:
    """Return a store whose log has a segment for each message."""
    opened = open_store(folder, clock)
    opened.bus.close()
    return replace(opened, bus=bus.LogBus(folder / "bus", clock=opened.clock, segment_bytes_max=1))


def test_the_log__keeps_its_newest_announcements_so_that_a_start_knows_what_is_readable(
    tmp_path: Path, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operations, "NEWEST_KEPT", 2)
    logged = segmented(tmp_path, clock)
    for number in range(5):
        put(logged, batch(row(0, 1.0)), batch_id=f"b{number}")  # said again: only announcements tell of these
    jobs.forget_log(logged, readers=READERS, keep=timedelta(days=1))
    clock.instant += DAY
    assert jobs.forget_log(logged, readers=READERS, keep=timedelta(days=1))["store.committed"] == "3 messages"
    close(logged)
    again = open_store(tmp_path, clock)
    assert again.progress.position == 5
    close(again)


@pytest.mark.usefixtures("nothing_kept")
def test_the_log__is_cut_off_behind_age_and_readers(tmp_path: Path, clock: HandClock) -> None:
    logged = segmented(tmp_path, clock)
    keep = timedelta(days=7)
    for number in range(4):
        put(logged, batch(row(number, 1.0)), batch_id=f"b{number}")
    assert jobs.forget_log(logged, readers=READERS, keep=keep) == {}  # nobody knows how old they are
    clock.instant += 6 * DAY
    put(logged, batch(row(5, 1.0)), batch_id="b5")
    assert jobs.forget_log(logged, readers=READERS, keep=keep) == {}
    clock.instant += DAY
    assert jobs.forget_log(logged, readers={**READERS, "store.batches": ("store.projector", "slow")}, keep=keep) == {
        "store.committed": "4 messages"
    }
    assert logged.bus.begin("store.batches") == 1
    assert jobs.forget_log(logged, readers=READERS, keep=keep) == {"store.batches": "4 messages"}
    assert (logged.bus.begin("store.batches"), logged.bus.end("store.batches")) == (5, 5)
    assert jobs.forget_log(logged, readers=READERS, keep=keep) == {}
    close(logged)


@pytest.mark.usefixtures("nothing_kept")
def test_a_cut_log__goes_on_and_its_rows_stay(tmp_path: Path, clock: HandClock) -> None:
    logged = segmented(tmp_path, clock)
    for number in range(3):
        put(logged, batch(row(number, float(number))), batch_id=f"b{number}")
    jobs.forget_log(logged, readers=READERS, keep=timedelta(days=1))
    clock.instant += DAY
    assert jobs.forget_log(logged, readers=READERS, keep=timedelta(days=1))["store.batches"] == "2 messages"
    assert put(logged, batch(row(9, 9.0)), batch_id="b9").commit == 4
    close(logged)
    again = open_store(tmp_path, clock)
    cut = queries.snapshot(again, as_of=clock.now())
    found = queries.rows(again, operations.HOUSE, request=Request(PRICES.id), cut=cut).rows
    assert (found["price_per_mwh"].to_pylist(), cut.commit) == ([0.0, 1.0, 2.0, 9.0], 4)
    close(again)
