"""A real S3 server that dies and stalls under load."""

from __future__ import annotations

import hashlib
import threading
from typing import TYPE_CHECKING

import psutil
import pytest

from powerdesk.engines.ports import faults
from powerdesk.engines.ports.objects import ObjectMissingError
from powerdesk.engines.scaled import objects_address
from powerdesk.engines.scaled.objects import S3Objects
from servers import needed
from servers.minio import Minio
from servers.waiting import PATIENCE_S, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from powerdesk.engines.ports.objects import Objects

pytestmark = [pytest.mark.services, pytest.mark.slow]
STALL_S = 10.0
MEGABYTES_MAX = 200
FEW = 4
"""Threads that the library may start once; a thread for each of the calls that are given up would be more."""


@pytest.fixture
def server() -> Iterator[Minio]:
    with needed.own(Minio) as running:
        yield running


def opened(server: Minio, *, timeout_s: float = 10.0) -> Objects:
    address = objects_address.parse(f"{server.make_bucket('faults')}&timeout_s={timeout_s:g}")
    return S3Objects(address, user=objects_address.BucketUser(server.access_key, server.secret_key))


def blob(name: str, number: int) -> bytes:
    """Return content that tells which it is; every tenth goes up in parts."""
    seed = hashlib.sha256(f"{name}/{number}".encode()).digest()
    return seed * (300_000 if number % 10 == 9 else 300)


class Putting:
    """Puts numbered blobs until told to stop, each again until it is acknowledged."""

    def __init__(self, store: Objects, name: str) -> None:
        self.name = name
        self.acknowledged = 0
        self.problems: list[faults.EngineUnavailableError] = []
        self.stop = threading.Event()
        self._store = store
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        while not self.stop.is_set():
            try:
                self._store.put(f"{self.name}/{self.acknowledged}", blob(self.name, self.acknowledged))
                self.acknowledged += 1
            except faults.EngineUnavailableError as problem:
                self.problems.append(problem)
                self.stop.wait(0.05)


def more(putting: list[Putting], count: int) -> None:
    """Wait until each has put `count` more."""
    goals = [one.acknowledged + count for one in putting]
    until(lambda: all(one.acknowledged >= goal for one, goal in zip(putting, goals, strict=True)), what="load")


def proved(store: Objects, putting: list[Putting]) -> None:
    """Stop, and fail unless exactly the blobs that were put are there, whole; the last one of each may be."""
    for one in putting:
        one.stop.set()
        one.thread.join(PATIENCE_S)
        assert not one.thread.is_alive()
        names = {f"{one.name}/{number}" for number in range(one.acknowledged)}
        assert names <= set(store.list(f"{one.name}/")) <= names | {f"{one.name}/{one.acknowledged}"}
        for number in range(one.acknowledged):
            assert store.get(f"{one.name}/{number}") == blob(one.name, number)


def test_kill__in_mid_load_loses_nothing_acknowledged(server: Minio) -> None:
    store = opened(server)
    putting = [Putting(store, f"p{n}") for n in range(4)]
    for _ in range(3):
        more(putting, 12)
        server.kill()
        server.start()
    more(putting, 12)

    proved(store, putting)


def test_down__says_so_in_time_and_comes_back_without_opening_again(server: Minio) -> None:
    store = opened(server, timeout_s=2.0)
    store.put("a/b", b"1")
    server.kill()

    for use in (
        lambda: store.put("a/c", b"2"),
        lambda: store.get("a/b"),
        lambda: store.stream("a/b"),
        lambda: store.exists("a/b"),
        lambda: store.delete("a/b"),
        lambda: store.list(""),
        lambda: opened(server, timeout_s=2.0),
    ):
        with pytest.raises(faults.EngineUnavailableError, match="; allowed: ") as told:
            use()
        assert server.secret_key not in str(told.value)

    server.start()
    until(lambda: _answers(store), what="the return of the objects")
    assert store.get("a/b") == b"1"
    with pytest.raises(ObjectMissingError):
        store.get("a/c")


def _answers(store: Objects) -> bool:
    try:
        return store.exists("a/b")
    except faults.EngineUnavailableError:
        return False


def test_stall__of_ten_seconds_piles_up_neither_threads_nor_memory(server: Minio) -> None:
    store = opened(server, timeout_s=3.0)
    putting = [Putting(store, f"p{n}") for n in range(8)]
    more(putting, 12)
    this = psutil.Process()
    threads, megabytes = this.num_threads(), this.memory_info().rss / 1e6
    server.pause()
    threading.Event().wait(STALL_S)
    assert this.num_threads() <= threads + FEW
    assert this.memory_info().rss / 1e6 - megabytes < MEGABYTES_MAX
    assert all(one.problems for one in putting)
    server.resume()
    more(putting, 12)

    proved(store, putting)
