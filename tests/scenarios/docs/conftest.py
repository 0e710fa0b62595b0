"""One desk for all pages whose commands only read."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import pages

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[pages.Running]:
    if sys.platform == "win32" or shutil.which("curl") is None:
        pytest.skip("the pages' commands are written for a POSIX shell with curl")
    with pages.Running(pages.Place(tmp_path_factory.mktemp("pages"))) as desk:
        yield desk
