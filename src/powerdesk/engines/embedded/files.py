"""Durable files: what must be on the disk before an answer is given, on each platform."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

if sys.platform == "linux":
    flush_data = os.fdatasync
else:
    flush_data = os.fsync


def flush_folder(folder: Path) -> None:
    """Make names created in or removed from `folder` durable; Windows keeps its own journal and allows no such call."""
    if sys.platform == "win32":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(folder: Path) -> None:
    """Create `folder` with its parents, each name durable and each for this user alone."""
    missing = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for name in reversed(missing):
        name.mkdir(mode=0o700, exist_ok=True)
        flush_folder(name.parent)


def write_whole(path: Path, data: bytes) -> None:
    """Write `data` as the whole content of `path`, flushed; the name itself is not made durable here."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
