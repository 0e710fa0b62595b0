"""What is the process pool's own in Compute: lazy, one BLAS thread, survives a killed worker, ends with its parent.

Run as a program it is the parent that gets killed: it prints the id of its worker and waits.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import psutil
import pytest

from powerdesk.engines.embedded import compute as embedded
from powerdesk.engines.ports import compute as port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future


@pytest.fixture
def compute() -> Iterator[embedded.ProcessCompute]:
    opened = embedded.ProcessCompute(workers=1)
    yield opened
    opened.shutdown()


def test_pool__starts_when_first_needed_and_grows_with_the_calls() -> None:
    before = len(psutil.Process().children())
    opened = embedded.ProcessCompute(workers=4)
    assert len(psutil.Process().children()) == before
    assert opened.submit(os.getpid).result(timeout=60) != os.getpid()
    assert len(psutil.Process().children()) == before + 1
    waiting: list[Future[object]] = [opened.submit(select.select, [], [], [], 0.2) for _ in range(4)]
    assert len([future.result(timeout=60) for future in waiting]) == 4
    assert len(psutil.Process().children()) == before + 4
    opened.shutdown()


def test_workers__run_blas_on_one_thread(compute: embedded.ProcessCompute) -> None:
    for name in embedded.THREAD_SETTINGS:
        assert compute.submit(os.getenv, name).result(timeout=60) == "1"  # noqa: TID251 - read in the worker
    threads_code = (
        "__import__('numpy').ones((300, 300)) @ __import__('numpy').ones((300, 300)) is None "
        "or __import__('psutil').Process().num_threads()"
    )
    assert compute.submit(eval, threads_code).result(timeout=60) <= 3


def test_killed_worker__fails_its_calls_plainly_and_is_replaced(compute: embedded.ProcessCompute) -> None:
    pid = compute.submit(os.getpid).result(timeout=60)
    with pytest.raises(port.ComputeCrashedError, match="worker process died"):
        compute.submit(os._exit, 9).result(timeout=60)
    assert compute.submit(os.getpid).result(timeout=60) != pid


def test_workers__end_when_their_parent_was_killed() -> None:
    parent = subprocess.Popen([sys.executable, __file__], stdout=subprocess.PIPE, text=True)  # noqa: S603 - this file
    with parent:
        assert parent.stdout is not None
        worker = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    gone, alive = psutil.wait_procs([worker], timeout=20)
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
        first = pool.submit(os.getpid).result(timeout=60)
        ended = threading.Event()
        for _ in range(600):
            if not psutil.pid_exists(first):
                break
            ended.wait(0.05)
        assert not psutil.pid_exists(first)
        assert pool.submit(os.getpid).result(timeout=60) != first
    finally:
        pool.shutdown()
