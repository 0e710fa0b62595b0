"""OASIS says no with HTTP 200 and an XML document inside the zip; its error code is the outcome."""

from __future__ import annotations

import re

from powerdesk.markets import datasets, sheets
from powerdesk.markets.types import Outcome, Parsed

_CODE = re.compile(rb"<(?:\w+:)?ERR_CODE>\s*(\d{1,6})\s*</(?:\w+:)?ERR_CODE>")
_TEXT = re.compile(rb"<(?:\w+:)?ERR_DESC>([^<]{0,400})</(?:\w+:)?ERR_DESC>")
_LOOK_BYTES = 1 << 16
GROUP_RETRY_S = 60.0

OUTCOMES: dict[int, Outcome] = {
    1000: Outcome.NO_DATA_FINAL,  # no data for this selection; the planner calls it NOT_YET before the time it is due
    1001: Outcome.SCHEMA,  # parameters refused: our request is wrong
    1002: Outcome.SCHEMA,  # date format
    1003: Outcome.TRANSIENT,  # timed out
    1004: Outcome.SCHEMA,  # more than 31 days asked
    1005: Outcome.SCHEMA,  # unknown report
    1007: Outcome.TRANSIENT,  # file missing on their side
    1008: Outcome.TRANSIENT,  # out of memory: ask for less
    1010: Outcome.TRANSIENT,
    1012: Outcome.TRANSIENT,
    1013: Outcome.TRANSIENT,
    1014: Outcome.EXPIRED,  # older than about 39 months
    1015: Outcome.NOT_YET,  # the group zip is still being built
    1016: Outcome.SCHEMA,  # unknown group
}


def read(document: bytes, *, pointer: str) -> Parsed:
    """Return the refusal as a Parsed without tables; raise PayloadError when the XML carries no error code."""
    head = document[:_LOOK_BYTES]
    code_match = _CODE.search(head)
    if code_match is None:
        raise sheets.unreadable(pointer, "XML without an OASIS error code (CSV is asked for by resultformat=6)")
    code = int(code_match.group(1))
    text_match = _TEXT.search(head)
    text = text_match.group(1).decode("utf-8", "replace").strip() if text_match else ""
    outcome = OUTCOMES.get(code, Outcome.SCHEMA)
    return Parsed(
        kind="caiso.refusal",
        source=datasets.CAISO_OASIS,
        outcome=outcome,
        detail=f"OASIS {code}: {text}",
        retry_after_s=GROUP_RETRY_S if outcome is Outcome.NOT_YET else None,
    )
