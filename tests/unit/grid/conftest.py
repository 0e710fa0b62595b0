"""Cases for the tests of the grid: made networks, and published ones where a checkout has the data beside it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from powerdesk.grid import matpower

if TYPE_CHECKING:
    from collections.abc import Callable

    from powerdesk.grid.types import Network

FOLDER = Path(__file__).resolve().parents[4] / "shared" / "data" / "networks"

TWO_ISLANDS = Path(__file__).with_name("two_islands.m")


@cache
def _published(name: str) -> Network:
    path = next(FOLDER.rglob(f"{name}.m.gz"), None)
    if path is None:
        pytest.skip(f"{name} is not beside the checkout: put the published cases into shared/data/networks")
    return matpower.read(path.read_bytes(), file=path.name).network


@pytest.fixture(scope="session")
def published() -> Callable[[str], Network]:
    """Return a reader of published cases by name; it skips when the data are not there."""
    return _published


@pytest.fixture(scope="session")
def two_islands() -> Network:
    return matpower.read(TWO_ISLANDS.read_bytes(), file=TWO_ISLANDS.name).network
