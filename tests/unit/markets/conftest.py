"""Make the simulated ISO server importable, and find recorded files where there are any."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "tests" / "iso_server"))


@pytest.fixture(scope="session")
def recorded() -> Path:
    """Return the folder of recorded ISO files, or skip."""
    shared = Path(os.environ.get("POWERDESK_SHARED", ROOT.parent / "shared"))  # noqa: TID251 - tests have no settings
    folder = shared / "data" / "iso"
    if not folder.is_dir():
        pytest.skip(f"no recorded ISO files at {folder}; set POWERDESK_SHARED")
    return folder
