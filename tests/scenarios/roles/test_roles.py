"""The main job over four processes on real servers, behind one port; any of them may die in mid-stream."""

from __future__ import annotations

import functools
import json
import re
import subprocess
import sys
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import cluster
import httpx  # noqa: TID251 - the tests speak HTTP to the processes
import processes
import pytest
import test_crash

from powerdesk.app import roles
from servers import base
from servers.waiting import PATIENCE_S, NotYet, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.services, pytest.mark.slow]
PAUSE_S = 0.5
FILES_BEFORE, FILES_AFTER = 3, 3
WORDS = {
    "tables": "ClickHouse",
    "records": "PostgreSQL",
    "objects": "S3 bucket",
    "bus": "Kafka cluster",
    "cache": "Redis",
}
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

    def acknowledged() -> bool | NotYet:
        try:
            answer = desk.operator().post(
                "/v1/imports/nyiso", params={"name": f"{number}.csv"}, content=test_crash.payload(number)
            )
        except (httpx.TransportError, AssertionError) as error:
            return NotYet(repr(error))
        return answer.is_success or NotYet(answer.text)

    until(acknowledged, what=f"acknowledging file {number}")


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
    asked = functools.partial(httpx.get, timeout=PATIENCE_S)
    assert asked(f"{behind}/v1/datasets", headers=headers).status_code == httpx.codes.NOT_FOUND
    answer = asked(f"{desk.roles['gateway'].url}/v1/stream/sse", params=test_crash.CHANNEL, headers=headers)
    assert answer.json()["type"].endswith("no-stream")


def test_a_backup__of_the_running_roles_opens_as_a_desk_of_its_own(
    desk: cluster.Cluster, key: str, tmp_path: Path
) -> None:
    imported(desk, 50)
    reader = SimpleNamespace(client=desk.client(Authorization=f"Bearer {key}"))
    before = test_crash.cells(reader)  # type: ignore[arg-type]  # all it asks of a desk
    operator = desk.operator()
    asked = operator.post("/v1/operator/backups", json={"folder": str(tmp_path / "backup")})

    def ended() -> list[dict[str, Any]]:
        runs: list[dict[str, Any]] = operator.get("/v1/jobs", params={"run_id": asked.json()["run_id"]}).json()["jobs"]
        return [run for run in runs if run["ended_at"] is not None]

    (run,) = until(ended, what="the backup's end")
    assert run["state"] == "done", run
    pepper = {"POWERDESK_ACCESS__PEPPER": cluster.PEPPER}
    headers = {"Authorization": f"Bearer {key}"}
    with (
        processes.up(tmp_path / "backup", **pepper) as restored,
        httpx.Client(base_url=restored.owner.url, headers=headers, timeout=PATIENCE_S) as client,
    ):
        found = test_crash.cells(SimpleNamespace(client=client))  # type: ignore[arg-type]  # as above
    assert {cell: found[cell] for cell in before} == before


def test_doctor__names_each_engine_with_its_version_and_latency(desk: cluster.Cluster, tmp_path: Path) -> None:
    gateway = desk.roles["gateway"]
    for folder in (gateway.folder, tmp_path):  # by the gateway that owns the folder, and by asking the servers
        left = processes.powerdesk("doctor", "--data", folder, "-o", "json", **gateway.settings)
        found = {row["what"]: row for row in map(json.loads, left.stdout.splitlines())}
        for name, word in WORDS.items():
            row = found[f"engine {name}"]
            assert (row["level"], word in row["found"]) == ("ok", True), row
            assert re.search(r"\d+\.\d ms", row["found"]), row
        assert gateway.settings["POWERDESK_TABLES__PASSWORD"] not in left.stdout + left.stderr


def test_a_verb__without_a_gateway_says_where_to_go(desk: cluster.Cluster, tmp_path: Path) -> None:
    left = processes.powerdesk("datasets", "--data", tmp_path, **desk.roles["gateway"].settings)
    assert left.returncode == 1
    assert "gateway" in left.stderr


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
