"""The main job over four processes on real servers, behind one port; any of them may die in mid-stream."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import cluster
import httpx  # noqa: TID251 - the tests speak HTTP to the processes
import pytest
import test_crash

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.services, pytest.mark.slow, pytest.mark.timeout(600)]
TRIES = 40


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[cluster.Cluster]:
    with cluster.running(tmp_path_factory.mktemp("roles")) as found:
        yield found


def imported(desk: cluster.Cluster, number: int) -> dict[str, Any]:
    """Import one day's file by way of the visible port's gateway, as often as it takes to be acknowledged."""
    pause = threading.Event()
    for _ in range(TRIES):
        with desk.operator() as client:
            try:
                answer = client.post(
                    "/v1/imports/nyiso", params={"name": f"{number}.csv"}, content=test_crash.payload(number)
                )
            except httpx.TransportError:
                pause.wait(0.5)
                continue
            if answer.is_success:
                made: dict[str, Any] = answer.json()["files"][0]
                return made
        pause.wait(0.5)
    raise AssertionError(answer.text)


def test_the_main_job__goes_through_all_roles_and_one_port(desk: cluster.Cluster) -> None:
    assert desk.client().get("/health").json() == {"status": "ok"}
    made = imported(desk, 1)
    assert made["new"] == 24 * len(test_crash.ZONES)
    found = test_crash.cells(desk.operator())
    assert {cell: price for cell, (price, _) in found.items()} == test_crash.expected([1])
