"""A file system of a few megabytes for tests of a full disk; only root on Linux can mount one."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from servers import waiting

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextlib.contextmanager
def small(folder: Path, *, size: str) -> Iterator[None]:
    """Mount a tmpfs of a size such as `40m` over an empty folder; skip the test where that is not allowed."""
    if sys.platform != "linux":
        pytest.skip("needs a tmpfs")
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)]
    mounted = subprocess.run(command, check=False, capture_output=True)
    if mounted.returncode:
        pytest.skip(f"needs the right to mount a tmpfs: {mounted.stderr.decode().strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)  # noqa: S607 - wherever umount is


@contextlib.contextmanager
def filled_up(folder: Path) -> Iterator[None]:
    """Leave no byte free inside the block, however often a server on the disk gives back some while it fills."""
    ballast = folder / "ballast"

    def full() -> bool:
        with ballast.open("ab", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(bytes(1 << 16)):
                pass
        return not shutil.disk_usage(folder).free

    waiting.until(full, what=f"filling the disk under {folder}")
    try:
        yield
    finally:
        ballast.unlink()
