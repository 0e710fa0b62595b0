"""Objects: immutable blobs by key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator


class Objects(Protocol):
    """Put, get and delete blobs; `put` is atomic and durable when it returns."""

    def put(self, key: str, data: bytes) -> None:
        """Store `data` under `key`, replacing what was there."""
        ...

    def get(self, key: str) -> bytes:
        """Return the blob; raise ObjectMissingError when absent."""
        ...

    def stream(self, key: str, *, chunk_bytes: int = 1 << 20) -> Iterator[bytes]:
        """Yield the blob in chunks."""
        ...

    def exists(self, key: str) -> bool:
        """Tell whether the blob is there."""
        ...

    def delete(self, key: str) -> None:
        """Remove the blob; no error when absent."""
        ...

    def list(self, prefix: str) -> tuple[str, ...]:
        """Return keys under `prefix`, sorted; for maintenance, never in a hot path."""
        ...

    def uri(self, key: str) -> str:
        """Return a path or URL under which a SQL engine of the same deployment may read the blob."""
        ...
