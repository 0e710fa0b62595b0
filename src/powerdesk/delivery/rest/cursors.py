"""Keyset cursors: opaque, signed, bound to one query and one snapshot."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import msgspec

from powerdesk.kernel import problem

LIFETIME = timedelta(hours=24)
SIGNATURE_BYTES = 16


class CursorError(problem.Problem):
    """A cursor was altered, belongs to another query, or is older than a day."""

    status = 400
    slug = "bad-cursor"
    title = "The cursor cannot be used"


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """Where a page ended: the query's hash, its snapshot, the last key, and when it was given out."""

    query: str
    as_of: datetime
    commit: int
    key: list[str | int | bool]
    issued_at: datetime


def encode(cursor: Cursor, *, secret: bytes) -> str:
    """Return the cursor as URL-safe text with its signature."""
    body = msgspec.msgpack.encode(cursor)
    return base64.urlsafe_b64encode(_sign(body, secret) + body).decode().rstrip("=")


def decode(text: str, *, secret: bytes, query: str, now: datetime) -> Cursor:
    """Return the cursor; raise CursorError when it is not ours, not for this query, or too old."""
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        signature, body = raw[:SIGNATURE_BYTES], raw[SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, _sign(body, secret)):
            raise _refused("a cursor with a wrong signature")
        cursor = msgspec.msgpack.decode(body, type=Cursor)
    except (binascii.Error, ValueError, msgspec.MsgspecError) as error:
        raise _refused("text that is no cursor") from error
    if cursor.query != query:
        raise _refused("a cursor of another query")
    if now - cursor.issued_at.astimezone(UTC) > LIFETIME:
        raise _refused("a cursor older than 24 hours")
    return cursor


def query_hash(text: str) -> str:
    """Return a short hash of a canonical query."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _sign(body: bytes, secret: bytes) -> bytes:
    return hmac.new(secret, b"cursor:" + body, hashlib.sha256).digest()[:SIGNATURE_BYTES]


def _refused(found: str) -> CursorError:
    return CursorError(
        found=found,
        allowed="the `next` of the page before, with the same parameters",
        remedy="start again without cursor",
    )
