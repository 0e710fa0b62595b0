"""Build the environment in .venv and the hub's files: `python tools/setup.py`, on Linux, macOS and Windows.

Needs only Python >= 3.11 with venv and pip, and the package registries. A second run does nothing when nothing changed.
`--extra bench` adds the benchmarks' peers; `--no-web` leaves the hub alone.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / ".venv"
STAMPS = ENVIRONMENT / ".setup"
OLDEST = (3, 11)


def python_of(environment: Path) -> Path:
    """Return the interpreter of a virtual environment on this platform."""
    return environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def fingerprint(*paths: Path) -> str:
    """Return the sha256 over the names and bytes of `paths`, in the given order."""
    digest = hashlib.sha256()
    for path in paths:
        content = path.read_bytes()
        digest.update(f"{path.name} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def done(*, step: str, inputs: str) -> bool:
    """Say whether `step` was finished with exactly these inputs."""
    stamp = STAMPS / step
    return stamp.is_file() and stamp.read_text(encoding="utf-8") == inputs


def mark(*, step: str, inputs: str) -> None:
    """Remember that `step` is finished with these inputs."""
    STAMPS.mkdir(parents=True, exist_ok=True)
    (STAMPS / step).write_text(inputs, encoding="utf-8")


def pip(*arguments: str) -> None:
    """Run the environment's pip quietly; CalledProcessError, after pip's own words, when it fails."""
    command = [str(python_of(ENVIRONMENT)), "-m", "pip", "--disable-pip-version-check", *arguments]
    subprocess.run(command, check=True, cwd=ROOT)


def install_lock(lock: str) -> None:
    """Install requirements/<lock>.txt by hash, unless it already was."""
    path = ROOT / "requirements" / f"{lock}.txt"
    inputs = fingerprint(path) + sys.version.split(maxsplit=1)[0]
    if done(step=f"lock-{lock}", inputs=inputs):
        return
    print(f"installing requirements/{lock}.txt (hashed) into .venv ...", flush=True)
    pip("install", "--quiet", "--require-hashes", "-r", str(path))
    mark(step=f"lock-{lock}", inputs=inputs)


def create_environment() -> None:
    """Make .venv when it is missing or belongs to another Python version."""
    version = "{}.{}.{}".format(*sys.version_info[:3])
    settings = ENVIRONMENT / "pyvenv.cfg"
    if settings.is_file() and python_of(ENVIRONMENT).exists():
        words = settings.read_text(encoding="utf-8").replace("version_info", "version")
        if f"version = {version}" in words or inside_environment():
            return
        print(f"the Python of .venv is not {version} any more: making it anew", flush=True)
        shutil.rmtree(ENVIRONMENT)
    print(f"creating .venv with Python {version} ...", flush=True)
    venv.create(ENVIRONMENT, with_pip=True)


def inside_environment() -> bool:
    """Say whether this very process runs from .venv, which then cannot be replaced."""
    return Path(sys.prefix).resolve() == ENVIRONMENT.resolve()


def install_project() -> None:
    """Install this checkout itself, editable, without touching its dependencies."""
    inputs = fingerprint(ROOT / "pyproject.toml")
    if done(step="project", inputs=inputs):
        return
    print("installing powerdesk from this checkout ...", flush=True)
    pip("install", "--quiet", "--no-deps", "--no-build-isolation", "-e", str(ROOT))
    mark(step="project", inputs=inputs)


def complaint() -> str | None:
    """Return why this interpreter cannot do, with the remedy; None when it can."""
    if sys.version_info[:2] < OLDEST:
        found = "{}.{}".format(*sys.version_info[:2])
        return f"Python {found} found; 3.11 or newer needed: install it and run `make setup PYTHON=python3.12`"
    try:
        import ensurepip  # noqa: F401, PLC0415 - only asks whether Debian's separate python3-venv package is there
    except ImportError:
        return "this Python has no venv with pip; on Debian and Ubuntu: install the package python3-venv"
    return None


def main() -> int:
    """Set up everything; 1 with a message when this machine cannot."""
    fault = complaint()
    if fault is not None:
        print(f"setup: {fault}", file=sys.stderr)
        return 1
    arguments = sys.argv[1:]
    extras = [value for flag, value in itertools.pairwise(arguments) if flag == "--extra"]
    try:
        create_environment()
        for lock in ("dev", *extras):
            install_lock(lock)
        install_project()
        if "--no-web" not in arguments:
            hub = [str(python_of(ENVIRONMENT)), str(ROOT / "tools" / "web.py"), "build"]
            subprocess.run(hub, check=True, cwd=ROOT)
    except subprocess.CalledProcessError as failure:
        print(f"setup: {json.dumps(failure.cmd[-3:])} ended with {failure.returncode}; see above", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
