"""The hub in a real browser: against a running desk with the simulated market, and its states against the fixture."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx  # noqa: TID251 - asks the desk over loopback
import pytest
import simulated_payloads as payloads

from servers.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = "/usr/bin/chromium"
START_S = 600
TICK_S = 3.0
HISTORY = timedelta(hours=30)
"""How far back the journeys look."""

pytestmark = [pytest.mark.slow, pytest.mark.services, pytest.mark.timeout(1500)]


@pytest.fixture(scope="module", autouse=True)
def browser() -> None:
    """Ask for Debian's browser: required in CI, a reason to skip elsewhere."""
    if not Path(CHROMIUM).exists():
        if os.environ.get("POWERDESK_REQUIRE_SERVICES") == "1":  # noqa: TID251 - set by CI for the tests alone
            pytest.fail(f"{CHROMIUM} is absent although services are required")
        pytest.skip(f"{CHROMIUM} is absent: `make services` installs it where that is allowed")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Run a desk with the simulated market; its folder, once its history is made."""
    folder = tmp_path_factory.mktemp("desk")
    program = _program()
    command = [str(program), "up", "--data", str(folder), "--port", "0", "--feeds", "sim", "--no-browser"]
    said = folder.parent / "desk.txt"
    with said.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out) as process:
        try:
            owner = _until(lambda: json.loads((folder / "owner.json").read_text(encoding="utf-8")), said)
            _until(lambda: _history_complete(owner), said)
            yield folder
        finally:
            process.terminate()


@pytest.mark.parametrize("part", ["desk", "detail", "grid", "access"])
def test_journeys__of_a_trader_on_a_running_desk(desk: Path, part: str) -> None:
    with _prices_that_tick(desk):
        done = _npm("journeys", part, **_way_in(desk))
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


def test_journeys__through_every_state_of_the_panels() -> None:
    done = _npm("journeys", "states")
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


def test_budget__of_the_first_load_is_kept() -> None:
    done = _npm("budget")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]


@contextlib.contextmanager
def _prices_that_tick(folder: Path) -> Iterator[None]:
    """Have files of NYISO's form come in every few seconds, one at once: SIM's next interval may be minutes away."""
    owner = json.loads((folder / "owner.json").read_text(encoding="utf-8"))
    over = threading.Event()
    headers = {"Authorization": f"Bearer {owner['token']}"}
    with httpx.Client(base_url=owner["url"], headers=headers, timeout=START_S) as client:
        until(lambda: _import_file(client, number=0), what="the first price")
        importer = threading.Thread(target=_import_files, args=(client, over))
        importer.start()
        try:
            yield
        finally:
            over.set()
            importer.join()


def _import_files(client: httpx.Client, over: threading.Event) -> None:
    for number in itertools.count(1):
        if over.wait(TICK_S):
            return
        _import_file(client, number=number)


def _import_file(client: httpx.Client, *, number: int) -> bool:
    now = datetime.now(UTC)  # noqa: TID251 - the market's own clock
    file = payloads.nyiso_price_now_csv(now, price=30.0 + number)
    return client.post("/v1/imports/nyiso", params={"name": f"{number}.csv"}, content=file).is_success


def _program() -> Path:
    return Path(sys.executable).with_name("powerdesk")


def _way_in(folder: Path) -> dict[str, str]:
    """Return the desk's address and a sign-in link that has not been used."""
    command = [str(_program()), "sign-in-link", "--data", str(folder), "-o", "json"]
    address = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["link"]
    return {"HUB_URL": address.rsplit("/sign-in/", 1)[0], "HUB_LINK": address}


def _npm(script: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "tools" / "web.py"), "run", script, *arguments]
    whole = {**os.environ, **environment}  # noqa: TID251 - handed on to the browser tests
    return subprocess.run(command, capture_output=True, text=True, check=False, env=whole, timeout=720)


def _history_complete(owner: dict[str, Any]) -> bool:
    with httpx.Client(base_url=owner["url"], headers={"Authorization": f"Bearer {owner['token']}"}) as client:
        feed = client.get("/v1/feeds").json()["feeds"][0]
        if feed["backfill"] is not None or feed["last_ok_at"] is None:
            raise ValueError("history is still being made")
        # Before the first hour of history is asked for, no back-fill is told either: the oldest price decides.
        told = client.get("/v1/datasets/markets.prices/rows?location=SIM:HUB_NORTH&market_run=RT5&limit=1").json()
    oldest = told["columns"]["interval_start"]
    if not oldest or datetime.fromisoformat(told["as_of"]) - datetime.fromisoformat(oldest[0]) < HISTORY:
        raise ValueError("history has not begun")
    return True


def _until(look: Any, said: Path) -> Any:
    pause, last = threading.Event(), ""
    for _ in range(START_S * 2):
        try:
            return look()
        except (OSError, ValueError, KeyError, httpx.TransportError) as error:
            last = repr(error)
            pause.wait(0.5)
    pytest.fail(f"the desk did not come up in time: {last}\n{said.read_text(encoding='utf-8')[-3000:]}")
