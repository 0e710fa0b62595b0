"""Fetching: outcomes, budgets, manners, and hosts that do not answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest
from simulated_iso import Fault, IsoServer

from powerdesk.markets import fetching, hosts
from powerdesk.markets.connectors.caiso import fetch as caiso_fetch
from powerdesk.markets.connectors.nyiso import fetch as nyiso_fetch
from powerdesk.markets.types import Outcome, Request
from servers import base
from servers.waiting import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Iterator

START = datetime(2026, 11, 3, 12, tzinfo=UTC)
FILE = "/public/csv/damlbmp/20261102damlbmp_zone.csv"


@dataclass
class HandClock:
    """Moves only when somebody waits."""

    instant: datetime = START

    def now(self) -> datetime:
        """Return where the hands stand."""
        return self.instant

    def monotonic_s(self) -> float:
        """Return seconds since the start."""
        return (self.instant - START) / timedelta(seconds=1)

    def wait(self, seconds: float) -> bool:
        """Move the hands."""
        self.instant += timedelta(seconds=seconds)
        return False


@pytest.fixture
def iso() -> Iterator[IsoServer]:
    with IsoServer() as server:
        yield server


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def fetcher(clock: HandClock) -> Iterator[fetching.Fetcher]:
    made = fetching.Fetcher(
        clock=clock,
        hosts=hosts.Hosts(clock=clock, seconds_per_request={"127.0.0.1": 5.0}),
        wait=clock.wait,
        jitter=np.random.default_rng(3),
        limits=fetching.Limits(connect_s=PATIENCE_S, read_s=PATIENCE_S, total_s=5, max_bytes=200_000, attempts=3),
    )
    yield made
    made.close()


def get(fetcher: fetching.Fetcher, iso: IsoServer, path: str = FILE) -> object:
    return nyiso_fetch.fetch(fetcher, Request("nyiso", "da-prices", iso.base_url + path))


@pytest.mark.parametrize(
    ("fault", "outcome", "attempts"),
    [
        (None, Outcome.OK, 1),
        (Fault.MISSING_FILE, Outcome.NOT_YET, 1),
        (Fault.UNAVAILABLE, Outcome.TRANSIENT, 3),
        (Fault.THROTTLE_TEXT, Outcome.THROTTLED, 3),
        (Fault.THROTTLE_200, Outcome.THROTTLED, 3),
        (Fault.HTML, Outcome.TRANSIENT, 3),
    ],
)
def test_outcome__is_told_by_content_and_status(
    fetcher: fetching.Fetcher, iso: IsoServer, fault: Fault | None, outcome: Outcome, attempts: int
) -> None:
    if fault is not None:
        iso.inject(fault, times=3)
    fetched = get(fetcher, iso)
    assert (fetched.outcome, fetched.attempts, len(iso.requests)) == (outcome, attempts, attempts)
    assert bool(fetched.payload) == (outcome is Outcome.OK)


def test_a_passing_fault__is_outlasted(fetcher: fetching.Fetcher, iso: IsoServer) -> None:
    iso.inject(Fault.UNAVAILABLE)
    iso.inject(Fault.THROTTLE_HTML)
    fetched = get(fetcher, iso)
    assert (fetched.outcome, fetched.attempts) == (Outcome.OK, 3)


def test_requests_to_one_host__keep_its_spacing(fetcher: fetching.Fetcher, iso: IsoServer, clock: HandClock) -> None:
    for _ in range(4):
        assert get(fetcher, iso).outcome is Outcome.OK
    assert clock.instant - START == timedelta(seconds=15)


def test_a_throttled_host__is_left_alone_as_long_as_it_asks(
    fetcher: fetching.Fetcher, iso: IsoServer, clock: HandClock
) -> None:
    iso.inject(Fault.THROTTLE_TEXT)
    fetched = get(fetcher, iso)
    assert (fetched.outcome, fetched.attempts) == (Outcome.OK, 2)
    assert clock.instant - START >= timedelta(seconds=5)


def test_a_large_body__is_cut_off(fetcher: fetching.Fetcher, iso: IsoServer) -> None:
    fetched = get(fetcher, iso, "/public/csv/realtime/20261102realtime_zone.csv")
    assert (fetched.outcome, fetched.payload) == (Outcome.SCHEMA, b"")
    assert "more than 200000 bytes" in fetched.detail


def test_a_host_that_does_not_answer__is_left_alone_then_tried_again(
    fetcher: fetching.Fetcher, clock: HandClock
) -> None:
    request = Request("nyiso", "da-prices", f"http://127.0.0.1:{base.free_port()}{FILE}")
    first = nyiso_fetch.fetch(fetcher, request)
    assert (first.outcome, first.attempts) == (Outcome.TRANSIENT, 3)
    assert first.retry_after_s == 30.0
    closed = nyiso_fetch.fetch(fetcher, request)
    assert closed.attempts == 0
    assert closed.detail == f"{first.detail} (unreachable since 2026-11-03T12:00:00Z)"
    assert first.detail.startswith("ConnectError: ")
    assert closed.retry_after_s is not None
    clock.wait(closed.retry_after_s)
    assert nyiso_fetch.fetch(fetcher, request).attempts > 0
    state = fetcher.hosts.state("127.0.0.1")
    assert state.failures > 3
    assert state.next_try_at is not None


def test_oasis_refusals__are_read_inside_the_zip(fetcher: fetching.Fetcher, iso: IsoServer) -> None:
    iso.inject(Fault.OASIS_1014)
    request = Request("caiso", "da-prices", iso.base_url + "/oasisapi/SingleZip", (("queryname", "PRC_LMP"),))
    fetched = caiso_fetch.fetch(fetcher, request)
    assert (fetched.outcome, fetched.detail) == (Outcome.EXPIRED, "OASIS 1014: refused for the test")


def test_hosts__share_one_bucket_between_threads(clock: HandClock) -> None:
    shared = hosts.Hosts(clock=clock, seconds_per_request={"x": 5.0})
    assert [shared.reserve("x") for _ in range(3)] == [0.0, 5.0, 10.0]
    assert shared.reserve("y") == 0.0
    shared.hold("y", seconds=30)
    assert shared.reserve("y") == 30.0
