"""pandas stays out of a process that does not ask for it, and comes when asked."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(importlib.util.find_spec("pandas") is None, reason="pandas is not installed")

USE_ARROW = """
import datetime, sys
{before}
import pyarrow as pa
import pyarrow.compute, pyarrow.parquet
import duckdb
stamps = pa.array([datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)], pa.timestamp("us", tz="UTC"))
table = pa.table({{"at": stamps, "mw": [1.5], "name": ["a"]}})
connection = duckdb.connect()
connection.register("given", table)
connection.sql("select * from given where mw > 1").to_arrow_table().to_pylist()
table.group_by("name").aggregate([("mw", "sum")])
print("pandas" in sys.modules)
"""
LEAVE_OUT = "from powerdesk.engines.lean_arrow import without_pandas; without_pandas()"


def _run(program: str) -> str:
    return subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout  # noqa: S603 - our own program


def test_arrow_and_duckdb__work_without_loading_pandas() -> None:
    assert _run(USE_ARROW.format(before="")).strip() == "True"
    assert _run(USE_ARROW.format(before=LEAVE_OUT)).strip() == "False"


def test_pandas__comes_to_whoever_asks_for_it_afterwards() -> None:
    program = LEAVE_OUT + "; import pandas, pyarrow as pa; pa.Table.from_pandas(pandas.DataFrame({'mw': [1.0]}))"
    assert not _run(program)


def test_what_is_loaded_already__is_left_alone() -> None:
    program = "import pandas; " + LEAVE_OUT + "; import sys; print('pandas' in sys.modules)"
    assert _run(program).strip() == "True"
