"""One desk without feeds, served on a loopback port, for all tests of the channels."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "scenarios" / "desk"))

import running_desk

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx  # noqa: TID251 - only its type


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[running_desk.RunningDesk]:
    with running_desk.running(tmp_path_factory.mktemp("channels")) as desk:
        yield desk


@pytest.fixture(scope="session")
def operator(served: running_desk.RunningDesk) -> httpx.Client:
    return served.operator()
