"""Fetch what the tests need beyond Python and Node: `python tools/services.py install|stop`.

`install` is run by `make services` when a person asks, and by `make test` only when POWERDESK_REQUIRE_SERVICES=1 (CI).
It installs only as root on a machine with apt; elsewhere it says what is missing and how to get it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass

ATTEMPTS = 3


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
)


def missing() -> tuple[Need, ...]:
    """Return the needs of which no program is on PATH."""
    return tuple(need for need in NEEDS if not any(shutil.which(program) for program in need.programs))


def may_install() -> bool:
    """Say whether apt can be used here: root (there is no such user on Windows) and apt-get present."""
    root = getattr(os, "geteuid", lambda: -1)() == 0
    return root and shutil.which("apt-get") is not None


def install_package(package: str) -> bool:
    """Install one Debian package, refreshing the lists before each of a few attempts; say whether it worked."""
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    options = ["-qq", "-o", "Acquire::Retries=3", "-o", "Dpkg::Use-Pty=0"]
    for attempt in range(1, ATTEMPTS + 1):
        print(f"apt-get install {package} (attempt {attempt} of {ATTEMPTS}) ...", flush=True)
        refresh = ["apt-get", *options, "update"]
        subprocess.run(refresh, check=False, env=quiet, stdin=subprocess.DEVNULL)
        command = ["apt-get", *options, "install", "-y", "--no-install-recommends", package]
        answer = subprocess.run(command, check=False, env=quiet, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        if answer.returncode == 0:
            return True
    return False


def install() -> int:
    """Get every missing need; 1 when one is still missing afterwards."""
    for need in missing():
        if not (may_install() and install_package(need.package)):
            print(f"missing: {need.title}; {need.otherwise}", file=sys.stderr)
    absent = missing()
    if not absent:
        print("services: everything the tests need is present")
    return 1 if absent else 0


def main() -> int:
    """Dispatch `install` and `stop`; 2 on anything else."""
    match sys.argv[1:]:
        case ["install"]:
            return install()
        case ["stop"]:
            print("services: every engine of this release runs inside powerdesk, so no server was started")
            return 0
        case _:
            print(__doc__, file=sys.stderr)
            return 2


if __name__ == "__main__":
    sys.exit(main())
