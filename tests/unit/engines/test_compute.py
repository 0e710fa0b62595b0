"""What is the process pool's own in Compute: lazy, one BLAS thread, survives a killed worker, ends with its parent.

Run as a program it is the parent that gets killed: it prints the id of its worker and waits.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import psutil
import pytest

from powerdesk.engines.embedded import compute as embedded
from powerdesk.engines.ports import compute as port
from servers.waiting import PATIENCE_S, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def compute() -> Iterator[embedded.ProcessCompute]:
    opened = embedded.ProcessCompute(workers=1)
    yield opened
    opened.shutdown()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs a pipe with a name")
def test_pool__starts_when_first_needed_and_grows_with_the_calls(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    others = set(psutil.Process().children())

    def workers() -> int:
        return len(set(psutil.Process().children()) - others)

    opened = embedded.ProcessCompute(workers=4, idle_s=3600.0)  # a busy machine may start one in more than IDLE_S
    assert workers() == 0
    assert opened.submit(os.getpid).result(timeout=PATIENCE_S) != os.getpid()
    assert workers() == 1
    waiting = [opened.submit(os.open, gate, os.O_RDONLY) for _ in range(4)]  # until somebody opens it to write
    until(lambda: workers() == 4, what="a process for each call")
    writing = os.open(gate, os.O_RDWR)
    assert all(future.result(timeout=PATIENCE_S) > 0 for future in waiting)
    os.close(writing)
    assert workers() == 4
    opened.shutdown()


def test_workers__run_blas_on_one_thread(compute: embedded.ProcessCompute) -> None:
    for name in embedded.THREAD_SETTINGS:
        assert compute.submit(os.getenv, name).result(timeout=PATIENCE_S) == "1"  # noqa: TID251 - read in the worker
    threads_code = (
        "__import__('numpy').ones((300, 300)) @ __import__('numpy').ones((300, 300)) is None "
        "or __import__('psutil').Process().num_threads()"
    )
    assert compute.submit(eval, threads_code).result(timeout=PATIENCE_S) <= 3


def test_killed_worker__fails_its_calls_plainly_and_is_replaced(compute: embedded.ProcessCompute) -> None:
    pid = compute.submit(os.getpid).result(timeout=PATIENCE_S)
    with pytest.raises(port.ComputeCrashedError, match="worker process died"):
        compute.submit(os._exit, 9).result(timeout=PATIENCE_S)
    assert compute.submit(os.getpid).result(timeout=PATIENCE_S) != pid


def test_workers__end_when_their_parent_was_killed() -> None:
    paths = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}  # noqa: TID251 - for a program of its own
    parent = subprocess.Popen([sys.executable, __file__], stdout=subprocess.PIPE, text=True, env=paths)  # noqa: S603 - this file
    with parent:
        assert parent.stdout is not None
        worker = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    gone, alive = psutil.wait_procs([worker], timeout=PATIENCE_S)
    assert (len(gone), len(alive)) == (1, 0)


def main() -> None:
    opened = embedded.ProcessCompute(workers=1)
    sys.stdout.write(f"{opened.submit(os.getpid).result()}\n")
    sys.stdout.flush()
    threading.Event().wait()


if __name__ == "__main__":
    main()


def test_processes__end_when_idle_and_start_again_with_the_next_call() -> None:
    pool = embedded.ProcessCompute(workers=1, idle_s=0.05)
    try:
        first = pool.submit(os.getpid).result(timeout=PATIENCE_S)
        until(lambda: not psutil.pid_exists(first), what="the idle process's end")
        assert pool.submit(os.getpid).result(timeout=PATIENCE_S) != first
    finally:
        pool.shutdown()
