"""The locks are in step with pyproject, exact, hashed, free of addresses, and agree with one another."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from loading import module_at

ROOT = Path(__file__).resolve().parents[2]
lock = module_at(ROOT / "tools" / "lock.py")
PROJECT: dict[str, Any] = lock.read_project()
NAMES = tuple(lock.LOCKS)


def pins_of(name: str) -> tuple[Any, ...]:
    """Return the pins of one lock; there must be some."""
    found = lock.pins((ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8"))
    assert found
    return tuple(found)


def test_locks__are_made_from_this_pyproject() -> None:
    assert lock.stale(project=PROJECT) == ()


def test_locks__a_changed_dependency_is_noticed() -> None:
    changed = copy.deepcopy(PROJECT)
    changed["project"]["dependencies"][0] += ",<99"
    assert len(lock.stale(project=changed)) == len([name for name in NAMES if name not in lock.ALONE])


def test_locks__a_missing_lock_is_noticed(tmp_path: Path) -> None:
    assert len(lock.stale(project=PROJECT, folder=tmp_path)) == len(NAMES)


def test_locks__exist_for_the_project_and_every_extra() -> None:
    assert {path.stem for path in (ROOT / "requirements").glob("*.txt")} == set(NAMES)
    assert {extra for extra in lock.LOCKS.values() if extra} == set(PROJECT["project"]["optional-dependencies"])


@pytest.mark.parametrize("name", NAMES)
def test_lock__satisfies_every_declared_requirement(name: str) -> None:
    versions: dict[str, list[str]] = {}
    for pin in pins_of(name):
        versions.setdefault(pin.name, []).append(pin.version)
    declared = [Requirement(line) for line in lock.declared(lock=name, project=PROJECT)]
    assert declared
    for requirement in declared:
        locked = versions[canonicalize_name(requirement.name)]
        assert all(requirement.specifier.contains(version, prereleases=True) for version in locked), requirement


@pytest.mark.parametrize("name", NAMES)
def test_lock__hashes_every_distribution(name: str) -> None:
    assert [pin.name for pin in pins_of(name) if pin.hashes == 0] == []


@pytest.mark.parametrize("name", NAMES)
def test_lock__names_no_address(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    assert "://" not in text
    assert "--index" not in text


def test_locks__agree_on_every_shared_distribution() -> None:
    chosen: dict[tuple[str, str], set[str]] = {}
    for name in NAMES:
        for pin in pins_of(name):
            chosen.setdefault((pin.name, pin.marker), set()).add(pin.version)
    assert {key: versions for key, versions in chosen.items() if len(versions) > 1} == {}


def test_lock_of_development__contains_the_base() -> None:
    base = {(pin.name, pin.version) for pin in pins_of("base")}
    assert base <= {(pin.name, pin.version) for pin in pins_of("dev")}


def test_pins__refuse_a_line_that_is_no_pin() -> None:
    with pytest.raises(ValueError, match="only pins"):
        lock.pins("duckdb>=1\n")


def test_lock_of_the_web__names_no_address() -> None:
    text = (ROOT / "web" / "package-lock.json").read_text(encoding="utf-8")
    assert '"integrity"' in text
    assert '"resolved": ' + '"http' not in text


def test_decision_on_dependencies__names_exactly_those_declared() -> None:
    page = (ROOT / "docs" / "decisions" / "0006-dependencies.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| ") and "---" not in line]
    listed = {name.strip() for row in rows for name in row.split(",")} - {"package"}
    declared = {Requirement(line).name for name in NAMES for line in lock.declared(lock=name, project=PROJECT)}
    assert declared
    assert listed == declared
