"""The DuckDB adapter: crashes during upkeep, a second process, sorting in the background."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from powerdesk.engines.embedded.objects import LocalObjects
from powerdesk.engines.embedded.tables import DuckTables
from powerdesk.engines.ports import faults
from powerdesk.engines.ports.tables import ColumnSpec, Cut, Selection, TableSpec
from powerdesk.kernel.dtypes import Dtype

if TYPE_CHECKING:
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
CRASHING = """
import os, sys
from datetime import UTC, datetime
from pathlib import Path
from powerdesk.engines.embedded.objects import LocalObjects
from powerdesk.engines.embedded.tables import DuckTables
folder, step, work = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
on_step = lambda reached: os._exit(9) if reached == step else None
tables = DuckTables(folder / "hot.duckdb", LocalObjects(folder / "objects"), on_step=on_step)
if work == "seal":
    tables.seal("made.loads", before=datetime(2025, 3, 5, tzinfo=UTC))
else:
    tables.settle("made.loads")
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
    tables.close()

    again = opened(tmp_path)
    assert len([part for part in again._held[SPEC.name].view.parts if part.is_sorted]) >= 1
    assert again.history(SPEC.name, selection=Selection(), cut=EVER).num_rows == 800
    again.settle(SPEC.name)
    found = again.rows(SPEC.name, selection=Selection(), cut=Cut(as_of=START + timedelta(hours=4), commit=2**60))
    assert set(found.column("load_mw").to_pylist()) == {4.0}
    again.close()
