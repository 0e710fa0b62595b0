"""Waiting for what another process does."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

WAIT_S = 90.0


def until(happened: Callable[[], bool], *, what: str) -> None:
    """Wait until something happened; fail after WAIT_S."""
    pause = threading.Event()
    for _ in range(int(WAIT_S / 0.02)):
        if happened():
            return
        pause.wait(0.02)
    pytest.fail(f"{what} did not happen within {WAIT_S:g} s")
