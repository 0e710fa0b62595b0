"""The contract of Compute. Another engine joins by one line in OPENERS."""

from __future__ import annotations

import math
import operator
import os
import pickle
import select
from typing import TYPE_CHECKING

import pytest

from powerdesk.engines.embedded import compute as embedded
from powerdesk.engines.ports.compute import ComputeCrashedError
from servers import needed
from servers.dask import Dask
from servers.waiting import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from powerdesk.engines.ports.compute import Compute


def open_processes() -> Compute:
    return embedded.ProcessCompute(workers=2)


def open_dask() -> Compute:
    from powerdesk.engines.scaled import compute as scaled  # noqa: PLC0415 - an extra that a laptop may lack

    return scaled.DaskCompute(needed.needed(Dask).url)


OPENERS = {"processes": open_processes, "dask": open_dask}
ENGINES = ("processes", pytest.param("dask", marks=pytest.mark.services))


@pytest.fixture(params=ENGINES, scope="module")
def compute(request: pytest.FixtureRequest) -> Iterator[Compute]:
    opened = OPENERS[request.param]()
    yield opened
    opened.shutdown()


def test_submit__returns_the_results_of_many_calls(compute: Compute) -> None:
    waiting = [compute.submit(math.factorial, n) for n in range(20)]
    assert [future.result(timeout=PATIENCE_S) for future in waiting] == [math.factorial(n) for n in range(20)]


def test_submit__passes_keyword_arguments(compute: Compute) -> None:
    assert compute.submit(int, "ff", base=16).result(timeout=PATIENCE_S) == 255


def test_submit__hands_on_the_exception_of_the_call(compute: Compute) -> None:
    with pytest.raises(ZeroDivisionError):
        compute.submit(operator.truediv, 1, 0).result(timeout=PATIENCE_S)


def test_submit__what_cannot_travel_fails_in_its_future_only(compute: Compute) -> None:
    with pytest.raises((TypeError, AttributeError, pickle.PicklingError), match=r"(?i)pickle|serialize"):
        compute.submit(list, (n for n in range(3))).result(timeout=PATIENCE_S)
    assert compute.submit(int, "1").result(timeout=PATIENCE_S) == 1


def test_submit__runs_blas_on_one_thread(compute: Compute) -> None:
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        assert compute.submit(os.getenv, name).result(timeout=PATIENCE_S) == "1"  # noqa: TID251 - the worker's environment


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs a pipe with a name")
def test_cancel__takes_back_a_call_that_waits(compute: Compute, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    waiting = [compute.submit(os.open, gate, os.O_RDONLY) for _ in range(6)]  # until somebody opens it to write
    assert waiting[-1].cancel()
    assert waiting[-1].cancelled()
    writing = os.open(gate, os.O_RDWR)
    assert all(future.result(timeout=PATIENCE_S) > 0 for future in waiting[:-1])
    os.close(writing)


def test_submit__a_worker_that_dies_fails_its_call_and_no_later_one(compute: Compute) -> None:
    with pytest.raises(ComputeCrashedError):
        compute.submit(os._exit, 1).result(timeout=PATIENCE_S)
    assert compute.submit(int, "1").result(timeout=PATIENCE_S) == 1


@pytest.mark.parametrize("engine", ENGINES)
def test_shutdown__finishes_what_runs_and_refuses_more(engine: str) -> None:
    opened = OPENERS[engine]()
    running = opened.submit(select.select, [], [], [], 0.2)
    opened.shutdown()
    assert running.result(timeout=0) == ([], [], [])
    with pytest.raises(RuntimeError, match="after shutdown"):
        opened.submit(int, "1")
