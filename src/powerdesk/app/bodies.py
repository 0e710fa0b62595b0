"""Bodies of requests and answers of the app's own routes: read within a bound, decoded strictly, written as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from fastapi import Response

from powerdesk.kernel import problem

if TYPE_CHECKING:
    from fastapi import Request

T = TypeVar("T")
JSON = "application/json"
MAX_UPLOAD_BYTES = 256 * 2**20


class BadBodyError(problem.Problem):
    """A request body cannot be read."""

    status = 400
    slug = "bad-body"
    title = "The body cannot be read"


class TooLargeError(problem.Problem):
    """A body is larger than this desk takes."""

    status = 413
    slug = "too-large"
    title = "The body is too large"


async def read(request: Request) -> bytes:
    """Return the body; raise TooLargeError past MAX_UPLOAD_BYTES."""
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > MAX_UPLOAD_BYTES:
            raise TooLargeError(found=f"more than {MAX_UPLOAD_BYTES} bytes", allowed="256 MiB", remedy="split the file")
        parts.append(part)
    return b"".join(parts)


def decoded(body: bytes, wanted: type[T]) -> T:
    """Return the body as the struct wanted; raise BadBodyError naming its fields."""
    try:
        return msgspec.json.decode(body, type=wanted)
    except msgspec.MsgspecError as error:
        fields = ", ".join(getattr(wanted, "__struct_fields__", ()))
        raise BadBodyError(
            found=str(error), allowed=f"a JSON object with {fields}", remedy="correct the body"
        ) from error


def answer(body: Any, *, status: int = 200) -> Response:
    """Return a JSON answer; instants and enums as text, bytes in hexadecimal."""
    return Response(msgspec.json.encode(body, enc_hook=_text), status_code=status, media_type=JSON)


def _text(value: Any) -> Any:
    return value.hex() if isinstance(value, bytes) else str(value)
