"""The wheel carries the built hub and works in an empty environment, without Node and without this checkout."""

from __future__ import annotations

import http.client
import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from servers.waiting import PATIENCE_S, NotYet, until

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
STATIC = "powerdesk/delivery/hub/static"
INSTALL_S = 540
LOG = "desk.log"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel as `make wheel` does."""
    index = ROOT / "src" / STATIC / "index.html"
    assert index.is_file(), "the hub is not built: run `make setup`"
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder))
    built = list(folder.glob("powerdesk-*.whl"))
    assert len(built) == 1
    return built[0]


@pytest.fixture(scope="module")
def scripts(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the base lock and the wheel into an empty environment; return its folder of programs."""
    folder = tmp_path_factory.mktemp("empty") / "venv"
    run(sys.executable, "-m", "venv", "--without-pip", str(folder))
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(folder), "install", "--quiet")
    run(*pip, "--no-compile", "--require-hashes", "-r", str(ROOT / "requirements" / "base.txt"))
    run(*pip, "--no-compile", "--no-deps", str(wheel))
    return folder / ("Scripts" if os.name == "nt" else "bin")


def run(*command: str, env: dict[str, str] | None = None, cwd: Path = ROOT) -> str:
    """Run a program to its end and return what it printed; fail with all it said otherwise."""
    answer = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=cwd, env=env, timeout=INSTALL_S, encoding="utf-8"
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout


def bare_environment(programs: Path) -> dict[str, str]:
    """Return an environment whose PATH holds the empty environment's programs only, so no Node."""
    kept = ("HOME", "USERPROFILE", "SYSTEMROOT", "TEMP", "TMP", "LANG")
    return {name: os.environ[name] for name in kept if name in os.environ} | {
        "PATH": str(programs),
        "PYTHONUTF8": "1",
        "NO_COLOR": "1",
    }


def wait_for_owner(*, process: subprocess.Popen[bytes], data: Path) -> dict[str, str]:
    """Return what the desk announces in its data folder once it listens; fail when it ends or takes too long."""

    def announced() -> dict[str, str] | NotYet:
        ended = process.poll() is not None
        try:
            owner: dict[str, str] = json.loads((data / "owner.json").read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            said = (data.parent / LOG).read_text(encoding="utf-8", errors="replace")
            assert not ended, said
            return NotYet(said)
        return owner

    found = until(announced, what="the desk's announcement")
    assert not isinstance(found, NotYet)
    return found


def get(*, url: str, path: str) -> tuple[int, str, str]:
    """Return status, content type and text of one request to the desk."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "127.0.0.1", parts.port, timeout=PATIENCE_S)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.getheader("Content-Type", ""), answer.read().decode(errors="replace")
    finally:
        connection.close()


@pytest.fixture(scope="module")
def desk(scripts: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start `powerdesk up` on a free port in the empty environment; stop it by `powerdesk down`; yield its address."""
    data = tmp_path_factory.mktemp("desk") / "data"
    env = bare_environment(scripts)
    program = str(scripts / "powerdesk")
    command = (program, "up", "--port", "0", "--data", str(data), "--feeds", "sim", "--no-browser")
    with (data.parent / LOG).open("wb") as log:
        process = subprocess.Popen(command, env=env, cwd=data.parent, stdout=log, stderr=subprocess.STDOUT)
    try:
        yield str(wait_for_owner(process=process, data=data)["url"])
        run(program, "down", "--data", str(data), env=env, cwd=data.parent)
        assert process.wait(timeout=PATIENCE_S) == 0, "the desk did not stop cleanly after `powerdesk down`"
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(timeout=PATIENCE_S)


def test_wheel__carries_the_hub_and_nothing_of_the_tests(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert f"{STATIC}/index.html" in names
    assert [name for name in names if name.startswith(f"{STATIC}/") and name.endswith(".js")]
    assert "powerdesk/py.typed" in names
    assert {name.split("/")[0].split("-")[0] for name in names} == {"powerdesk"}


def test_wheel__has_every_migration(wheel: Path) -> None:
    versions = ROOT / "src" / "powerdesk" / "app" / "migrations" / "versions"
    expected = {f"powerdesk/app/migrations/versions/{path.name}" for path in versions.glob("[0-9]*.py")}
    assert expected
    with zipfile.ZipFile(wheel) as archive:
        assert expected <= set(archive.namelist())


def test_wheel__command_line_helps_without_node(scripts: Path, tmp_path: Path) -> None:
    told = run(str(scripts / "powerdesk"), "--help", env=bare_environment(scripts), cwd=tmp_path)
    assert " up " in told
    assert " doctor " in told


def test_wheel__up_is_healthy_without_node(desk: str) -> None:
    status, _, text = get(url=desk, path="/health")
    assert status == 200
    assert "status" in json.loads(text)


def test_wheel__up_serves_the_hub_and_its_files(desk: str) -> None:
    status, content_type, page = get(url=desk, path="/")
    assert status == 200
    assert content_type.startswith("text/html")
    files = re.findall(r'(?:src|href)="(/[^"]+\.(?:js|css))"', page)
    assert files
    for path in files:
        answered, kind, _ = get(url=desk, path=path)
        assert answered == 200, path
        assert "javascript" in kind or "css" in kind
