"""Check the import contracts of pyproject.toml, and that each of their patterns still names a module.

`python tools/contracts.py [--root DIR] [CONTRACT_ID...]`: a checkout elsewhere, some contracts only.
"""

from __future__ import annotations

import contextlib
import fnmatch
import io
import os
import sys
import tomllib
from pathlib import Path
from typing import Any

import grimp
from importlinter import cli

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "powerdesk"
FIELDS = ("protected_modules", "allowed_importers", "modules", "source_modules", "ancestors", "containers")


def patterns(contracts: list[dict[str, Any]]) -> tuple[tuple[str, str], ...]:
    """Return (contract id, pattern) for each internal module expression; a layer is written out below its container."""
    found = [(contract["id"], item) for contract in contracts for field in FIELDS for item in contract.get(field, ())]
    for contract in contracts:
        for container in contract.get("containers", ()):
            found += [
                (contract["id"], f"{container}.{layer.strip()}")
                for line in contract["layers"]
                for layer in line.split("|")
            ]
    return tuple(found)


def matches(*, pattern: str, modules: set[str]) -> bool:
    """Say whether a pattern names a module; `*` stands for one component, as in import-linter."""
    parts = pattern.split(".")
    return any(
        len(parts) == len(names) and all(map(fnmatch.fnmatchcase, names, parts))
        for names in (module.split(".") for module in modules)
    )


def unmatched(*, contracts: list[dict[str, Any]], modules: set[str]) -> tuple[str, ...]:
    """Return one line per pattern that names nothing, and so guards nothing."""
    return tuple(
        f"contract {contract}: {pattern} matches no module: correct or remove it"
        for contract, pattern in patterns(contracts)
        if not matches(pattern=pattern, modules=modules)
    )


def lint(contracts: tuple[str, ...]) -> tuple[int, str]:
    """Run import-linter in the working directory; return its exit status and what it printed."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        status = cli.lint_imports(
            config_filename="pyproject.toml", limit_to_contracts=contracts, no_cache=True, no_logo=True
        )
    return status, printed.getvalue()


def main() -> int:
    """Check; 1 when a contract is broken or a pattern matches nothing."""
    arguments = sys.argv[1:]
    root = ROOT
    if arguments[:1] == ["--root"]:
        root, arguments = Path(arguments[1]).resolve(), arguments[2:]
    os.chdir(root)
    sys.path.insert(0, str(root / "src"))
    contracts = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    status, report = lint(tuple(arguments))
    graph = grimp.build_graph(PACKAGE, include_external_packages=True, cache_dir=None)
    modules = {module for module in graph.modules if module.split(".", 1)[0] == PACKAGE}
    faults = unmatched(contracts=contracts, modules=modules)
    if status != 0:
        print(report)
    print("\n".join(faults), end="\n" if faults else "")
    if status == 0 and not faults:
        checked = len(patterns(contracts))
        print(f"{len(contracts)} import contracts kept over {len(modules)} modules; {checked} patterns each match")
    return 1 if status != 0 or faults or not modules else 0


if __name__ == "__main__":
    sys.exit(main())
