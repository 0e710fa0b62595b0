"""What loads into a desk's processes: no solver, no scipy and no pandas where requests are answered."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from powerdesk.engines import lean_memory

if TYPE_CHECKING:
    from pathlib import Path

NOT_IN_A_DESK = frozenset(("scipy", "highspy", "clarabel", "pandas", "pygments", "matplotlib", "alembic"))
NOT_IN_A_WORKER = frozenset(
    ("duckdb", "sqlalchemy", "fastapi", "pandas", "numpy.f2py.crackfortran", "scipy.optimize", "scipy.ndimage")
)
LOADED = "import json, sys; print(json.dumps(sorted(sys.modules)))"
OPEN_A_DESK = """
import os, sys
from pathlib import Path
from powerdesk.app.cli import program
program.prepare()
from powerdesk.app import desk, engines, gateway, settings
chosen = settings.load({{"data": sys.argv[1], "feeds": "sim,caiso,nyiso"}})
chosen.data.mkdir(parents=True, exist_ok=True)
engines.make_records_apart(chosen)
{planted}
with desk.opened(chosen) as opened:
    gateway.create(opened, hub=opened.stream_hub())
"""
WORK = """
from datetime import date
from powerdesk.engines import lean_arrow, lean_imports
from powerdesk.simulation import feed, making
from powerdesk.kernel.calendars import CALENDARS
lean_arrow.lean()
lean_imports.without_tools()
day = date(2026, 3, 3)
plan = making.plan(day, seed=1)
for one in feed.day_ahead_publications(operating_day_interval=CALENDARS["SIM"].day_interval(day))[:1]:
    making.payload(one, seed=1, size=None, plan=plan)
"""
POOL = "import pyarrow, json; print(json.dumps([pyarrow.default_memory_pool().backend_name]))"


def _told(program: str, *arguments: str, **settings: str) -> frozenset[str]:
    """Run a program and return what its last line lists."""
    command = [sys.executable, "-c", program, *arguments]
    environment = {**os.environ, **settings}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return frozenset(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    ("planted", "found"),
    [("", set()), ("import highspy, scipy.sparse", {"highspy", "scipy"})],
    ids=["as it is", "planted"],
)
def test_an_open_desk__has_loaded_no_solver(tmp_path: Path, planted: str, found: set[str]) -> None:
    loaded = _told(OPEN_A_DESK.format(planted=planted) + LOADED, str(tmp_path / "desk"))
    assert {"duckdb", "pyarrow", "fastapi", "powerdesk.simulation.feed"} <= loaded
    assert loaded & NOT_IN_A_DESK == found


def test_a_worker_of_the_simulated_market__loads_what_it_computes_with_and_no_more() -> None:
    loaded = _told(WORK + LOADED)
    assert {"scipy.sparse", "highspy", "powerdesk.grid.clearing.session"} <= loaded
    assert not loaded & NOT_IN_A_WORKER


def test_choosing__lets_arrow_take_the_system_s_allocator_and_leaves_a_choice_alone() -> None:
    settings: dict[str, str] = {}
    lean_memory.choose(settings)
    assert _told(POOL, **settings) == {"system"}
    chosen = {"ARROW_DEFAULT_MEMORY_POOL": "mimalloc"}
    lean_memory.choose(chosen)
    assert chosen["ARROW_DEFAULT_MEMORY_POOL"] == "mimalloc"


def test_trimming__after_growth_leaves_what_is_in_use() -> None:
    trim = lean_memory.Trim()
    held = [bytes([n % 256]) * 1000 for n in range(20_000)]
    trim.after_growth()
    assert [one[0] for one in held[:3]] == [0, 1, 2]
