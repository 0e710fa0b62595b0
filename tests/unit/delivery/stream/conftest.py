"""Make stream_cases and the store's desk importable under importlib mode; let slow machines be no slow readers."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from powerdesk.delivery.stream import server
from servers.waiting import PATIENCE_S

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "store")]


@pytest.fixture(autouse=True)
def _unpinged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask nobody for a sign of life while a test has a client not read."""
    monkeypatch.setattr(server, "PING_IDLE_S", PATIENCE_S)
