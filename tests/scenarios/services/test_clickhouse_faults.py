"""Tables on ClickHouse when the server is killed, stands still, loses answers or brings old inserts late."""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import lossy_proxy
import pyarrow as pa
import pytest

from powerdesk.engines.ports import faults
from powerdesk.engines.ports.tables import SYSTEM_COLUMNS, ColumnSpec, Cut, Selection, TableSpec
from powerdesk.kernel.dtypes import Dtype
from servers import needed
from servers.clickhouse import ClickHouse
from servers.waiting import until

pytest.importorskip("clickhouse_connect", reason="the extra `scaled` is not installed")

from powerdesk.engines.scaled import tables, tables_address, tables_ledger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.services, pytest.mark.slow]

START = datetime(2025, 1, 31, 20, tzinfo=UTC)  # batches of eight hours lie in two months, hence in two parts
EVER = Cut(as_of=datetime(2100, 1, 1, tzinfo=UTC), commit=2**60)
ROWS = 400
SPEC = TableSpec(
    name="made.loads",
    columns=(
        ColumnSpec("location", Dtype.TEXT, nullable=False),
        ColumnSpec("interval_start", Dtype.INSTANT, nullable=False),
        ColumnSpec("load_mw", Dtype.FLOAT64, nullable=False),
    ),
    key=("location", "interval_start"),
)
NAME = SPEC.name


class RealClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the present instant."""
        return datetime.now(tz=UTC)  # noqa: TID251 - a test's clock

    def monotonic_s(self) -> float:
        """Return seconds."""
        return time.monotonic()  # noqa: TID251 - a test's clock


def batch(commit: int) -> pa.Table:
    """Return ROWS beliefs about the same cells as every other batch's."""
    instant = pa.timestamp("us", "UTC")
    published = START + timedelta(minutes=commit)
    columns = {
        "location": [f"L{n // 8}" for n in range(ROWS)],
        "interval_start": pa.array([START + timedelta(hours=n % 8) for n in range(ROWS)], instant),
        "load_mw": [float(commit)] * ROWS,
        "published_at": pa.array([published] * ROWS, instant),
        "published_by": ["stamp"] * ROWS,
        "received_at": pa.array([published] * ROWS, instant),
        "source": ["made"] * ROWS,
        "stage": [""] * ROWS,
        "revision": [commit - 1] * ROWS,
        "commit": [commit] * ROWS,
        "reason": pa.nulls(ROWS, pa.string()),
        "lineage": pa.nulls(ROWS, pa.string()),
    }
    assert set(columns) == {column.name for column in (*SPEC.columns, *SYSTEM_COLUMNS)}
    return pa.table(columns)


def opened(server: ClickHouse, *, port: int | None = None, **bounds: float) -> tables.ClickTables:
    address = replace(tables_address.parsed(server.url), port=port or server.port, **bounds)  # type: ignore[arg-type] # connections are a number
    return tables.ClickTables(address, password=server.password, clock=RealClock())


@pytest.fixture
def server() -> Iterator[ClickHouse]:
    with needed.own(ClickHouse) as found:
        yield found


def append_until_told(store: tables.ClickTables, commit: int) -> None:
    """Append a batch again and again until the engine says that it is there."""
    told(lambda: store.append(NAME, batch_id=f"batch {commit}", rows=batch(commit)))


def told(act: Callable[[], object]) -> None:
    """Act again and again until the engine does not say that it is away."""

    def acted() -> bool:
        try:
            act()
        except faults.EngineUnavailableError:
            return False
        return True

    until(acted, what="the return of the server")


def assert_each_row_once(store: tables.ClickTables, commits: int) -> None:
    """Prove by their unique keys that every row of batches 1 to `commits` is there, and is there once."""
    found = store.history(NAME, selection=Selection(), cut=EVER).select(["location", "interval_start", "commit"])
    seen = Counter(tuple(row.values()) for row in found.to_pylist())
    wanted = {
        tuple(row.values())
        for commit in range(1, commits + 1)
        for row in batch(commit).select(["location", "interval_start", "commit"]).to_pylist()
    }
    assert set(seen) == wanted
    assert set(seen.values()) == {1}
    assert store.position(NAME) == commits
    now = store.rows(NAME, selection=Selection(), cut=EVER)
    assert set(now.column("commit").to_pylist()) == {commits}
    assert now.num_rows == ROWS


def test_kill_in_mid_load__loses_and_doubles_nothing_acknowledged(server: ClickHouse) -> None:
    store = opened(server, timeout_s=5.0)
    store.define(SPEC)
    over, pause = threading.Event(), threading.Event()

    def load() -> int:
        for commit in itertools.count(1):
            append_until_told(store, commit)
            if commit >= 20 and over.is_set():
                return commit
        raise AssertionError("found the end of all numbers")

    with ThreadPoolExecutor(1) as pool:
        loading = pool.submit(load)
        for kill in range(4):
            pause.wait(0.11 + 0.07 * kill)
            server.kill()
            server.start()
        over.set()
        commits = loading.result()

    assert_each_row_once(store, commits)
    store.close()
    again = opened(server)
    assert_each_row_once(again, commits)
    assert again.append(NAME, batch_id=f"batch {commits}", rows=batch(commits)) is False
    again.close()


@pytest.mark.parametrize("lost", [b"made.loads", b"_batches", b"_epochs"])
def test_lost_answers__a_batch_appended_again_is_there_once(server: ClickHouse, lost: bytes) -> None:
    with lossy_proxy.proxy(server.port) as between:
        store = opened(server, port=between.port, timeout_s=5.0)
        store.define(SPEC)
        append_until_told(store, 1)
        if lost == b"_epochs":  # only a writer who begins anew begins an epoch
            store.close()
            store = opened(server, port=between.port, timeout_s=5.0)
        between.losing = b"INSERT+INTO+%60" + lost if lost == b"made.loads" else b"INSERT+INTO+" + lost
        with pytest.raises(faults.EngineUnavailableError):
            store.append(NAME, batch_id="batch 2", rows=batch(2))
        assert between.lost == 1  # the request was not sent again by itself
        between.losing = b""

        append_until_told(store, 2)

        assert_each_row_once(store, 2)
        store.close()


def test_late_insert__of_an_epoch_that_ended_never_counts(server: ClickHouse) -> None:
    store = opened(server)
    store.define(SPEC)
    append_until_told(store, 1)
    second = opened(server)
    append_until_told(second, 2)

    store._insert(NAME, batch(2), epoch=1, batch_id="batch 2", doing="bringing rows late")
    assert_each_row_once(second, 2)
    tables_ledger.note_batch(
        store._client, NAME, epoch=1, commit=2, batch=("batch 2", ROWS), doing="bringing a line late"
    )
    assert_each_row_once(second, 2)
    tables_ledger.note_batch(
        store._client, NAME, epoch=1, commit=3, batch=("batch 3", ROWS), doing="bringing a line late"
    )

    assert second.append(NAME, batch_id="batch 3", rows=batch(3)) is True
    assert_each_row_once(second, 3)
    store.close()
    second.close()


def test_half_a_batch__is_not_seen(server: ClickHouse) -> None:
    store = opened(server)
    store.define(SPEC)
    append_until_told(store, 1)

    store._insert(NAME, batch(2).slice(0, ROWS // 2), epoch=1, batch_id="batch 2", doing="writing half a batch")

    assert_each_row_once(store, 1)
    store.close()
    again = opened(server)
    append_until_told(again, 2)
    assert_each_row_once(again, 2)
    again.close()


def test_forgotten_rows__leave_the_disk_once_no_read_can_need_them_and_later_ones_stay(server: ClickHouse) -> None:
    store, february = opened(server), datetime(2025, 2, 1, tzinfo=UTC)
    store.define(SPEC)
    append_until_told(store, 1)
    before = 4 * ROWS // 8  # hours of January in a batch

    def on_disk() -> int:
        sql = f"SELECT count() AS n FROM `{NAME}` WHERE interval_start < toDateTime('2025-02-01', 'UTC')"  # noqa: S608 - a constant
        number: int = store._client.ask(sql, {}, doing="counting").column("n")[0].as_py()
        return number

    assert store.forget(NAME, before=february) == before
    assert store.count(NAME, selection=Selection(), cut=EVER) == ROWS - before
    assert store.forget(NAME, before=february) == 0
    assert on_disk() == before  # a read that began earlier may still want them
    age = "ALTER TABLE _forgotten UPDATE at = at - 7200 WHERE 1 SETTINGS mutations_sync = 1"
    store._client.tell(age, doing="letting two hours go by")
    append_until_told(store, 2)
    assert store.forget(NAME, before=datetime(2024, 1, 1, tzinfo=UTC)) == 0

    until(lambda: on_disk() == before, what="the first batch leaving the disk")  # those of the second stay
    found = store.history(NAME, selection=Selection(end=february), cut=EVER)
    assert found.column("commit").to_pylist() == [2] * before
    store.close()


def test_server_away__is_said_clearly_and_over_when_it_is_back(server: ClickHouse) -> None:
    store = opened(server, timeout_s=5.0)
    store.define(SPEC)
    append_until_told(store, 1)
    server.kill()

    with pytest.raises(faults.EngineUnavailableError) as refused:
        store.rows(NAME, selection=Selection(), cut=EVER)
    with pytest.raises(faults.EngineUnavailableError):
        store.append(NAME, batch_id="batch 2", rows=batch(2))
    assert f"127.0.0.1:{server.port}" in refused.value.found
    assert "look whether the server runs" in refused.value.remedy

    server.start()
    append_until_told(store, 2)
    assert_each_row_once(store, 2)
    store.close()


def test_server_away_at_the_start__is_used_once_it_is_there(server: ClickHouse) -> None:
    server.kill()
    store = opened(server, timeout_s=5.0)
    with pytest.raises(faults.EngineUnavailableError):
        store.define(SPEC)

    server.start()
    told(lambda: store.define(SPEC))  # for a second callers are refused at once
    append_until_told(store, 1)
    assert_each_row_once(store, 1)
    store.close()


def test_server_standing_still__times_out_without_threads_piling_up(server: ClickHouse) -> None:
    store = opened(server, timeout_s=2.0, connections=4)
    store.define(SPEC)
    append_until_told(store, 1)
    calm = threading.active_count()
    over = time.monotonic() + 10  # noqa: TID251 - how long the server stands still

    def read() -> float:
        began = time.monotonic()  # noqa: TID251 - what is measured
        with pytest.raises(faults.EngineUnavailableError):
            store.rows(NAME, selection=Selection(), cut=EVER)
        return time.monotonic() - began  # noqa: TID251 - as above

    server.pause()
    took: list[float] = []
    try:
        with ThreadPoolExecutor(32) as pool:
            while time.monotonic() < over:  # noqa: TID251 - as above
                took += pool.map(lambda _: read(), range(32))
            assert threading.active_count() <= calm + 32
    finally:
        server.resume()

    assert max(took) < 2 * 2.0 + 10.0  # waits for a place, then for the answer; and room for a busy machine
    assert sum(each < 0.5 for each in took) > len(took) / 2  # most were refused at once
    append_until_told(store, 2)
    assert_each_row_once(store, 2)
    assert threading.active_count() <= calm
    store.close()


def test_bounds__a_read_past_its_memory_is_refused_with_the_remedy(server: ClickHouse) -> None:
    store = opened(server)
    store.define(SPEC)
    store.append(NAME, batch_id="large", rows=pa.concat_tables([batch(1)] * 500))
    narrow = opened(server, memory_mb=1)

    with pytest.raises(faults.EngineUnavailableError) as refused:
        narrow.history(NAME, selection=Selection(), cut=EVER)

    assert "memory_mb" in refused.value.remedy
    narrow.close()
    store.close()


def test_wrong_password__is_a_problem_that_names_the_user(server: ClickHouse) -> None:
    store = tables.ClickTables(tables_address.parsed(server.url), password="wrong", clock=RealClock())

    with pytest.raises(faults.EngineUnavailableError) as refused:
        store.define(SPEC)

    assert "'desk'" in refused.value.allowed
    assert "wrong" not in str(refused.value)
    store.close()
