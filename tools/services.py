"""Real servers for tests and trials: `python tools/services.py install|start|stop|status [NAME...]`.

`install` gets what the tests need beyond Python and Node, and the client libraries; `make test` runs it only when
POWERDESK_REQUIRE_SERVICES=1 (CI). `start` runs one server of each kind in .services/<name>/, whose addresses and
process ids are in .services/running.json (readable by you alone: it holds passwords); `stop` ends those processes.
Tests start servers of their own and never use these.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import psutil

import setup
from servers import base, debian, kinds

FOLDER = setup.ROOT / ".services"
RUNNING = FOLDER / "running.json"
LOCKS = ("scaled",)
STOP_S = 20.0


@dataclass(frozen=True, slots=True)
class Need:
    """A program the tests drive: the names it goes by, the Debian package, and the words for other systems."""

    title: str
    programs: tuple[str, ...]
    package: str
    otherwise: str


NEEDS = (
    Need(
        title="Chromium, for the browser journeys",
        programs=("chromium", "chromium-browser", "google-chrome", "chrome"),
        package="chromium",
        otherwise="install Chromium or Chrome with your system's installer",
    ),
    Need(
        title="faketime, for roles whose clocks differ",
        programs=("faketime",),
        package="faketime",
        otherwise="install libfaketime with your system's installer",
    ),
)


def missing() -> tuple[Need, ...]:
    """Return the needs of which no program is on PATH."""
    return tuple(need for need in NEEDS if not any(shutil.which(program) for program in need.programs))


def install(names: tuple[str, ...]) -> int:
    """Get every missing program and every server; 1 when one is still missing afterwards."""
    faults: list[str] = []
    for need in missing():
        try:
            debian.install_package(need.package)
        except debian.NotInstallableError as error:
            faults.append(f"{need.title}: {error}; {need.otherwise}")
    for name in names:
        try:
            kind = kinds.load(name)
            kind.install()
        except (ImportError, OSError, RuntimeError) as error:
            faults.append(f"{name}: {error}")
            continue
        if (lacking := kind.missing()) is not None:
            faults.append(f"{name}: {lacking}")
    print("\n".join(f"missing: {fault}" for fault in faults), file=sys.stderr, end="\n" if faults else "")
    if not faults:
        print("services: everything the tests need is present")
    return 1 if faults else 0


def start(names: tuple[str, ...]) -> int:
    """Start one server of each kind that does not run yet, on the port it had before; 1 when one did not start."""
    faults = 0
    running = read()
    FOLDER.mkdir(mode=0o711, exist_ok=True)
    for name in names:
        if name in kinds.NEEDS_A_DESK or (name in running and process_of(running[name]) is not None):
            continue
        try:
            server = kinds.load(name)(FOLDER / name, port=running.get(name, {}).get("port"))
            server.start()
        except (ImportError, OSError, RuntimeError) as error:
            print(f"{name}: did not start: {error}", file=sys.stderr)
            faults = 1
            continue
        running[name] = entry(server)
        write(running)
    status()
    return faults


def stop(names: tuple[str, ...]) -> int:
    """End, by process id, what `start` started; 1 when something would not end."""
    running = read()
    ended = True
    for name in names:
        process = process_of(running.get(name, {}))
        if process is None:
            continue
        family = [process, *process.children(recursive=True)]
        process.send_signal(running[name]["stop_signal"])
        _, left = psutil.wait_procs(family, timeout=STOP_S)
        for straggler in left:
            straggler.kill()
        _, left = psutil.wait_procs(left, timeout=STOP_S)
        ended = ended and not left
        print(f"{name}: {'would not end' if left else 'stopped'}")
    return 0 if ended else 1


def status() -> int:
    """Print what runs, passwords left out; the addresses in full stand in .services/running.json."""
    for name, known in read().items():
        state = "stopped" if process_of(known) is None else f"runs as process {known['pid']}"
        print(f"{name}: {state}, {re.sub(r':[^:@/]*@', ':...@', known['url'])}")
    return 0


def entry(server: base.Server) -> dict[str, Any]:
    """Return what is kept of a running server."""
    if server.process is None:
        raise AssertionError("found a server that was not started; allowed: a started one")
    return {
        "pid": server.process.pid,
        "began": psutil.Process(server.process.pid).create_time(),
        "port": server.port,
        "url": server.url,
        "stop_signal": int(server.stop_signal),
    }


def process_of(known: dict[str, Any]) -> psutil.Process | None:
    """Return the living process of an entry, None when it ended or its id belongs to another by now."""
    try:
        process = psutil.Process(known["pid"])
        return process if process.create_time() == known["began"] and process.status() != "zombie" else None
    except (KeyError, psutil.NoSuchProcess):
        return None


def read() -> dict[str, Any]:
    """Return the entries of .services/running.json by name; none when nothing was ever started."""
    known: dict[str, Any] = json.loads(RUNNING.read_text(encoding="utf-8")) if RUNNING.is_file() else {}
    return known


def write(running: dict[str, Any]) -> None:
    """Replace .services/running.json; only its owner may read it."""
    fresh = RUNNING.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(running, file, indent=1)
    fresh.replace(RUNNING)


def main() -> int:
    """Dispatch the verb on the named kinds, or on all; 2 on anything else."""
    verb, *named = sys.argv[1:] or [""]
    names = tuple(named or kinds.CLASSES)
    if not set(names) <= set(kinds.CLASSES):
        verb = ""
    match verb:
        case "install":
            for lock in LOCKS:
                setup.install_lock(lock)
            return install(names)
        case "start":
            return start(names)
        case "stop":
            return stop(names)
        case "status":
            return status()
        case _:
            print(f"{__doc__}\nnames: {' '.join(kinds.CLASSES)}", file=sys.stderr)
            return 2


if __name__ == "__main__":
    sys.exit(main())
