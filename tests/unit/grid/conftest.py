"""Made networks for the tests of the grid; its modules are importable under importlib mode."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from powerdesk.grid import matpower

if TYPE_CHECKING:
    from powerdesk.grid.types import Network

sys.path.insert(0, str(Path(__file__).parent))
TWO_ISLANDS = Path(__file__).with_name("two_islands.m")


@pytest.fixture(scope="session")
def two_islands() -> Network:
    return matpower.read(TWO_ISLANDS.read_bytes(), file=TWO_ISLANDS.name).network
