"""A desk for the tests of how it is put together, and the modules of other rooms that they use."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "store"))
sys.path.insert(0, str(Path(__file__).parents[1] / "delivery" / "stream"))
sys.path.insert(0, str(Path(__file__).parents[2] / "scenarios" / "desk"))

import running_desk

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def assembled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[running_desk.RunningDesk]:
    with running_desk.running(
        tmp_path_factory.mktemp("assembled"), feeds="sim,caiso,nyiso", sim={"backfill_days": 0}
    ) as desk:
        yield desk
