"""DuckDB's failures in the words of the port."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import duckdb

from powerdesk.engines.ports import faults

if TYPE_CHECKING:
    from collections.abc import Iterator

FULL_WORDS = ("no space left", "disk full", "not enough space", "max_temp_directory_size")
BUSY_WORDS = ("conflicting lock", "could not set lock", "being used by another process", "already open")


@contextlib.contextmanager
def translated(doing: str) -> Iterator[None]:
    """Turn DuckDB's and the operating system's errors into Problems that say what was being done."""
    try:
        yield
    except duckdb.Error as error:
        raise of_duckdb(error, doing=doing) from error
    except OSError as error:
        raise faults.of_os_error(error, doing=doing) from error


def of_duckdb(error: duckdb.Error, *, doing: str) -> faults.EngineUnavailableError:
    """Return the Problem for an error of DuckDB met while `doing`."""
    text = str(error)
    words = text.lower()
    if any(word in words for word in BUSY_WORDS):
        return faults.EngineBusyError(
            found=f"{doing}: another process has the file open",
            allowed="one process at a time on a data folder",
            remedy="stop the other process, or send the request to it",
        )
    if any(word in words for word in FULL_WORDS):
        return faults.EngineFullError(
            found=f"{doing}: no space left",
            allowed="a file system with free space",
            remedy="free some space and try again; nothing was half-written",
        )
    return faults.EngineUnavailableError(
        found=f"{doing}: {text.splitlines()[0]}",
        allowed="a readable and writable table file, and enough memory",
        remedy="check the disk, the memory limit and the file, then try again",
    )
