"""Each import contract and each banned call trips on a planted violation; none passes by examining nothing."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CONTRACTS = {contract["id"]: contract for contract in PROJECT["tool"]["importlinter"]["contracts"]}
BANNED = PROJECT["tool"]["ruff"]["lint"]["flake8-tidy-imports"]["banned-api"]


@dataclass(frozen=True)
class Plant:
    """A violation: the contract it must break, files (below src/powerdesk) and the lines added, words of the report."""

    contract: str
    name: str
    files: dict[str, str]
    words: tuple[str, ...]


LIBRARIES = tuple(CONTRACTS["libraries"]["forbidden_modules"])
PLANTS = (
    Plant(
        "layers",
        "lower_imports_higher",
        {"kernel/planted.py": "import powerdesk.store.dataset"},
        ("powerdesk.kernel.planted -> powerdesk.store.dataset",),
    ),
    Plant(
        "layers",
        "scores_ask_for_solvers",
        {"scoring/planted.py": "import powerdesk.solvers.linear"},
        ("powerdesk.scoring.planted -> powerdesk.solvers.linear",),
    ),
    Plant("layers", "package_without_a_place", {"planted/__init__.py": '"""Planted."""'}, ("planted",)),
    Plant(
        "engines",
        "context_picks_an_engine",
        {"markets/planted.py": "import powerdesk.engines.embedded"},
        ("powerdesk.markets.planted -> powerdesk.engines.embedded",),
    ),
    Plant(
        "engines",
        "delivery_picks_an_engine",
        {"delivery/planted.py": "import powerdesk.engines.scaled"},
        ("powerdesk.delivery.planted -> powerdesk.engines.scaled",),
    ),
    Plant(
        "ports",
        "calculation_touches_a_port",
        {"store/planted.py": "import powerdesk.engines.ports.tables"},
        ("powerdesk.store.planted -> powerdesk.engines.ports.tables",),
    ),
    Plant(
        "store",
        "calculation_reads_the_store",
        {"markets/planted.py": "import powerdesk.store.queries"},
        ("powerdesk.markets.planted -> powerdesk.store.queries",),
    ),
    Plant(
        "store",
        "connector_writes_the_store",
        {"markets/connectors/caiso/planted.py": "import powerdesk.store.operations"},
        ("powerdesk.markets.connectors.caiso.planted -> powerdesk.store.operations",),
    ),
    Plant(
        "store",
        "handler_of_another_context_writes_the_store",
        {"markets/handlers.py": "import powerdesk.store.operations"},
        ("powerdesk.markets.handlers -> powerdesk.store.operations",),
    ),
    Plant(
        "use-cases",
        "calculation_calls_a_use_case",
        {"markets/planted.py": "import powerdesk.markets.operations"},
        ("powerdesk.markets.planted -> powerdesk.markets.operations",),
    ),
    Plant(
        "causation",
        "operation_calls_another_context",
        {"markets/operations/recording.py": "import powerdesk.access.operations"},
        ("powerdesk.markets.operations.recording -> powerdesk.access.operations",),
    ),
    Plant(
        "connectors",
        "connector_knows_another",
        {"markets/connectors/caiso/planted.py": "import powerdesk.markets.connectors.nyiso"},
        ("powerdesk.markets.connectors.caiso.planted -> powerdesk.markets.connectors.nyiso",),
    ),
    Plant(
        "libraries",
        "engine_library_in_a_context",
        {"store/planted.py": "\n".join(f"import {library}" for library in LIBRARIES)},
        tuple(f"powerdesk.store.planted -> {library}" for library in LIBRARIES),
    ),
    Plant(
        "tables",
        "calculation_reads_a_table",
        {"store/planted.py": "import powerdesk.access.tables"},
        ("powerdesk.store.planted -> powerdesk.access.tables",),
    ),
    Plant(
        "cycles",
        "two_modules_import_each_other",
        {
            "markets/planted_a.py": "import powerdesk.markets.planted_b",
            "markets/planted_b.py": "import powerdesk.markets.planted_a",
        },
        ("powerdesk.markets", "planted_a", "planted_b"),
    ),
)

# One use of each banned name, each on one line; what a use must look like is decided by ruff, not by us.
USES = {
    "datetime.datetime.now": "import datetime; datetime.datetime.now(tz=datetime.UTC)",
    "datetime.datetime.utcnow": "import datetime; datetime.datetime.utcnow()",
    "datetime.datetime.today": "import datetime; datetime.datetime.today()",
    "datetime.date.today": "import datetime; datetime.date.today()",
    "time.time": "import time; time.time()",
    "time.monotonic": "import time; time.monotonic()",
    "time.sleep": "import time; time.sleep(1)",
    "os.environ": "import os; os.environ['A']",
    "os.getenv": "import os; os.getenv('A')",
    "random": "import random",
    "numpy.random.seed": "import numpy; numpy.random.seed(1)",
    "uuid.uuid4": "import uuid; uuid.uuid4()",
    "uuid.uuid1": "import uuid; uuid.uuid1()",
    "httpx": "import httpx",
    "requests": "import requests",
    "urllib.request": "import urllib.request",
    "socket": "import socket",
    "pandas.DataFrame.fillna": "import pandas; pandas.DataFrame.fillna(None)",
    "pandas.DataFrame.interpolate": "import pandas; pandas.DataFrame.interpolate(None)",
}
# Bans that other rules carry: the code and a use.
OTHER_USES = {
    "T201": "print('a price')",
    "NPY002": "import numpy; numpy.random.normal()",
    "DTZ005": "import datetime; datetime.datetime.now()",
    "BLE001": "try:\n    pass\nexcept Exception:\n    pass",
}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the package and its settings, so that violations are planted in a real tree and never in this one."""
    copy = tmp_path_factory.mktemp("tree")
    shutil.copytree(
        ROOT / "src" / "powerdesk",
        copy / "src" / "powerdesk",
        ignore=shutil.ignore_patterns("__pycache__", "static"),
    )
    shutil.copy(ROOT / "pyproject.toml", copy)
    return copy


def check_contracts(*, root: Path, contracts: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Run the gate itself on a tree."""
    command = [sys.executable, str(ROOT / "tools" / "contracts.py"), "--root", str(root), *contracts]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=plain_environment())


def plain_environment() -> dict[str, str]:
    """Return an environment in which the report is not wrapped or coloured."""
    return {"COLUMNS": "400", "NO_COLOR": "1", "PATH": "", "SYSTEMROOT": "C:\\Windows", "PYTHONUTF8": "1"}


def check_calls(*, root: Path, path: Path) -> list[dict[str, Any]]:
    """Run ruff with the project's settings on one file of a tree; return its findings."""
    command = [sys.executable, "-m", "ruff", "check", "--no-cache", "--output-format=json", str(path)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, cwd=root)
    assert answer.returncode in {0, 1}, answer.stderr
    findings: list[dict[str, Any]] = json.loads(answer.stdout)
    return findings


def test_contracts__hold_on_the_tree_as_it_is(tree: Path) -> None:
    answer = check_contracts(root=tree)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert f"{len(CONTRACTS)} import contracts kept" in answer.stdout


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: f"{plant.contract}-{plant.name}")
def test_contracts__trip_on_a_planted_violation(plant: Plant, tree: Path) -> None:
    kept: dict[Path, str | None] = {}
    try:
        for name, lines in plant.files.items():
            path = tree / "src" / "powerdesk" / name
            kept[path] = path.read_text(encoding="utf-8") if path.exists() else None
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text((kept[path] or "") + "\n" + lines + "\n", encoding="utf-8")
        answer = check_contracts(root=tree, contracts=(plant.contract,))
    finally:
        for path, text in kept.items():
            if text is None:
                path.unlink()
            else:
                path.write_text(text, encoding="utf-8")
        shutil.rmtree(tree / "src" / "powerdesk" / "planted", ignore_errors=True)
    assert answer.returncode == 1, answer.stdout + answer.stderr
    assert f"{CONTRACTS[plant.contract]['name']} BROKEN" in answer.stdout
    for word in plant.words:
        assert word in answer.stdout


def test_contracts__each_have_a_plant() -> None:
    assert {plant.contract for plant in PLANTS} == set(CONTRACTS)
    assert len(CONTRACTS) >= 9


def test_contracts__a_pattern_that_matches_nothing_is_reported(tree: Path) -> None:
    settings = tree / "pyproject.toml"
    original = settings.read_text(encoding="utf-8")
    assert '"powerdesk.*.queries"' in original
    settings.write_text(original.replace('"powerdesk.*.queries"', '"powerdesk.*.querries"'), encoding="utf-8")
    try:
        answer = check_contracts(root=tree, contracts=("tables",))
    finally:
        settings.write_text(original, encoding="utf-8")
    assert answer.returncode == 1
    assert "powerdesk.*.querries matches no module" in answer.stdout


def test_banned_calls__each_have_a_use_here() -> None:
    assert set(USES) == set(BANNED)
    assert USES


def test_banned_calls__are_each_flagged_with_their_remedy(tree: Path) -> None:
    path = tree / "src" / "powerdesk" / "store" / "planted_calls.py"
    path.write_text("\n".join(USES.values()) + "\n", encoding="utf-8")
    try:
        findings = check_calls(root=tree, path=path)
    finally:
        path.unlink()
    flagged = {(found["location"]["row"], found["message"]) for found in findings if found["code"] == "TID251"}
    for row, name in enumerate(USES, start=1):
        assert (row, f"`{name}` is banned: {BANNED[name]['msg']}") in flagged, name


def test_banned_calls__of_other_rules_are_flagged(tree: Path) -> None:
    path = tree / "src" / "powerdesk" / "store" / "planted_calls.py"
    path.write_text("\n".join(OTHER_USES.values()) + "\n", encoding="utf-8")
    try:
        findings = check_calls(root=tree, path=path)
    finally:
        path.unlink()
    assert set(OTHER_USES) <= {found["code"] for found in findings}


@pytest.mark.parametrize("place", ["app/planted_calls.py", "markets/fetching.py", "markets/connectors/caiso/fetch.py"])
def test_banned_calls__are_allowed_where_the_edge_is(tree: Path, place: str) -> None:
    path = tree / "src" / "powerdesk" / place
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = path.read_text(encoding="utf-8") if path.exists() else None
    path.write_text("import httpx\n", encoding="utf-8")
    try:
        codes = {found["code"] for found in check_calls(root=tree, path=path)}
    finally:
        if kept is None:
            path.unlink()
        else:
            path.write_text(kept, encoding="utf-8")
    assert "F401" in codes
    assert "TID251" not in codes
