"""Remake the locks in requirements/: exact versions with hashes, no address, one file per extra.

`python tools/lock.py` resolves again (needs uv and the package index); `--check` only compares, without network.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "requirements"
# Each lock and the extra it adds to the project's own dependencies; None adds nothing; peers and web stand alone.
LOCKS: dict[str, str | None] = {
    "base": None,
    "dev": "dev",
    "web": "web",
    "bench": "bench",
    "peers": "peers",
    "scaled": "scaled",
}
ALONE = frozenset({"peers", "web"})
OPTIONS = (
    "--generate-hashes",
    "--no-emit-index-url",
    "--universal",
    "--python-version=3.11",
    "--no-header",
    "--no-annotate",
    "--quiet",
)
HEADER = "# Made by tools/lock.py from pyproject.toml; do not edit. Inputs: sha256 "
PINNED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^ ;\\]+)(?:\s*;\s*([^\\]+?))?\s*\\?$")


@dataclass(frozen=True, slots=True)
class Pin:
    """One locked distribution: normalised name, exact version, marker text or empty, number of hashes."""

    name: str
    version: str
    marker: str
    hashes: int


def declared(*, lock: str, project: dict[str, object]) -> tuple[str, ...]:
    """Return the requirements, sorted, that `lock` must satisfy, from a parsed pyproject."""
    table = project["project"]
    if not isinstance(table, dict):
        raise TypeError(f"pyproject's [project] is a {type(table).__name__}, it must be a table")
    own = [] if lock in ALONE else list(table["dependencies"])
    extra = LOCKS[lock]
    if extra is not None:
        own += table["optional-dependencies"][extra]
    return tuple(sorted(own))


def fingerprint(*, lock: str, project: dict[str, object]) -> str:
    """Return the sha256 of everything that decides what `lock` holds, the index apart."""
    inputs = {"requirements": declared(lock=lock, project=project), "options": OPTIONS}
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


def normalised(name: str) -> str:
    """Return the distribution name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(text: str) -> tuple[Pin, ...]:
    """Return the pins of a lock's text in its order; ValueError on a line that is neither pin, hash nor comment."""
    found: list[Pin] = []
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith("--hash=sha256:"):
            last = found[-1]
            found[-1] = Pin(last.name, last.version, last.marker, last.hashes + 1)
        elif stripped and not stripped.startswith("#"):
            match = PINNED.match(stripped)
            if match is None:
                raise ValueError(f"a lock holds only pins, hashes and comments, found: {stripped}")
            found.append(Pin(normalised(match[1]), match[2], match[3] or "", 0))
    return tuple(found)


def read_project() -> dict[str, object]:
    """Return the parsed pyproject.toml of this checkout."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def stale(*, project: dict[str, object], folder: Path = FOLDER) -> tuple[str, ...]:
    """Return one line per lock that is missing or was made from other inputs than `project`'s."""
    faults: list[str] = []
    for lock in LOCKS:
        path = folder / f"{lock}.txt"
        wanted = HEADER + fingerprint(lock=lock, project=project)
        first = path.read_text(encoding="utf-8").partition("\n")[0] if path.is_file() else "no file"
        if first != wanted:
            faults.append(f"requirements/{lock}.txt was not made from this pyproject.toml: run `python tools/lock.py`")
    return tuple(faults)


def compile_with_uv(*, requirements: tuple[str, ...], constraints: Path | None, out: Path) -> None:
    """Resolve `requirements` by uv into `out`; CalledProcessError when there is no solution."""
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch) / "in.txt"
        source.write_text("\n".join(requirements) + "\n", encoding="utf-8")
        limits = [] if constraints is None else ["--constraint", str(constraints)]
        command = [sys.executable, "-m", "uv", "pip", "compile", *OPTIONS, *limits, "-o", str(out), str(source)]
        subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)


def remake() -> None:
    """Resolve all extras together once, then cut each lock out of that one solution, so that locks never disagree."""
    project = read_project()
    everything = tuple(sorted({line for lock in LOCKS for line in declared(lock=lock, project=project)}))
    with tempfile.TemporaryDirectory() as scratch:
        whole = Path(scratch) / "all.txt"
        compile_with_uv(requirements=everything, constraints=None, out=whole)
        for lock in LOCKS:
            part = Path(scratch) / f"{lock}.txt"
            compile_with_uv(requirements=declared(lock=lock, project=project), constraints=whole, out=part)
            header = HEADER + fingerprint(lock=lock, project=project)
            body = part.read_text(encoding="utf-8")
            (FOLDER / f"{lock}.txt").write_text(f"{header}\n{body}", encoding="utf-8", newline="\n")
            print(f"requirements/{lock}.txt: {len(pins(body))} distributions")


def main() -> int:
    """Remake the locks, or compare them with pyproject when `--check` is given."""
    if "--check" not in sys.argv[1:]:
        remake()
        return 0
    faults = stale(project=read_project())
    print("\n".join(faults) or f"{len(LOCKS)} locks are in step with pyproject.toml")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
