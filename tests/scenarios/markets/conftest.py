"""A desk on embedded engines, fed by the simulated ISO server."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "iso_server"))
sys.path.insert(0, str(Path(__file__).parent))

import market_desk
import simulated_iso

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def iso() -> Iterator[simulated_iso.IsoServer]:
    with simulated_iso.IsoServer() as server:
        yield server


@pytest.fixture
def desk(tmp_path: Path, iso: simulated_iso.IsoServer) -> Iterator[market_desk.Desk]:
    opened = market_desk.Desk(tmp_path, base_url=iso.base_url)
    yield opened
    opened.close()
