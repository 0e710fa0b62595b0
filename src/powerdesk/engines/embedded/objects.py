"""Objects in a local folder by obstore; the same library speaks to S3, GCS and Azure in the scaled adapter."""

from __future__ import annotations

import itertools
import os
import shutil
from typing import TYPE_CHECKING

import obstore.exceptions
import obstore.store

from powerdesk.engines import names
from powerdesk.engines.embedded import files
from powerdesk.engines.ports import faults
from powerdesk.engines.ports.objects import ObjectMissingError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STAGING = ".staging"


class LocalObjects:
    """Blobs under `root`. A blob is written beside, flushed, then renamed, so a reader sees all of it or none."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._staging = root / STAGING
        self._serial = itertools.count()
        try:
            shutil.rmtree(self._staging, ignore_errors=True)  # what a killed process left half-written
            files.make_folder(self._staging)
        except OSError as error:
            raise faults.of_os_error(error, doing=f"opening the objects folder {root}") from error
        self._store = obstore.store.LocalStore(root)

    def version(self) -> str:
        """Return the name and version of the library."""
        return f"folder, by obstore {obstore.__version__}"

    def put(self, key: str, data: bytes) -> None:
        """Store `data` under `key`; the bytes and the name are on the disk when this returns."""
        target = self._root / names.of_object(key)
        staged = self._staging / f"{next(self._serial)}"
        try:
            files.write_whole(staged, data)
            files.make_folder(target.parent)
            self._store.rename(f"{STAGING}/{staged.name}", key, overwrite=True)
            files.flush_folder(target.parent)
        except OSError as error:
            staged.unlink(missing_ok=True)
            raise faults.of_os_error(error, doing=f"storing object {key}") from error
        except obstore.exceptions.BaseError as error:
            staged.unlink(missing_ok=True)
            raise _unavailable(f"storing object {key}", error) from error

    def get(self, key: str) -> bytes:
        """Return the blob; raise ObjectMissingError when absent."""
        try:
            return bytes(self._store.get(names.of_object(key)).bytes())
        except FileNotFoundError as error:
            raise _missing(key) from error
        except obstore.exceptions.BaseError as error:
            raise _unavailable(f"reading object {key}", error) from error

    def stream(self, key: str, *, chunk_bytes: int = 1 << 20) -> Iterator[bytes]:
        """Yield the blob in chunks; the object is opened at once, so that absence is told before the first chunk."""
        try:
            chunks = self._store.get(names.of_object(key)).stream(min_chunk_size=chunk_bytes)
        except FileNotFoundError as error:
            raise _missing(key) from error
        except obstore.exceptions.BaseError as error:
            raise _unavailable(f"reading object {key}", error) from error
        return (bytes(chunk) for chunk in chunks)

    def exists(self, key: str) -> bool:
        """Tell whether the blob is there."""
        return (self._root / names.of_object(key)).is_file()

    def delete(self, key: str) -> None:
        """Remove the blob durably; no error when absent."""
        target = self._root / names.of_object(key)
        try:
            target.unlink(missing_ok=True)
            if target.parent.is_dir():
                files.flush_folder(target.parent)
        except OSError as error:
            raise faults.of_os_error(error, doing=f"deleting object {key}") from error

    def list(self, prefix: str) -> tuple[str, ...]:
        """Return keys that begin with `prefix`, sorted."""
        folder, _, _ = prefix.rpartition("/")
        try:
            found = [item["path"] for page in self._store.list(folder or None) for item in page]
        except obstore.exceptions.BaseError as error:
            raise _unavailable(f"listing objects under {prefix!r}", error) from error
        return tuple(sorted(key for key in found if key.startswith(prefix) and not key.startswith(STAGING + "/")))

    def uri(self, key: str) -> str:
        """Return the blob's absolute path."""
        return os.fspath((self._root / names.of_object(key)).absolute())


def _missing(key: str) -> ObjectMissingError:
    return ObjectMissingError(
        found=f"no object {key}", allowed="a key that was put before", remedy="check the key; a blob may be deleted"
    )


def _unavailable(doing: str, error: Exception) -> faults.EngineUnavailableError:
    return faults.EngineUnavailableError(
        found=f"{doing}: {str(error).splitlines()[0]}",
        allowed="an objects folder that can be read and written",
        remedy="check the disk and the folder's permissions, then try again",
    )
