"""The main job over four processes on real servers, behind one port; any of them may die in mid-stream."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import cluster
import httpx  # noqa: TID251 - the tests speak HTTP to the processes
import pytest
import test_crash

from powerdesk.app import roles
from servers import base

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.services, pytest.mark.slow, pytest.mark.timeout(600)]
TRIES, PAUSE_S, PATIENCE_S = 120, 0.5, 90.0
FILES_BEFORE, FILES_AFTER = 3, 3
_pause = threading.Event()


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[cluster.Cluster]:
    with cluster.running(tmp_path_factory.mktemp("roles")) as found:
        yield found


@pytest.fixture(scope="module")
def key(desk: cluster.Cluster) -> str:
    made = desk.operator().post("/v1/operator/keys", json={"name": "listener", "scopes": ["api", "stream"]})
    assert made.is_success, made.text
    return str(made.json()["secret"])


def imported(desk: cluster.Cluster, number: int) -> None:
    """Import one day's file, as often as it takes to be acknowledged."""
    said = ""
    for _ in range(TRIES):
        try:
            answer = desk.operator().post(
                "/v1/imports/nyiso", params={"name": f"{number}.csv"}, content=test_crash.payload(number)
            )
        except (httpx.TransportError, AssertionError) as error:
            said = str(error)
        else:
            if answer.is_success:
                return
            said = answer.text
        _pause.wait(PAUSE_S)
    raise AssertionError(said)


class Listener(threading.Thread):
    """Hears the stream through the visible port and resumes by token whenever it breaks off."""

    def __init__(self, desk: cluster.Cluster, key: str) -> None:
        super().__init__(daemon=True)
        self.heard: list[tuple[tuple[str, str], float]] = []
        self.resumed = 0
        self.wrong: list[dict[str, Any]] = []
        self.stop = threading.Event()
        self._client = desk.client(Authorization=f"Bearer {key}")
        self._token: str | None = None

    def run(self) -> None:
        """Listen until told to stop."""
        while not self.stop.is_set():
            headers = {} if self._token is None else {"Last-Event-ID": self._token}
            self.resumed += self._token is not None
            params = {**test_crash.CHANNEL, **({"from": "0"} if self._token is None else {})}
            try:
                with self._client.stream("GET", "/v1/stream/sse", params=params, headers=headers, timeout=20) as events:
                    self._listen(events)
            except httpx.TransportError:
                _pause.wait(PAUSE_S)

    def _listen(self, events: httpx.Response) -> None:
        if not events.is_success:
            _pause.wait(PAUSE_S)
            return
        for line in events.iter_lines():
            if self.stop.is_set():
                return
            if line.startswith("id:"):
                self._token = line[3:].strip()
            if line.startswith("data:"):
                self._take(json.loads(line[5:]))

    def _take(self, message: dict[str, Any]) -> None:
        if message["t"] in ("gap", "err"):
            self.wrong.append(message)
        if message["t"] == "upd":
            rows = message["columns"]
            cells = zip(rows["location"], rows["interval_start"], strict=True)
            self.heard += zip(cells, rows["price_per_mwh"], strict=True)

    def await_cells(self, wanted: set[tuple[str, str]]) -> None:
        """Wait until every cell was heard."""
        for _ in range(round(PATIENCE_S / PAUSE_S)):
            if wanted <= {cell for cell, _ in self.heard}:
                return
            _pause.wait(PAUSE_S)
        missing = wanted - {cell for cell, _ in self.heard}
        raise AssertionError(f"{len(missing)} cells not heard, {len(self.heard)} heard, wrong: {self.wrong}")


def test_the_main_job__goes_through_all_roles_and_one_port(desk: cluster.Cluster, key: str) -> None:
    visible = desk.client(Authorization=f"Bearer {key}")
    assert visible.get("/health").json() == {"status": "ok"}
    imported(desk, 1)
    found = test_crash.cells(SimpleNamespace(client=visible))  # type: ignore[arg-type]  # all it asks of a desk
    assert {cell: price for cell, (price, _) in found.items()} == test_crash.expected([1])


@pytest.mark.parametrize("role", cluster.ROLES)
def test_a_role_killed_in_mid_stream__loses_and_doubles_nothing(desk: cluster.Cluster, key: str, role: str) -> None:
    first = 100 * (1 + cluster.ROLES.index(role))
    numbers = list(range(first, first + FILES_BEFORE + FILES_AFTER))
    listener = Listener(desk, key)
    listener.start()
    for number in numbers[:FILES_BEFORE]:
        imported(desk, number)
    victim = desk.roles[role]
    victim.kill()
    importer = threading.Thread(target=lambda: [imported(desk, number) for number in numbers[FILES_BEFORE:]])
    importer.start()
    _pause.wait(1.0)
    victim.start()
    victim.await_ready()
    importer.join(PATIENCE_S)
    assert not importer.is_alive()
    expected = test_crash.expected(numbers)
    listener.await_cells(set(expected))
    listener.stop.set()
    ours = [(cell, price) for cell, price in listener.heard if cell in expected]
    assert len(ours) == len(expected), "a cell was heard twice"
    assert dict(ours) == expected
    assert listener.wrong == []
    assert listener.resumed >= (role == "stream")
    stored = test_crash.cells(SimpleNamespace(client=desk.client(Authorization=f"Bearer {key}")))  # type: ignore[arg-type]  # as above
    assert {cell: price for cell, (price, _) in stored.items() if cell in expected} == expected


def test_the_stream_role__serves_nothing_else(desk: cluster.Cluster, key: str) -> None:
    behind = desk.roles["stream"].url
    headers = {"Authorization": f"Bearer {key}"}
    assert httpx.get(f"{behind}/v1/datasets", headers=headers).status_code == httpx.codes.NOT_FOUND
    answer = httpx.get(f"{desk.roles['gateway'].url}/v1/stream/sse", params=test_crash.CHANNEL, headers=headers)
    assert answer.json()["type"].endswith("no-stream")


def test_roles__are_the_whole_of_what_a_desk_does() -> None:
    assert roles.parts(roles.EVERY) == frozenset(roles.Part)


def test_the_compute_role__takes_calls_of_the_cluster(tmp_path: Path) -> None:
    from powerdesk.engines.scaled.compute import DaskCompute  # noqa: PLC0415 - an extra that a laptop may lack

    scheduler = base.free_port()
    command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", str(scheduler)]
    with subprocess.Popen(  # noqa: S603 - Dask's own program
        [*command, "--no-dashboard"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as running:
        worker = cluster.Process(
            "compute",
            tmp_path / "compute",
            base.free_port(),
            {**cluster.engines(), "POWERDESK_COMPUTE__URL": f"dask://127.0.0.1:{scheduler}"},
        )
        try:
            worker.start()
            worker.await_ready()
            mine = DaskCompute(f"dask://127.0.0.1:{scheduler}")
            assert mine.submit(divmod, 17, 5).result(timeout=PATIENCE_S) == (3, 2)
            assert "1 worker" in mine.version()
            mine.shutdown()
        finally:
            worker.end()
            running.kill()
