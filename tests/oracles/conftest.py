"""Published cases for the oracles, where a checkout has the data beside it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from powerdesk.grid import matpower

if TYPE_CHECKING:
    from collections.abc import Callable

    from powerdesk.grid.types import Network

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data" / "networks"


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
