"""The peers' own environment, made from requirements/peers.txt; run as a program it is made and its path printed.

It lies in ~/.cache/powerdesk/peers under the hash of the lock and of the interpreter's version, so that a changed lock
makes another one. Packages come by pip from wherever the machine's pip takes them, hashes checked.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "requirements" / "peers.txt"
HOME = Path.home() / ".cache" / "powerdesk" / "peers"
SCRIPTS = "Scripts" if os.name == "nt" else "bin"
INSTALL_TIMEOUT_S = 1_800
MEASURE_TIMEOUT_S = 1_200


def place() -> Path:
    """Return where the environment of this lock and interpreter belongs."""
    lock = LOCK.read_bytes()
    made_for = hashlib.sha256(lock + f"{sys.implementation.cache_tag}".encode()).hexdigest()[:16]
    return HOME / made_for


def interpreter() -> Path | None:
    """Return the interpreter of the environment, or None where it has not been made."""
    found = place() / SCRIPTS / ("python.exe" if os.name == "nt" else "python")
    return found if (place() / "complete").is_file() else None


def make() -> Path:
    """Return the interpreter of the environment, made first where it is missing; raises CalledProcessError."""
    held = interpreter()
    if held is not None:
        return held
    shutil.rmtree(place(), ignore_errors=True)
    venv.create(place(), with_pip=True)
    python = place() / SCRIPTS / "python"
    install = [str(python), "-m", "pip", "install", "--quiet", "--require-hashes", "-r", str(LOCK)]
    subprocess.run(install, check=True, timeout=INSTALL_TIMEOUT_S)
    (place() / "complete").write_text("installed\n", encoding="utf-8")
    return python


def lines(script: str, *arguments: str, timeout_s: float = MEASURE_TIMEOUT_S) -> Iterator[dict[str, Any]]:
    """Run a script of this folder by the peers' interpreter and yield the JSON objects that it prints.

    One thread for every library. A line `{"failed": ...}` stands in for a script that ends badly or takes too long.
    """
    python = make()
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    command = [str(python), str(Path(__file__).with_name(script)), *arguments]
    environment = {**os.environ, **one, "PYTHONPATH": str(ROOT / "src")}
    try:
        answer = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=timeout_s, env=environment, cwd=ROOT
        )
    except subprocess.TimeoutExpired:
        yield {"failed": f"no end after {timeout_s:g} s"}
        return
    for line in answer.stdout.splitlines():
        if line.startswith("{"):
            yield json.loads(line)
    if answer.returncode != 0:
        yield {"failed": (answer.stderr.strip().splitlines() or ["no word"])[-1][:200]}


if __name__ == "__main__":
    print(make())
