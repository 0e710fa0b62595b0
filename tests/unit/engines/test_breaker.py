"""The breaker before servers that may go away."""

from __future__ import annotations

import threading

from powerdesk.engines.scaled.breaker import Breaker
from servers.waiting import PATIENCE_S


class Seconds:
    """Stand still until moved."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        """Return the instant."""
        return self.now_s


def test_breaker__closed_lets_everybody_try() -> None:
    breaker = Breaker(Seconds(), rest_s=1.0)
    assert all(breaker.allows() for _ in range(3))
    assert not breaker.is_open
    assert breaker.worked() is False


def test_breaker__open_refuses_for_its_rest_then_lets_one_try_at_a_time() -> None:
    seconds = Seconds()
    breaker = Breaker(seconds, rest_s=1.0)
    assert breaker.failed() is True
    assert breaker.failed() is False
    seconds.now_s = 0.9
    assert not breaker.allows()
    seconds.now_s = 1.0
    assert [breaker.allows() for _ in range(3)] == [True, False, False]
    seconds.now_s = 2.0
    assert [breaker.allows() for _ in range(3)] == [True, False, False]


def test_breaker__closes_when_a_try_worked_and_says_so_once() -> None:
    seconds = Seconds()
    breaker = Breaker(seconds, rest_s=1.0)
    breaker.failed()
    assert [breaker.worked(), breaker.worked()] == [True, False]
    assert breaker.allows()


def test_breaker__of_many_threads_lets_one_through_each_rest() -> None:
    seconds = Seconds()
    breaker = Breaker(seconds, rest_s=1.0)
    breaker.failed()
    seconds.now_s = 1.0
    allowed: list[bool] = []
    start = threading.Barrier(8)

    def ask() -> None:
        start.wait(timeout=PATIENCE_S)
        allowed.append(breaker.allows())

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(allowed) == 1
