"""What every engine may fail with: unreachable, full, held by another process, damaged, asked for the impossible."""

from __future__ import annotations

import errno
from typing import ClassVar

from powerdesk.kernel.problem import Problem


class EngineUnavailableError(Problem):
    """The engine cannot do it now; nothing half-done is left behind."""

    status: ClassVar[int] = 503
    slug: ClassVar[str] = "engine-unavailable"
    title: ClassVar[str] = "A storage engine is unavailable"


class EngineFullError(EngineUnavailableError):
    """There is no space left; nothing half-done is left behind."""

    status: ClassVar[int] = 507
    slug: ClassVar[str] = "disk-full"
    title: ClassVar[str] = "No space left"


class EngineBusyError(EngineUnavailableError):
    """Another process owns the engine's files."""

    slug: ClassVar[str] = "engine-busy"
    title: ClassVar[str] = "Another process owns the data"


class OutcomeUnknownError(EngineUnavailableError):
    """The engine was asked to write and did not answer: it may be done, now or soon, in part or not at all.

    Writes of the house are made to be repeated: a batch, a message or an object that comes twice has one effect.
    """

    slug: ClassVar[str] = "outcome-unknown"
    title: ClassVar[str] = "The engine did not say whether it was done"


class CorruptDataError(Problem):
    """Stored bytes are not what was written; the engine refuses to guess."""

    status: ClassVar[int] = 500
    slug: ClassVar[str] = "corrupt-data"
    title: ClassVar[str] = "Stored data are damaged"


class UnfitRequestError(Problem):
    """The engine was asked for something its port does not allow: a bad name, an unknown column, a wrong type."""

    status: ClassVar[int] = 422
    slug: ClassVar[str] = "unfit-engine-request"
    title: ClassVar[str] = "The engine cannot take this"


FULL = frozenset({errno.ENOSPC, errno.EDQUOT} if hasattr(errno, "EDQUOT") else {errno.ENOSPC})


def of_os_error(error: OSError, *, doing: str) -> EngineUnavailableError:
    """Return the Problem for an operating-system error met while `doing`."""
    found = f"{doing}: {error.strerror or error}"
    if error.errno in FULL:
        return EngineFullError(
            found=found,
            allowed="a file system with free space",
            remedy="free some space and try again; nothing was half-written",
        )
    return EngineUnavailableError(
        found=found,
        allowed="a data folder that can be read and written",
        remedy="check the disk and the folder's permissions, then try again",
    )
