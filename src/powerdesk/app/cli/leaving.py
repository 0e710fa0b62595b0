"""Exit codes: 0 done, 1 failed, 2 usage, 3 nothing found, 4 refused."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from powerdesk.kernel.problem import Problem

if TYPE_CHECKING:
    import typer


class Exit(IntEnum):
    """What the command's exit code says."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    NOTHING_FOUND = 3
    REFUSED = 4


REFUSED_STATUSES = frozenset({401, 403})
NOT_FOUND = 404
USAGE_STATUSES = frozenset({400, 422})


class FileUnusableError(Problem):
    """A file named on the command line cannot be read or written."""

    status = 400
    slug = "file-unusable"
    title = "The file cannot be used"

    @classmethod
    def of(cls, error: OSError, *, allowed: str) -> FileUnusableError:
        """Return the problem behind an error of the system."""
        return cls(found=f"{error.filename}: {error.strerror}", allowed=allowed, remedy="check the path and its rights")


class NothingFoundError(Problem):
    """The question was fine, and nothing answers it."""

    status = 404
    slug = "nothing-found"
    title = "Nothing found"


def code_of(status: int) -> Exit:
    """Return the exit code for a problem's status."""
    if status in REFUSED_STATUSES:
        return Exit.REFUSED
    if status == NOT_FOUND:
        return Exit.NOTHING_FOUND
    return Exit.USAGE if status in USAGE_STATUSES else Exit.FAILED


NO_ROOM = frozenset({errno.ENOSPC, errno.EFBIG, errno.EIO})


def run(app: typer.Typer) -> None:
    """Run the application; a problem is printed as found / allowed / what to do."""
    if sys.stdout is None:  # closed by the caller, who wants the exit code only
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - open as long as the process
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except Problem as error:
        show(error)
        sys.exit(code_of(error.status))
    except BrokenPipeError:
        _leave_unwritten()
    except OSError as error:
        if error.errno not in NO_ROOM or error.filename is not None:
            raise
        show(_unwritable(error))
        _leave_unwritten()


def _unwritable(error: OSError) -> FileUnusableError:
    return FileUnusableError(
        found=f"standard output: {error.strerror}", allowed="a place with room", remedy="make room, or write elsewhere"
    )


def _leave_unwritten() -> NoReturn:
    with contextlib.suppress(OSError):
        sys.stdout.close()
    sys.exit(Exit.FAILED)


def show(error: Problem) -> None:
    """Print a problem to standard error."""
    lines = [
        f"powerdesk: {error.title}",
        f"  found    {error.found}",
        f"  allowed  {error.allowed}",
        f"  do       {error.remedy}",
    ]
    lines += [f"  - {finding}" for finding in error.findings]
    print("\n".join(lines), file=sys.stderr)
