"""REST under 200 requests a second with the simulated market running and every read audited.

Subject: latest price of a location, and one location's day, over HTTP with an API key. Data: two days of the
simulated market (83 locations, real time and day-ahead).
Load, even: vegeta (`go install github.com/tsenart/vegeta/v12@v12.12.0`) sends a request every 5 ms whether or not the
ones before were answered, and times each from when it was due. A tool whose workers wait for their answer asks less
while the desk is slow, and so leaves out what it came to measure (coordinated omission).
Load, bursts: hey (Debian package hey), whose ten workers send at the same instant every 50 ms: ten callers at once.
CPU: what the desk's process spent during the even load, per request, less what it spends when nobody asks.
Peer: the same desk's /health, which reads nothing: what HTTP alone costs here.
Without vegeta and hey on the PATH or in ~/go/bin the subject says so and measures nothing.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from harness import Measurement

if TYPE_CHECKING:
    from collections.abc import Iterator

SUBJECT = "rest_load"
RATE = 200
SECONDS = 12
WORKERS = 10
ATTACKS = 3
WAIT_S = 240
AT_WORK = 0.3
"""CPU seconds per second of a desk that still records and calculates what its history brought."""
TARGETS_MS = {"latest": 10.0, "day": 25.0}
PEER = "/health of the same desk"


def measure() -> Iterator[Measurement]:
    """Yield p99 under even load and under bursts, and CPU per request, by case; values are of three attacks each."""
    vegeta, hey = _tool("vegeta"), _tool("hey")
    with tempfile.TemporaryDirectory() as folder, _desk(Path(folder)) as (base, token, process):
        _wait_for_history(base, token)
        key = _post(base, token, "/v1/operator/keys", {"name": "bench", "scopes": ["api"]})["secret"]
        idle = _idle_cpu_share(process)

        def even(url: str) -> tuple[list[float], list[float]]:
            return _even(vegeta, url, key, process=process, idle=idle)

        def bursts(url: str) -> list[float]:
            return _bursts(hey, url, key)

        nothing, nothing_cpu = even(f"{base}/health")
        nothing_bursts = bursts(f"{base}/health")
        for case, url in _cases(base).items():
            p99, cpu = even(url)
            target = TARGETS_MS[case]
            yield _of(f"{case} p99 at {RATE}/s", p99, nothing, target)
            yield _of(f"{case} p99 at {RATE}/s in bursts of {WORKERS}", bursts(url), nothing_bursts, target)
            yield _of(f"{case} CPU per request", cpu, nothing_cpu, None)


def _of(case: str, values: list[float], peer: list[float], target: float | None) -> Measurement:
    return Measurement(case=case, values=tuple(values), unit="ms", peer=PEER, peer_values=tuple(peer), target=target)


def _tool(name: str) -> str:
    found = shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", ""), str(Path.home() / "go" / "bin"))))
    if found is None:
        raise SystemExit(f"rest_load needs {name} on the PATH or in ~/go/bin; its docstring says where it comes from")
    return found


def _cases(base: str) -> dict[str, str]:
    end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    span = f"start={end - timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}&end={end:%Y-%m-%dT%H:%M:%SZ}"
    prices = f"{base}/v1/datasets/markets.prices"
    return {
        "latest": f"{prices}/latest?location=SIM:HUB_NORTH&market_run=RT5",
        "day": f"{prices}/rows?location=SIM:HUB_NORTH&market_run=RT5&{span}",
    }


def _even(vegeta: str, url: str, key: str, *, process: psutil.Process, idle: float) -> tuple[list[float], list[float]]:
    """Return p99 and CPU per request, both in ms, of some attacks; every answer must be 200."""
    attack = [vegeta, "attack", f"-rate={RATE}", f"-duration={SECONDS}s", f"-header=Authorization: Bearer {key}"]
    percentiles, spent = [], []
    for _ in range(ATTACKS):
        cpu_s, began = _cpu_s(process), time.monotonic()
        results = subprocess.run(attack, input=f"GET {url}".encode(), capture_output=True, check=True).stdout
        used_s = _cpu_s(process) - cpu_s - idle * (time.monotonic() - began)
        report = subprocess.run([vegeta, "report", "-type=json"], input=results, capture_output=True, check=True)
        found = json.loads(report.stdout)
        assert set(found["status_codes"]) == {"200"}, found["status_codes"]
        percentiles.append(found["latencies"]["99th"] / 1e6)
        spent.append(used_s * 1e3 / found["requests"])
    return percentiles, spent


def _bursts(hey: str, url: str, key: str) -> list[float]:
    """Return the p99 in ms of some attacks; every answer must be 200."""
    percentiles = []
    for _ in range(ATTACKS):
        command = [hey, "-z", f"{SECONDS}s", "-c", str(WORKERS), "-q", str(RATE / WORKERS), "-o", "csv"]
        command += ["-H", f"Authorization: Bearer {key}", url]
        text = subprocess.run(command, capture_output=True, check=True, text=True).stdout
        rows = list(csv.DictReader(io.StringIO(text)))
        assert {row["status-code"] for row in rows} == {"200"}, {row["status-code"] for row in rows}
        taken = sorted(float(row["response-time"]) * 1e3 for row in rows)
        percentiles.append(taken[math.ceil(len(taken) * 99 / 100) - 1])
    return percentiles


def _idle_cpu_share(process: psutil.Process) -> float:
    """Return CPU seconds per second that the desk's process spends when nobody asks, once it has done its history."""
    share = 1.0
    for _ in range(WAIT_S // SECONDS):
        cpu_s, began = _cpu_s(process), time.monotonic()
        time.sleep(SECONDS)
        share = (_cpu_s(process) - cpu_s) / (time.monotonic() - began)
        if share < AT_WORK:
            break
    return share


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


@contextlib.contextmanager
def _desk(folder: Path) -> Iterator[tuple[str, str, psutil.Process]]:
    program = Path(sys.executable).with_name("powerdesk")
    command = [str(program), "up", "--data", str(folder), "--port", "0", "--feeds", "sim", "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=dict(os.environ)) as desk:
        try:
            owner = _until(lambda: json.loads((folder / "owner.json").read_text()))
            yield owner["url"], owner["token"], psutil.Process(owner["pid"])
        finally:
            desk.terminate()


def _wait_for_history(base: str, token: str) -> None:
    def complete() -> bool:
        feeds = _get(base, token, "/v1/feeds")["feeds"]
        ready = _get(base, token, "/ready")
        if feeds[0]["backfill"] is not None or ready["behind"] or not ready["first_prices"]:
            raise ValueError("not yet")
        return True

    _until(complete)


def _until(look: Any) -> Any:
    pause = threading.Event()
    for _ in range(WAIT_S * 2):
        with contextlib.suppress(OSError, ValueError, KeyError):
            return look()
        pause.wait(0.5)
    raise SystemExit("the desk did not come up in time")


def _get(base: str, token: str, path: str) -> Any:
    request = urllib.request.Request(base + path, headers={"Authorization": f"Bearer {token}"})  # noqa: S310 - loopback
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - loopback
        return json.load(answer)


def _post(base: str, token: str, path: str, body: Any) -> Any:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    request = urllib.request.Request(base + path, json.dumps(body).encode(), headers)  # noqa: S310 - loopback
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - loopback
        return json.load(answer)
