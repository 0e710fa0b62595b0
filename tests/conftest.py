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

    from xdist.scheduler import LoadFileScheduling

    from powerdesk.grid.types import Network

NETWORKS = Path(__file__).resolve().parents[2] / "shared" / "data" / "networks"
"""Published cases, where a checkout has them beside it."""

# No deadline, for a busy machine is no fault of the code. Where every server is required a run can be had again, by the
# same examples; elsewhere each run tries others.
ALWAYS_THE_SAME = os.environ.get(waiting.REQUIRED) == "1"  # noqa: TID251 - CI says so there
READABLE = 48
settings.register_profile("desk", deadline=None, derandomize=ALWAYS_THE_SAME)
settings.load_profile("desk")


WORKERS_MAX = 4
ALONE = "tests/scenarios/roles/"
"""One desk over many processes and servers at a time: what is here goes to one worker."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take long, so that no worker is left with one at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Run one worker more than there are processors: some always wait for servers and processes."""
    return min((os.cpu_count() or 1) + 1, WORKERS_MAX)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadFileScheduling:
    """Give out files whole, and those of ALONE together."""
    from xdist.scheduler import LoadFileScheduling  # noqa: PLC0415 - asked for by xdist alone

    class Files(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            scope: str = super()._split_scope(nodeid)
            return ALONE if scope.startswith(ALONE) else scope

    return Files(config, log)


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
