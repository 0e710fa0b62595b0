"""The DuckDB adapter: crashes during upkeep, a second process, sorting in the background, a full file system."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from powerdesk.engines.embedded.objects import LocalObjects
from powerdesk.engines.embedded.tables import DuckTables
from powerdesk.engines.embedded.tables_layout import Layout
from powerdesk.engines.ports import faults
from powerdesk.engines.ports.tables import ColumnSpec, Cut, Selection, TableSpec
from powerdesk.kernel.dtypes import Dtype
from servers import disks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

START = datetime(2025, 1, 30, tzinfo=UTC)
EVER = Cut(as_of=datetime(2100, 1, 1, tzinfo=UTC), commit=2**60)
SPEC = TableSpec(
    name="made.loads",
    columns=(
        ColumnSpec("location", Dtype.TEXT, nullable=False),
        ColumnSpec("interval_start", Dtype.INSTANT, nullable=False),
        ColumnSpec("load_mw", Dtype.FLOAT64, nullable=False),
    ),
    key=("location", "interval_start"),
)
DISK_SIZE, DAYS_OF_MANY = "40m", 3_000
CRASHING = """
import os, sys
from datetime import UTC, datetime
from pathlib import Path
from powerdesk.engines.embedded.objects import LocalObjects
from powerdesk.engines.embedded.tables import DuckTables
folder, step, work = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
on_step = lambda reached: os._exit(9) if reached == step else None
tables = DuckTables(folder / "hot.duckdb", LocalObjects(folder / "objects"), on_step=on_step)
if work == "settle":
    tables.settle("made.loads")
else:
    getattr(tables, work)("made.loads", before=datetime(2025, 3, 5, tzinfo=UTC))
"""


def opened(folder: Path, **options: int) -> DuckTables:
    return DuckTables(folder / "hot.duckdb", LocalObjects(folder / "objects"), **options)


def batch(commit: int, days: int = 40) -> pa.Table:
    """Return one row a day for two places, from START on."""
    rows = [
        {
            "location": place,
            "interval_start": START + timedelta(days=day),
            "load_mw": float(commit),
            "published_at": START + timedelta(hours=commit),
            "published_by": "stamp",
            "received_at": START + timedelta(hours=commit),
            "source": "alpha",
            "stage": "",
            "revision": commit - 1,
            "commit": commit,
            "reason": None,
            "lineage": None,
        }
        for day in range(days)
        for place in ("B", "A")
    ]
    instant = pa.timestamp("us", "UTC")
    table = pa.Table.from_pylist(rows)
    for name in ("interval_start", "published_at", "received_at"):
        table = table.set_column(table.schema.get_field_index(name), name, table.column(name).cast(instant))
    return table


def sorted_by_now(tables: DuckTables) -> None:
    """Wait for the upkeep that the appends so far have begun."""
    assert tables._settling is not None
    tables._settling.result()


def filled(folder: Path) -> pa.Table:
    """Write three batches; return the whole history."""
    tables = opened(folder)
    tables.define(SPEC)
    for commit in (1, 2, 3):
        tables.append(SPEC.name, batch_id=str(commit), rows=batch(commit))
    whole = tables.history(SPEC.name, selection=Selection(), cut=EVER)
    tables.close()
    return whole


@pytest.mark.parametrize(
    ("step", "work"),
    [
        ("seal: month written", "seal"),
        ("upkeep: before commit", "seal"),
        ("upkeep: after commit", "seal"),
        ("upkeep: before commit", "settle"),
        ("upkeep: after commit", "settle"),
    ],
)
def test_upkeep__killed_at_any_step_loses_and_repeats_nothing(tmp_path: Path, step: str, work: str) -> None:
    whole = filled(tmp_path)

    done = subprocess.run([sys.executable, "-c", CRASHING, tmp_path, step, work], check=False, capture_output=True)  # noqa: S603 - our own program

    assert done.returncode == 9, done.stderr.decode()
    tables = opened(tmp_path)
    assert tables.history(SPEC.name, selection=Selection(), cut=EVER) == whole
    assert tables.append(SPEC.name, batch_id="3", rows=batch(3)) is False
    tables.seal(SPEC.name, before=datetime(2025, 3, 5, tzinfo=UTC))
    assert tables.history(SPEC.name, selection=Selection(), cut=EVER) == whole
    assert tables.append(SPEC.name, batch_id="4", rows=batch(4)) is True
    assert set(tables.rows(SPEC.name, selection=Selection(), cut=EVER).column("load_mw").to_pylist()) == {4.0}
    tables.close()


@pytest.mark.parametrize(
    "step", ["seal: month written", "upkeep: after commit", "forget: before commit", "forget: after commit"]
)
def test_forget__killed_at_any_step_takes_all_or_nothing_and_is_done_by_the_next(tmp_path: Path, step: str) -> None:
    whole = filled(tmp_path)
    floor = datetime(2025, 3, 1, tzinfo=UTC)

    done = subprocess.run([sys.executable, "-c", CRASHING, tmp_path, step, "forget"], check=False, capture_output=True)  # noqa: S603 - our own program

    assert done.returncode == 9, done.stderr.decode()
    kept = whole.filter(pc.greater_equal(whole.column("interval_start"), floor))
    tables = opened(tmp_path)
    found = tables.history(SPEC.name, selection=Selection(), cut=EVER)
    assert found == (kept if step == "forget: after commit" else whole)
    assert tables.append(SPEC.name, batch_id="3", rows=batch(3)) is False
    assert tables.forget(SPEC.name, before=floor) == found.num_rows - kept.num_rows
    assert tables.history(SPEC.name, selection=Selection(), cut=EVER) == kept
    assert not list((tmp_path / "objects" / "tables").rglob("*.parquet"))
    tables.close()


def test_open__by_a_second_process_says_who_may(tmp_path: Path) -> None:
    filled(tmp_path)
    tables = opened(tmp_path)

    done = subprocess.run([sys.executable, "-c", CRASHING, tmp_path, "", "seal"], check=False, capture_output=True)  # noqa: S603 - our own program

    assert b"EngineBusyError" in done.stderr
    assert b"another process has the file open" in done.stderr
    tables.close()


def test_open__what_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "hot.duckdb"
    path.write_bytes(b"not a database" * 1000)

    with pytest.raises(faults.EngineUnavailableError):
        opened(tmp_path)
    assert path.read_bytes() == b"not a database" * 1000


def test_append__sorts_in_the_background_without_changing_answers(tmp_path: Path) -> None:
    tables = opened(tmp_path, hot_rows_max=100)
    tables.define(SPEC)
    for commit in range(1, 11):
        tables.append(SPEC.name, batch_id=str(commit), rows=batch(commit))
        found = tables.rows(SPEC.name, selection=Selection(), cut=EVER)
        assert found.num_rows == 80
        assert set(found.column("load_mw").to_pylist()) == {float(commit)}
    sorted_by_now(tables)
    tables.close()

    again = opened(tmp_path)
    assert len([part for part in again._held[SPEC.name].view.parts if part.is_sorted]) >= 1
    assert again.history(SPEC.name, selection=Selection(), cut=EVER).num_rows == 800
    again.settle(SPEC.name)
    found = again.rows(SPEC.name, selection=Selection(), cut=Cut(as_of=START + timedelta(hours=4), commit=2**60))
    assert set(found.column("load_mw").to_pylist()) == {4.0}
    again.close()


LIMITS = TableSpec(
    name="made.limits",
    columns=(
        ColumnSpec("constraint", Dtype.TEXT, nullable=False),
        ColumnSpec("interval_start", Dtype.INSTANT, nullable=False),
        ColumnSpec("direction", Dtype.TEXT, nullable=True),
        ColumnSpec("note", Dtype.TEXT, nullable=True),
        ColumnSpec("flow_mw", Dtype.FLOAT64, nullable=False),
    ),
    key=("constraint", "interval_start"),
)
WORDS = ("to_from", "from_to", None)


def _limits(commit: int, draw: np.random.Generator) -> pa.Table:
    """Return rows whose texts and flow follow from their key, in any order, newest times first as history is made."""
    cells = {(f"LINE_{draw.integers(40)}", 3_000 - 6 * commit + int(draw.integers(60))) for _ in range(60)}
    rows = [
        {
            "constraint": line,
            "interval_start": START + timedelta(minutes=5 * step),
            "direction": WORDS[(step + len(line)) % 3],
            "note": None if step % 5 else f"{line} {step}",
            "flow_mw": float(step),
            "published_at": START + timedelta(minutes=5 * step),
            "published_by": "stamp",
            "received_at": START + timedelta(seconds=commit),
            "source": str(draw.choice(("sim", "other"))),
            "stage": "",
            "revision": commit - 1,
            "commit": commit,
            "reason": None,
            "lineage": None,
        }
        for line, step in (sorted(cells)[at] for at in draw.permutation(len(cells)))
    ]
    return pa.Table.from_pylist(rows, schema=Layout(LIMITS).arrow_schema(list(rows[0])))


def _mixed_up(rows: pa.Table) -> list[tuple[object, ...]]:
    """Return the rows whose texts are not those of their key."""
    found = []
    for row in rows.to_pylist():
        line, step = row["constraint"], round((row["interval_start"] - START) / timedelta(minutes=5))
        note = None if step % 5 else f"{line} {step}"
        if (row["direction"], row["note"], row["flow_mw"]) != (WORDS[(step + len(line)) % 3], note, float(step)):
            found.append(tuple(row.values()))
    return found


def test_reads__while_rows_come_are_sorted_and_leave_memory_never_mix_columns(tmp_path: Path) -> None:
    tables = opened(tmp_path, hot_rows_max=200, recent_rows_max=800)
    tables.define(LIMITS)
    draw, done = np.random.default_rng(5), threading.Event()
    named = Selection(within={"constraint": tuple(f"LINE_{at}" for at in range(0, 40, 3))}, limit=50)
    late = Selection(within={"direction": ("from_to",)}, limit=20)
    reads = [
        partial(tables.rows, selection=Selection(limit=5)),
        partial(tables.rows, selection=named),
        partial(tables.rows, selection=late),
        partial(tables.latest, selection=Selection()),
        partial(tables.latest, selection=Selection(within={"constraint": ("LINE_7",)})),
    ]

    def looked(read: Callable[..., pa.Table]) -> tuple[int, list[tuple[object, ...]]]:
        count, wrong = 0, []
        while not (done.is_set() and count):
            wrong += _mixed_up(read(LIMITS.name, cut=EVER))
            count += 1
        return count, wrong

    with ThreadPoolExecutor(len(reads)) as threads:
        asked = [threads.submit(looked, read) for read in reads]
        for commit in range(1, 41):
            tables.append(LIMITS.name, batch_id=str(commit), rows=_limits(commit, draw))
            if commit % 10 == 0:
                sorted_by_now(tables)  # so that the next append finds the worker free, and too many rows in memory
        done.set()
        answers = [one.result() for one in asked]
    assert [wrong for _, wrong in answers if wrong] == []
    assert not _mixed_up(tables.history(LIMITS.name, selection=Selection(), cut=EVER))
    assert tables._held[LIMITS.name].view.recent.count < tables.count(LIMITS.name, selection=Selection(), cut=EVER)
    tables.close()


def test_in_memory__tells_which_reads_ask_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tables = opened(tmp_path)
    tables.define(SPEC)
    tables.append(SPEC.name, batch_id="1", rows=batch(1, days=40))
    assert tables.in_memory(SPEC.name, since=None)
    tables.settle(SPEC.name)
    tables.close()
    tables = opened(tmp_path, recent_rows_max=40)
    newest = START + timedelta(days=39)

    def refused(*_: object) -> pa.Table:
        raise AssertionError

    monkeypatch.setattr(tables, "_fetch", refused)
    assert tables.in_memory(SPEC.name, since=newest)
    assert tables.rows(SPEC.name, selection=Selection(start=newest), cut=EVER).num_rows == 2
    for since in (START, None):
        assert not tables.in_memory(SPEC.name, since=since)
        with pytest.raises(AssertionError):
            tables.rows(SPEC.name, selection=Selection(start=since), cut=EVER)
    tables.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    with disks.small(folder, size=DISK_SIZE):
        yield folder


def test_append__on_a_full_disk_is_refused_whole_and_goes_on_when_there_is_room(small_disk: Path) -> None:
    tables = opened(small_disk)
    tables.define(SPEC)
    tables.append(SPEC.name, batch_id="1", rows=batch(1, DAYS_OF_MANY))
    before = tables.history(SPEC.name, selection=Selection(), cut=EVER)

    with disks.filled_up(small_disk):
        for _ in range(2):
            with pytest.raises(faults.EngineFullError, match="free some space"):
                tables.append(SPEC.name, batch_id="2", rows=batch(2, DAYS_OF_MANY))
        assert tables.history(SPEC.name, selection=Selection(), cut=EVER) == before
        assert tables.position(SPEC.name) == 1

    assert tables.append(SPEC.name, batch_id="2", rows=batch(2, DAYS_OF_MANY)) is True
    after = tables.history(SPEC.name, selection=Selection(), cut=EVER)
    assert after.num_rows == 2 * before.num_rows
    tables.close()
    again = opened(small_disk)
    assert again.history(SPEC.name, selection=Selection(), cut=EVER) == after
    assert again.append(SPEC.name, batch_id="2", rows=batch(2, DAYS_OF_MANY)) is False
    again.close()


def test_upkeep__on_a_full_disk_leaves_everything_readable_and_is_done_later(small_disk: Path) -> None:
    tables = opened(small_disk)
    tables.define(SPEC)
    for commit in (1, 2):
        tables.append(SPEC.name, batch_id=str(commit), rows=batch(commit, DAYS_OF_MANY))
    tables.close()
    tables = opened(small_disk, recent_rows_max=0)  # only now: an append would begin upkeep while the disk fills
    before = tables.history(SPEC.name, selection=Selection(), cut=EVER)

    with disks.filled_up(small_disk):
        with pytest.raises(faults.EngineFullError):
            tables.settle(SPEC.name)
        assert tables.history(SPEC.name, selection=Selection(), cut=EVER) == before

    tables.settle(SPEC.name)
    assert tables.history(SPEC.name, selection=Selection(), cut=EVER) == before
    tables.close()


def test_tables__that_duckdb_gave_up_on_are_opened_anew(small_disk: Path) -> None:
    tables = opened(small_disk, recent_rows_max=0)
    tables.define(SPEC)
    tables.append(SPEC.name, batch_id="1", rows=batch(1, DAYS_OF_MANY))
    tables.settle(SPEC.name)
    tables.append(SPEC.name, batch_id="2", rows=batch(2, DAYS_OF_MANY))
    before = tables.history(SPEC.name, selection=Selection(), cut=EVER)

    sorted_by_now(tables)
    tables._file.cursor().execute("create table unwritten (x double)")
    for _ in range(10):
        tables._file.cursor().execute("insert into unwritten select random() from range(50_000)")
    with disks.filled_up(small_disk), pytest.raises(duckdb.FatalException):
        tables._file.cursor().execute("checkpoint")
    with pytest.raises(duckdb.FatalException, match="invalidated"):
        tables._file.cursor().execute("select 1")

    assert tables.history(SPEC.name, selection=Selection(), cut=EVER) == before
    assert tables.append(SPEC.name, batch_id="3", rows=batch(3, DAYS_OF_MANY)) is True
    assert tables.history(SPEC.name, selection=Selection(), cut=EVER).num_rows == before.num_rows // 2 * 3
    tables.close()
