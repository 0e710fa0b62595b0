"""The servers of `make services` and of the tests."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import services  # noqa: E402 - a script of tools/, found by the line above
from servers import base, debian, kinds, needed, waiting  # noqa: E402 - as above
from servers.redis import Redis  # noqa: E402 - as above

if TYPE_CHECKING:
    from collections.abc import Iterator


class Absent(Redis):
    """A server that no machine has."""

    name = "absent"

    @classmethod
    def missing(cls) -> str | None:
        """Say what is lacking."""
        return "the program absent"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(services, "FOLDER", tmp_path / ".services")
    monkeypatch.setattr(services, "RUNNING", tmp_path / ".services" / "running.json")
    yield tmp_path / ".services"
    services.stop(("redis",))


def verb(folder: Path, *words: str) -> str:
    """Run tools/services.py as a program, as make does, but in another folder; return what it said."""
    setup = f"services.FOLDER = services.Path({str(folder)!r}); services.RUNNING = services.FOLDER / 'running.json'"
    program = f"import sys; sys.path.insert(0, {str(ROOT / 'tools')!r}); import services; {setup}; "
    program += f"sys.argv[1:] = {list(words)!r}; sys.exit(services.main())"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def test_free_ports__are_none_that_the_system_gives_by_itself() -> None:
    ports = [base.free_port() for _ in range(20)]
    assert len(set(ports)) == 20
    assert all(base.FIRST_PORT <= port < base.FIRST_PORT + base.PORTS < 32_768 for port in ports)


def test_kinds__are_all_servers_by_their_own_names() -> None:
    for name in kinds.CLASSES:
        kind = kinds.load(name)
        assert issubclass(kind, base.Server)
        assert kind.name == name


@pytest.mark.services
def test_start__runs_once_keeps_its_secret_and_stop_ends_it(folder: Path) -> None:
    needed.require(Redis)
    said = verb(folder, "start", "redis")
    known = services.read()["redis"]
    assert f"process {known['pid']}" in said
    assert known["url"].split(":")[2].partition("@")[0] not in said
    assert os.name == "nt" or stat.S_IMODE((folder / "running.json").stat().st_mode) == 0o600
    assert verb(folder, "start", "redis") == verb(folder, "status") == said
    assert verb(folder, "stop", "redis") == "redis: stopped\n"
    assert services.process_of(known) is None
    assert "stopped" in verb(folder, "status")
    verb(folder, "start", "redis")
    again = services.read()["redis"]
    assert (again["port"], again["pid"] != known["pid"]) == (known["port"], True)


def test_stop__leaves_a_process_that_took_over_the_number(folder: Path) -> None:
    folder.mkdir()
    ours = psutil.Process()
    services.write({"redis": {"pid": ours.pid, "began": ours.create_time() - 1, "url": "", "stop_signal": 15}})
    assert services.stop(("redis",)) == 0
    assert ours.is_running()


def test_missing_server__fails_where_services_are_required_and_skips_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(waiting.REQUIRED, "1")
    with pytest.raises(pytest.fail.Exception, match="the program absent"):
        needed.needed(Absent)
    monkeypatch.delenv(waiting.REQUIRED)
    with pytest.raises(pytest.skip.Exception, match="the program absent"):
        needed.needed(Absent)


def test_install__without_root_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(debian, "may_install", lambda: False)
    with pytest.raises(debian.NotInstallableError, match="redis-server"):
        debian.install_package("redis-server")
