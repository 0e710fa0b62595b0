"""Any server behind the roles may die or fall silent in mid-load: nothing acknowledged is lost or doubled."""

from __future__ import annotations

import contextlib
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING

import cluster
import httpx  # noqa: TID251 - the tests speak HTTP to the processes
import psutil
import pytest
import test_crash
import test_roles

from servers.clickhouse import ClickHouse
from servers.kafka import Kafka
from servers.minio import Minio
from servers.needed import needed
from servers.postgres import Postgres
from servers.redis import Redis
from servers.waiting import PATIENCE_S, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from servers.base import Server

pytestmark = [pytest.mark.services, pytest.mark.slow]
SERVERS: dict[str, tuple[type[Server], dict[str, bool]]] = {
    "tables": (ClickHouse, {}),
    "records": (Postgres, {"durable": False}),
    "objects": (Minio, {}),
    "bus": (Kafka, {}),
    "cache": (Redis, {}),
}
DOWN_S, STALL_S = 3.0, 10.0
MORE_THREADS, MORE_MB = 40, 150
PROMPT_S, SLOW = 4.0, 2
"""Seconds that an answer takes at most, and how many of ten a busy machine may take more for."""
LATEST = "/v1/datasets/markets.prices/latest?location=NYISO:WEST&market_run=DA"
_pause = threading.Event()


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[cluster.Cluster]:
    with cluster.running(tmp_path_factory.mktemp("faults")) as found:
        yield found


@pytest.fixture(scope="module")
def key(desk: cluster.Cluster) -> str:
    return made_key(desk)


def made_key(desk: cluster.Cluster) -> str:
    made = desk.operator().post("/v1/operator/keys", json={"name": "reader", "scopes": ["api"]})
    assert made.is_success, made.text
    return str(made.json()["secret"])


class Load(threading.Thread):
    """Imports one file after another until told to stop; each as often as it takes to be acknowledged."""

    def __init__(self, desk: cluster.Cluster, first: int) -> None:
        super().__init__(daemon=True)
        self.acknowledged: list[int] = []
        self.stop = threading.Event()
        self._desk = desk
        self._first = first

    def run(self) -> None:
        """Import until told to stop."""
        number = self._first
        while not self.stop.is_set():
            test_roles.imported(self._desk, number)
            self.acknowledged.append(number)
            number += 1

    def await_more(self, count: int) -> None:
        """Wait until so many more files are acknowledged."""
        wanted = len(self.acknowledged) + count
        until(lambda: len(self.acknowledged) >= wanted, what=f"acknowledging {wanted} files")


def readiness(desk: cluster.Cluster) -> tuple[int, list[str]]:
    """Return the status of the gateway's readiness and the engines it names as not well."""
    answer = httpx.get(f"{desk.roles['gateway'].url}/ready", timeout=PATIENCE_S)
    return answer.status_code, answer.json()["degraded"]


def await_readiness(desk: cluster.Cluster, status: int, degraded: list[str]) -> None:
    found: object = None

    def awaited() -> bool:
        nonlocal found
        found = readiness(desk)
        return found == (status, degraded)

    try:
        until(awaited, what=f"readiness {(status, degraded)}")
    except AssertionError as fault:
        raise AssertionError(f"{fault}; last readiness: {found}") from fault


def await_cells(desk: cluster.Cluster, key: str, numbers: list[int]) -> None:
    """Wait until the cells of the files are stored, and fail when one is there twice or with another price."""
    expected = test_crash.expected(numbers)
    reader = SimpleNamespace(client=desk.client(Authorization=f"Bearer {key}"))

    def ours() -> dict[tuple[str, str], float] | None:
        stored = test_crash.cells(reader)  # type: ignore[arg-type]  # all it asks of a desk
        found = {cell: price for cell, (price, _) in stored.items() if cell in expected}
        return found if len(found) == len(expected) else None

    assert until(ours, what=f"storing {len(expected)} cells") == expected


@pytest.mark.parametrize("port", SERVERS)
def test_a_server_killed_in_mid_load__loses_and_doubles_nothing(desk: cluster.Cluster, key: str, port: str) -> None:
    kind, options = SERVERS[port]
    server = needed(kind, **options)
    load = Load(desk, first=1000 * (1 + list(SERVERS).index(port)))
    load.start()
    load.await_more(2)
    server.kill()
    try:
        await_readiness(desk, 200 if port == "cache" else 503, [port])
        _pause.wait(DOWN_S)
    finally:
        server.start()
    await_readiness(desk, 200, [])
    load.await_more(3)
    load.stop.set()
    load.join(PATIENCE_S)
    await_cells(desk, key, load.acknowledged)


def asking(url: str, secret: str) -> None:
    """Ask once and take whatever comes."""
    with contextlib.suppress(httpx.TransportError):
        httpx.get(url, headers={"Authorization": f"Bearer {secret}"}, timeout=PATIENCE_S)


@pytest.mark.parametrize("port", SERVERS)
def test_a_server_that_stalls__piles_up_neither_threads_nor_memory(desk: cluster.Cluster, key: str, port: str) -> None:
    kind, options = SERVERS[port]
    server = needed(kind, **options)
    processes = [psutil.Process(role.running.pid) for role in desk.roles.values() if role.running is not None]
    threads = sum(each.num_threads() for each in processes)
    memory_mb = sum(each.memory_info().rss for each in processes) / 2**20
    load = Load(desk, first=1000 * (1 + list(SERVERS).index(port)) + 500)
    load.start()
    load.await_more(1)
    unknown = made_key(desk)  # not in any process's memory yet
    server.pause()
    try:
        asked = [("/ready", key), (LATEST, key), (LATEST, unknown)]
        for path, secret in asked * 8:
            threading.Thread(target=asking, args=(f"{desk.base}{path}", secret), daemon=True).start()
        slow = 0
        for _ in range(round(STALL_S)):
            try:
                assert httpx.get(f"{desk.base}/health", timeout=PROMPT_S).is_success
            except httpx.TimeoutException:
                slow += 1
            _pause.wait(1.0)
        more = sum(each.num_threads() for each in processes) - threads
    finally:
        server.resume()
    assert slow <= SLOW, "a loop that waits for a server answers nobody"
    assert more <= MORE_THREADS
    await_readiness(desk, 200, [])
    load.await_more(2)
    load.stop.set()
    load.join(PATIENCE_S)
    await_cells(desk, key, load.acknowledged)
    assert sum(each.memory_info().rss for each in processes) / 2**20 - memory_mb <= MORE_MB


def test_clocks_two_seconds_apart__reorder_nothing(tmp_path: Path) -> None:
    skews_s = {"ingest": 2.0, "stream": -2.0, "jobs": 2.0}
    numbers = list(range(9000, 9004))
    with cluster.running(tmp_path, skews_s=skews_s) as desk:
        made = desk.operator().post("/v1/operator/keys", json={"name": "listener", "scopes": ["api", "stream"]})
        listener = test_roles.Listener(desk, made.json()["secret"])
        listener.start()
        for number in numbers:
            test_roles.imported(desk, number)
        expected = test_crash.expected(numbers)
        listener.await_cells(set(expected))
        listener.stop.set()
        assert [cell for cell, _ in listener.heard] == list(dict.fromkeys(cell for cell, _ in listener.heard))
        assert dict(listener.heard) == expected
        number_of = {cell: number for number in numbers for cell in test_crash.expected([number])}
        order = [number_of[cell] for cell, _ in listener.heard]
        assert order == sorted(order), "files were heard in another order than they were accepted"
