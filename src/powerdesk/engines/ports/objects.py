"""Objects: immutable blobs by key."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Protocol

from powerdesk.kernel.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator


class ObjectMissingError(Problem):
    """No blob is stored under the key."""

    status: ClassVar[int] = 404
    slug: ClassVar[str] = "object-missing"
    title: ClassVar[str] = "No such object"


class Objects(Protocol):
    """Put, get and delete blobs; `put` is atomic and durable when it returns. Safe to call from several threads.

    A key is text of `/`-separated names of A-Z a-z 0-9 `. _ = @ + -`, none empty, none beginning or ending with a dot
    (faults.UnfitRequestError otherwise). No key may continue another as a folder: not both `a` and `a/b`.
    """

    def version(self) -> str:
        """Ask the engine for its name and version; raise faults.EngineUnavailableError when it does not answer."""
        ...

    def put(self, key: str, data: bytes) -> None:
        """Store `data` under `key`, replacing what was there."""
        ...

    def get(self, key: str) -> bytes:
        """Return the blob; raise ObjectMissingError when absent."""
        ...

    def stream(self, key: str, *, chunk_bytes: int = 1 << 20) -> Iterator[bytes]:
        """Yield the blob in chunks of about `chunk_bytes`; raise ObjectMissingError, before the first, when absent."""
        ...

    def exists(self, key: str) -> bool:
        """Tell whether the blob is there."""
        ...

    def delete(self, key: str) -> None:
        """Remove the blob; no error when absent."""
        ...

    def list(self, prefix: str) -> tuple[str, ...]:
        """Return keys that begin with `prefix` (any text), sorted; for maintenance, never in a hot path."""
        ...

    def uri(self, key: str) -> str:
        """Return a path or URL under which a SQL engine of the same deployment may read the blob."""
        ...
