"""What the whole session shares: the real servers, ended when it is over, and how properties are tried."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from powerdesk.grid import matpower
from servers import needed, waiting

if TYPE_CHECKING:
    from collections.abc import Callable

    from powerdesk.grid.types import Network

NETWORKS = Path(__file__).resolve().parents[2] / "shared" / "data" / "networks"
"""Published cases, where a checkout has them beside it."""

# No deadline, for a busy machine is no fault of the code. Where every server is required a run can be had again, by the
# same examples; elsewhere each run tries others.
ALWAYS_THE_SAME = os.environ.get(waiting.REQUIRED) == "1"  # noqa: TID251 - CI says so there
READABLE = 48
settings.register_profile("desk", deadline=None, derandomize=ALWAYS_THE_SAME)
settings.load_profile("desk")


def pytest_make_parametrize_id(config: object, val: object, argname: str) -> str | None:
    """Name long bytes by their length: an archive holds the second it was made in, and workers must agree on names."""
    del config
    return f"{argname} of {len(val)} bytes" if isinstance(val, bytes) and len(val) > READABLE else None


@cache
def _published(name: str) -> Network:
    path = next(NETWORKS.rglob(f"{name}.m.gz"), None)
    if path is None:
        pytest.skip(f"{name} is not beside the checkout: put the published cases into shared/data/networks")
    return matpower.read(path.read_bytes(), file=path.name).network


@pytest.fixture(scope="session")
def published() -> Callable[[str], Network]:
    """Return a reader of published cases by name; it skips when the data are not there."""
    return _published


def pytest_sessionfinish() -> None:
    """End the servers; a worker of pytest-xdist leaves without the interpreter's own goodbye."""
    needed.end_all()
