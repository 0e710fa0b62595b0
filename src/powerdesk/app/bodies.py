"""Bodies of requests and answers of the app's own routes: how large, decoded strictly, written as JSON."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
from fastapi import Response

from powerdesk.delivery import perimeter
from powerdesk.kernel import problem

T = TypeVar("T")
JSON = "application/json"
UPLOADS = "/v1/imports/"
UPLOAD_BYTES = 256 * 2**20


class BadBodyError(problem.Problem):
    """A request body cannot be read."""

    status = 400
    slug = "bad-body"
    title = "The body cannot be read"


def most_bytes(path: str) -> int:
    """Return how large the body of a request to a path may be: a recorded file is larger than what people write."""
    return UPLOAD_BYTES if path.startswith(UPLOADS) else perimeter.BODY_BYTES


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
