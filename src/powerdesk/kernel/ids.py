"""Identity from content, and the port for identity that content cannot give."""

from __future__ import annotations

import base64
import hashlib
from typing import Protocol

CONTENT_ID_LENGTH = 32
_DIGEST_BYTES = 20


class IdSource(Protocol):
    """Give fresh names; app injects a random one, tests a counting one."""

    def new(self, prefix: str) -> str:
        """Return an id that begins with `prefix` and an underscore and was never returned before."""
        ...


def content_id(*parts: bytes | str) -> str:
    """Return 32 characters a-z 2-7 that depend on every part and on where one part ends and the next begins.

    The first 160 bits of SHA-256. Among n ids the probability of any collision is below n**2 / 2**161 (4e-31 for
    a billion), and making one on purpose costs about 2**80 hashes. A str counts as its UTF-8 bytes.
    """
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "big"))
        digest.update(data)
    return base64.b32encode(digest.digest()[:_DIGEST_BYTES]).decode("ascii").lower()
