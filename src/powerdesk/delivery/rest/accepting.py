"""Which media type an `Accept` header wants: weights, wildcards and refusals (RFC 9110, 12.5.1). Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from powerdesk.kernel.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

_RANGE = re.compile(r"(\*|[\w.+-]+)/(\*|[\w.+-]+)", re.ASCII)
_WEIGHT = re.compile(r"(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)", re.ASCII)


class NotAcceptableError(Problem):
    """The client takes no form that the answer has."""

    status = 406
    slug = "not-acceptable"
    title = "The answer has no such form"


def chosen(accept: str, *, offered: Sequence[str]) -> str:
    """Return the media type offered that weighs most; of equals the one that the client names first, then our first.

    Parts that are no media range with a weight are passed over, and a header without any other takes what is offered
    first. Raise NotAcceptableError when all that is offered weighs nothing.
    """
    ranges = _ranges(accept)
    if not ranges:
        return offered[0]
    weighed = [(*_weight(kind, ranges), kind) for kind in offered]
    weight, _, best = max(weighed, key=lambda one: (one[0], -one[1]))
    if not weight:
        raise NotAcceptableError(
            found=f"Accept: {accept[:200]}",
            allowed=", ".join(offered),
            remedy="accept one of these, or name a format in the query",
        )
    return best


def _ranges(accept: str) -> list[tuple[str, str, float]]:
    """Return (type, subtype, weight) of the readable parts, in their order."""
    found = []
    for part in accept.lower().split(","):
        kind, *parameters = (piece.strip() for piece in part.split(";"))
        matched = _RANGE.fullmatch(kind)
        weights = [
            value.strip() for name, _, value in (one.partition("=") for one in parameters) if name.strip() == "q"
        ]
        if matched is None or not all(_WEIGHT.fullmatch(weight) for weight in weights):
            continue
        found.append((matched[1], matched[2], float(weights[0]) if weights else 1.0))
    return found


def _weight(kind: str, ranges: Sequence[tuple[str, str, float]]) -> tuple[float, int]:
    """Return the weight of a media type by the narrowest range that holds it, and that range's place."""
    main, _, sub = kind.partition("/")
    for wanted in ((main, sub), (main, "*"), ("*", "*")):
        for place, (one, other, weight) in enumerate(ranges):
            if (one, other) == wanted:
                return weight, place
    return 0.0, len(ranges)
