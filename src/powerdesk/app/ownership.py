"""One owner per data folder: the lock, and how other commands find the owner."""

from __future__ import annotations

import json
import os
import secrets
import sys
import threading
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from powerdesk.kernel import problem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

LOCK_NAME, OWNER_NAME, IDENTITY_NAME = "owner.lock", "owner.json", "desk.json"
LOCK_TRIES, LOOK_TRIES, LOCK_PAUSE_S = 150, 3, 0.01
EPOCHS_KEPT = 1000
LOCKED_BYTE = 1 << 30
"""Windows locks are mandatory: lock a byte far past the text, so that others may read who owns the folder."""


class FolderOwnedError(problem.Problem):
    """Another process works in this data folder."""

    status = 409
    slug = "folder-owned"
    title = "The data folder is in use"


class FolderUnusableError(problem.Problem):
    """The data folder cannot be written to."""

    status = 507
    slug = "folder-unusable"
    title = "The data folder cannot be used"


@dataclass(frozen=True, slots=True)
class Owner:
    """How to reach the process that owns a folder; the token is readable by the folder's owner only.

    `certificate` is the PEM file of what it shows on https.
    """

    pid: int
    url: str
    token: str
    certificate: str | None = None


class Ownership:
    """A held lock on a data folder; released on close and by the system when the process dies."""

    def __init__(self, folder: Path, handle: IO[bytes]) -> None:
        self._folder = folder
        self._handle = handle
        self.token = secrets.token_urlsafe(32)

    def announce(self, *, url: str, certificate: Path | None = None) -> None:
        """Write how commands of the same user can reach this process."""
        shown = None if certificate is None else str(certificate.absolute())
        owner = {"pid": os.getpid(), "url": url, "token": self.token, "certificate": shown}
        write_private(self._folder / OWNER_NAME, json.dumps(owner).encode())

    def release(self) -> None:
        """Give the folder back."""
        (self._folder / OWNER_NAME).unlink(missing_ok=True)
        self._handle.close()


def take(folder: Path) -> Ownership:
    """Lock the folder, making it when absent (for this user alone); raise FolderOwnedError when another has it."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = (folder / LOCK_NAME).open("a+b")
    except OSError as error:
        raise FolderUnusableError(
            found=f"{folder}: {error.strerror}",
            allowed="a folder that this user may write to",
            remedy="choose another with --data, or correct its rights",
        ) from error
    try:
        lock_patiently(handle)
    except OSError as error:
        handle.close()
        raise _owned(folder, find(folder)) from error
    (folder / OWNER_NAME).unlink(missing_ok=True)  # left by an owner that was killed
    return Ownership(folder, handle)


def refuse_owned(folder: Path) -> None:
    """Raise FolderOwnedError when another process is known to own the folder, before anything else is tried."""
    owner = find(folder)
    if owner is not None:
        raise _owned(folder, owner)


def _owned(folder: Path, owner: Owner | None) -> FolderOwnedError:
    who = "another process" if owner is None else f"process {owner.pid} at {owner.url}"
    return FolderOwnedError(
        found=f"{folder} is owned by {who}",
        allowed="one owner at a time",
        remedy="stop it with `powerdesk down`, or choose another folder with --data",
    )


def find(folder: Path) -> Owner | None:
    """Return the live owner's address, None when nobody owns the folder or its owner is still starting."""
    if not (folder / OWNER_NAME).exists():
        return None
    try:
        handle = (folder / LOCK_NAME).open("r+b")
    except OSError:
        return None
    try:
        lock_patiently(handle, tries=LOOK_TRIES)
    except OSError:
        return _announced(folder)
    finally:
        handle.close()
    return None


def _announced(folder: Path) -> Owner | None:
    try:
        said: dict[str, Any] = json.loads((folder / OWNER_NAME).read_text())
        return Owner(int(said["pid"]), str(said["url"]), str(said["token"]), said.get("certificate"))
    except (OSError, ValueError, KeyError):
        return None


def secret(folder: Path, name: str, *, otherwise: bytes | None = None) -> bytes:
    """Return the secret kept under `name` in the folder, making it on first use; only its owner may read it."""
    path = folder / f"{name}.secret"
    if not path.exists():
        write_private(path, secrets.token_bytes(32) if otherwise is None else otherwise)
    return path.read_bytes()


def desk_id(folder: Path) -> str:
    """Return the id of this data folder, made on first use."""
    path = folder / IDENTITY_NAME
    if not path.exists():
        write_private(path, json.dumps({"id": secrets.token_hex(8)}).encode())
    return str(json.loads(path.read_text())["id"])


@dataclass(frozen=True, slots=True)
class Epochs:
    """The epoch of the stream's numbers in this process, and up to which number each former one meant the same."""

    now: str
    former: Mapping[str, int]


def begin_epoch(folder: Path, *, position: int) -> Epochs:
    """Begin an epoch at the log's end `position`, durably, and return it with the former ones.

    Each time a desk opens its log it begins one. A folder put back from a copy does not know the epochs that the
    original began later, and ends the last one it knows where it goes on itself: numbers that the original gave out
    after the copy was taken are void here, however far this log has come meanwhile.
    """
    identity = desk_id(folder)
    path = folder / IDENTITY_NAME
    begun: list[tuple[str, int]] = json.loads(path.read_text()).get("epochs") or [(identity, 0)]
    begun = [*begun, (secrets.token_hex(8), position)][-EPOCHS_KEPT:]
    write_private(path, json.dumps({"id": identity, "epochs": begun}).encode())
    ends = [first for _, first in begun[1:]]
    return Epochs(now=begun[-1][0], former={name: end for (name, _), end in zip(begun, ends, strict=False)})


def write_private(path: Path, data: bytes) -> None:
    """Write a file atomically that only its owner may read."""
    waiting = path.with_name(path.name + ".new")
    waiting.unlink(missing_ok=True)
    descriptor = os.open(waiting, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    waiting.replace(path)


def lock_patiently(handle: IO[bytes], *, tries: int | None = None) -> None:
    """Lock the file, or raise OSError; who looks for a folder's owner holds its lock for a moment: try a few times."""
    for _ in range((tries or LOCK_TRIES) - 1):
        try:
            _lock(handle)
        except OSError:
            threading.Event().wait(LOCK_PAUSE_S)
        else:
            return
    _lock(handle)


def _posix_lock(handle: IO[bytes]) -> None:
    import fcntl  # noqa: PLC0415 - exists on POSIX only

    fcntl.flock(handle.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)


def _windows_lock(handle: IO[bytes]) -> None:
    import msvcrt  # noqa: PLC0415 - exists on Windows only

    handle.seek(LOCKED_BYTE)
    msvcrt.locking(handle.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]  # Windows only


_lock: Callable[[IO[bytes]], None] = _windows_lock if sys.platform == "win32" else _posix_lock
