"""REST under 200 requests a second with the simulated market running and every read audited.

Subject: latest price of a location, and one location's day, over HTTP with an API key. Data: two days of the
simulated market (58 locations, real time and day-ahead). Load: hey (Debian package, or
`go install github.com/rakyll/hey@v0.1.4`), ten workers at a held rate in a process of its own; without it on the PATH
the subject says so and measures nothing.
Peer: the same desk's /health, which reads nothing: what HTTP alone costs here.
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
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import Measurement

if TYPE_CHECKING:
    from collections.abc import Iterator

SUBJECT = "rest_load"
RATES = (200,)
SECONDS = 12
WORKERS = 10
WAIT_S = 240
TARGETS_MS = {"latest": 10.0, "day": 25.0}


def measure() -> Iterator[Measurement]:
    """Yield p99 by case and rate; values are the p99 of three attacks."""
    hey = shutil.which("hey")
    if hey is None:
        raise SystemExit("rest_load needs hey on the PATH: apt install hey")
    with tempfile.TemporaryDirectory() as folder, _desk(Path(folder)) as (base, token):
        _wait_for_history(base, token)
        key = _post(base, token, "/v1/operator/keys", {"name": "bench", "scopes": ["api"]})["secret"]
        for rate in RATES:
            nothing = _attack(hey, f"{base}/health", key, rate)
            for case, url in _cases(base).items():
                found = _attack(hey, url, key, rate)
                yield Measurement(
                    case=f"{case} p99 at {rate}/s",
                    values=found,
                    unit="ms",
                    peer="/health of the same desk",
                    peer_values=nothing,
                    target=TARGETS_MS[case] if rate == max(RATES) else None,
                )


def _cases(base: str) -> dict[str, str]:
    end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    span = f"start={end - timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}&end={end:%Y-%m-%dT%H:%M:%SZ}"
    prices = f"{base}/v1/datasets/markets.prices"
    return {
        "latest": f"{prices}/latest?location=SIM:HUB_NORTH&market_run=RT5",
        "day": f"{prices}/rows?location=SIM:HUB_NORTH&market_run=RT5&{span}",
    }


def _attack(hey: str, url: str, key: str, rate: int) -> tuple[float, ...]:
    """Return the p99 in ms of three attacks; every answer must be 200."""
    percentiles = []
    for _ in range(3):
        command = [hey, "-z", f"{SECONDS}s", "-c", str(WORKERS), "-q", str(rate / WORKERS), "-o", "csv"]
        command += ["-H", f"Authorization: Bearer {key}", url]
        text = subprocess.run(command, capture_output=True, check=True, text=True).stdout
        rows = list(csv.DictReader(io.StringIO(text)))
        assert {row["status-code"] for row in rows} == {"200"}, {row["status-code"] for row in rows}
        taken = sorted(float(row["response-time"]) * 1e3 for row in rows)
        percentiles.append(taken[math.ceil(len(taken) * 99 / 100) - 1])
    return tuple(percentiles)


@contextlib.contextmanager
def _desk(folder: Path) -> Iterator[tuple[str, str]]:
    program = Path(sys.executable).with_name("powerdesk")
    command = [str(program), "up", "--data", str(folder), "--port", "0", "--feeds", "sim", "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=dict(os.environ)) as desk:
        try:
            owner = _until(lambda: json.loads((folder / "owner.json").read_text()))
            yield owner["url"], owner["token"]
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
