"""Programs from Debian's packages: installed only as root on a machine with apt, else said to be missing."""

from __future__ import annotations

import os
import shutil
import subprocess

ATTEMPTS = 3


class NotInstallableError(RuntimeError):
    """This machine does not let us install the package; the message says what to do."""


def may_install() -> bool:
    """Say whether apt can be used here: root (there is no such user on Windows) and apt-get present."""
    return is_root() and shutil.which("apt-get") is not None


def is_root() -> bool:
    """Say whether this process runs as root; never on Windows."""
    return getattr(os, "geteuid", lambda: -1)() == 0


def install_package(package: str) -> None:
    """Install one Debian package, refreshing the lists before each attempt; NotInstallableError if it fails."""
    if not may_install():
        raise NotInstallableError(f"install {package} with your system's installer (here apt-get as root is needed)")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    options = ["-qq", "-o", "Acquire::Retries=3", "-o", "Dpkg::Use-Pty=0"]
    for attempt in range(1, ATTEMPTS + 1):
        print(f"apt-get install {package} (attempt {attempt} of {ATTEMPTS}) ...", flush=True)
        refresh = ["apt-get", *options, "update"]
        subprocess.run(refresh, check=False, env=quiet, stdin=subprocess.DEVNULL)
        command = ["apt-get", *options, "install", "-y", "--no-install-recommends", package]
        answer = subprocess.run(command, check=False, env=quiet, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        if answer.returncode == 0:
            return
    raise NotInstallableError(f"apt-get could not install {package}: see its words above")
