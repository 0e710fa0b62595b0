"""How soon the command line answers, and how much memory a desk with the simulated market holds.

Cold means a new process with compiled files present. Memory is the resident set of `up` with its child processes, at
its highest during the first start's two days of history and a minute after. Peer: an interpreter that imports pyarrow
and duckdb and does nothing.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from harness import Measurement

if TYPE_CHECKING:
    from collections.abc import Iterator

SUBJECT = "start_up"
RUNS = 7
LONGEST_S = 240
AFTER_S = 75
PEER = "python -c 'import pyarrow, duckdb'"


def measure() -> Iterator[Measurement]:
    """Yield seconds to import and to help, then megabytes."""
    program = str(Path(sys.executable).with_name("powerdesk"))
    peer = _seconds([sys.executable, "-c", "import pyarrow, duckdb"])
    cases = {
        "import powerdesk.app": ([sys.executable, "-c", "import powerdesk.app"], 0.6),
        "import powerdesk.app.desk and gateway": (
            [sys.executable, "-c", "import powerdesk.app.desk, powerdesk.app.gateway"],
            None,
        ),
        "powerdesk --help": ([program, "--help"], 0.4),
    }
    for case, (command, target) in cases.items():
        yield Measurement(case=case, values=_seconds(command), unit="s", peer=PEER, peer_values=peer, target=target)
    highest, settled = _memory(program)
    yield Measurement(case="resident memory, highest of the first start", values=(highest,), unit="MB", target=400.0)
    yield Measurement(case="resident memory, settled", values=(settled,), unit="MB", target=400.0)


def _seconds(command: list[str]) -> tuple[float, ...]:
    taken = []
    for number in range(RUNS + 1):
        began = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        if number:
            taken.append(time.perf_counter() - began)
    return tuple(taken)


def _memory(program: str) -> tuple[float, float]:
    """Return the highest and the settled resident megabytes of a desk and its children."""
    pause = threading.Event()
    with tempfile.TemporaryDirectory() as folder:
        command = [program, "up", "--data", folder, "--port", "0", "--feeds", "sim", "--no-browser"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as desk:
            try:
                highest, complete_at = 0.0, None
                began = time.monotonic()
                while time.monotonic() - began < LONGEST_S:
                    highest = max(highest, _resident_mb(desk.pid))
                    if complete_at is None and _history_made(Path(folder)):
                        complete_at = time.monotonic()
                    if complete_at is not None and time.monotonic() - complete_at > AFTER_S:
                        return highest, _resident_mb(desk.pid)
                    pause.wait(0.25)
            finally:
                desk.terminate()
    raise SystemExit("the desk did not make its history in time")


def _resident_mb(pid: int) -> float:
    total = 0
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        for one in (process, *process.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                total += one.memory_info().rss
    return total / 2**20


def _history_made(folder: Path) -> bool:
    """Read the feed's own cursor: history is made when nothing of it is left."""
    path = folder / "objects" / "feeds" / "sim" / "cursor.json"
    with contextlib.suppress(OSError, ValueError, KeyError):
        cursor = json.loads(path.read_text(encoding="utf-8"))
        return bool(cursor["history_end"] <= cursor["history_start"])
    return False
