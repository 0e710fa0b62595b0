"""Names that every engine can keep: of topics and groups on the bus, and keys of objects."""

from __future__ import annotations

import re

from powerdesk.engines.ports import faults

TOPIC = re.compile(r"[a-z0-9_][a-z0-9._-]{0,199}(?<!\.)")
KEY_LENGTH_MAX = 900  # S3 allows 1 024 bytes with the bucket's own prefix
PART = re.compile(r"[A-Za-z0-9_=@+-]([A-Za-z0-9._=@+-]*[A-Za-z0-9_=@+-])?")
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # names Windows cannot store


def on_bus(name: str, *, what: str) -> str:
    """Return a topic's or group's name when every bus can have it; raise UnfitRequestError otherwise."""
    if TOPIC.fullmatch(name):
        return name
    raise faults.UnfitRequestError(
        found=f"{what} {name[:200]!r}",
        allowed="1 to 200 of a-z 0-9 . _ -, beginning with a letter, digit or _, not ending with a dot",
        remedy=f"choose another {what} name",
    )


def of_object(key: str) -> str:
    """Return `key` when every engine can store an object under it; raise UnfitRequestError otherwise."""
    names = key.split("/")
    fit = all(PART.fullmatch(name) and not RESERVED.fullmatch(name) for name in names)
    if fit and len(key) <= KEY_LENGTH_MAX:
        return key
    raise faults.UnfitRequestError(
        found=f"object key {key[:KEY_LENGTH_MAX]!r}",
        allowed=f"names of A-Z a-z 0-9 . _ = @ + - joined by '/', at most {KEY_LENGTH_MAX} characters, no leading or "
        "trailing dot, no name Windows reserves",
        remedy="build the key from safe names",
    )
