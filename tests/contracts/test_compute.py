"""The contract of Compute. Another engine joins by one line in OPENERS."""

from __future__ import annotations

import math
import operator
import pickle
from typing import TYPE_CHECKING

import pytest

from powerdesk.engines.embedded import compute as embedded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from powerdesk.engines.ports.compute import Compute


def open_processes() -> Compute:
    return embedded.ProcessCompute(workers=2)


OPENERS = {"processes": open_processes}


@pytest.fixture(params=sorted(OPENERS), scope="module")
def compute(request: pytest.FixtureRequest) -> Iterator[Compute]:
    opened = OPENERS[request.param]()
    yield opened
    opened.shutdown()


def test_submit__returns_the_results_of_many_calls(compute: Compute) -> None:
    waiting = [compute.submit(math.factorial, n) for n in range(20)]
    assert [future.result(timeout=60) for future in waiting] == [math.factorial(n) for n in range(20)]


def test_submit__passes_keyword_arguments(compute: Compute) -> None:
    assert compute.submit(int, "ff", base=16).result(timeout=60) == 255


def test_submit__hands_on_the_exception_of_the_call(compute: Compute) -> None:
    with pytest.raises(ZeroDivisionError):
        compute.submit(operator.truediv, 1, 0).result(timeout=60)


def test_submit__what_cannot_travel_fails_in_its_future_only(compute: Compute) -> None:
    with pytest.raises((TypeError, AttributeError, pickle.PicklingError), match=r"(?i)pickle|lambda"):
        compute.submit(lambda: 1).result(timeout=60)
    assert compute.submit(int, "1").result(timeout=60) == 1


@pytest.mark.parametrize("engine", sorted(OPENERS))
def test_shutdown__refuses_more(engine: str) -> None:
    opened = OPENERS[engine]()
    opened.shutdown()
    with pytest.raises(RuntimeError, match="after shutdown"):
        opened.submit(int, "1")
