"""A desk whose clock is set back by an hour, while it runs and between two starts."""

from __future__ import annotations

import contextlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from running_desk import HandClock, prices, running

from powerdesk.engines.ports.jobs import JobSpec
from servers.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from running_desk import RunningDesk

HOUR = timedelta(hours=1)
TICKING = JobSpec("ticking", cron="* * * * *")
BUMP = 5.0


@contextlib.contextmanager
def set_back(folder: Path, *, between: bool) -> Iterator[RunningDesk]:
    """Yield a desk that took in prices at noon and whose clock says eleven, opened again then or not."""
    clock = HandClock()
    with ticking(folder, clock) as served:
        served.accept(prices("SIM", "A", hours=12))
        if not between:
            clock.move(-HOUR)
            yield served
    if between:
        clock.move(-HOUR)
        with ticking(folder, clock) as served:
            yield served


@contextlib.contextmanager
def ticking(folder: Path, clock: HandClock) -> Iterator[RunningDesk]:
    """Yield a desk with a job of every minute."""
    with running(folder, clock=clock) as served:
        served.desk.engines.jobs.define(TICKING, lambda _: "")
        yield served


def read(served: RunningDesk, **params: Any) -> list[float]:
    found = served.operator().get("/v1/datasets/markets.prices/rows", params={"market": "SIM", **params}).json()
    return list(found["columns"]["energy_per_mwh"])


@pytest.mark.parametrize("between", [False, True])
def test_a_clock_set_back__hides_nothing_and_lets_the_later_word_win(tmp_path: Path, *, between: bool) -> None:
    with set_back(tmp_path / "data", between=between) as served:
        before = read(served)
        served.accept(prices("SIM", "A", hours=12, bump=BUMP))
        after = {knowledge: read(served, knowledge=knowledge) for knowledge in ("published", "received")}
        served.clock.move(3 * HOUR)  # caught up, and set forth again
        later = read(served)
    assert len(before) == 12
    assert after == {"published": later, "received": later}
    assert later == [price + BUMP for price in before]


@pytest.mark.parametrize("between", [False, True])
def test_a_clock_set_back__leaves_schedules_running(tmp_path: Path, *, between: bool) -> None:
    with set_back(tmp_path / "data", between=between) as served:
        assert not served.desk.engines.jobs.history(name=TICKING.name)
        served.desk.clock.now()
        served.clock.move(timedelta(minutes=2, seconds=1))
        until(lambda: served.desk.engines.jobs.history(name=TICKING.name), what="the next minute, at half pace")
