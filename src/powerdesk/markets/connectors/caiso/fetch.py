"""Fetch from OASIS: refusals come with HTTP 200, inside the zip, and are read before anything is kept as data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from powerdesk.markets import archives, sniffing
from powerdesk.markets.connectors.caiso import refusals
from powerdesk.markets.sniffing import Form
from powerdesk.markets.types import Fetched, Outcome, PayloadError, Request

if TYPE_CHECKING:
    from powerdesk.markets.fetching import Fetcher


def fetch(fetcher: Fetcher, request: Request) -> Fetched:
    """Return the payload of the request or why there is none."""
    return fetcher.fetch(request, inspect=inspect)


def inspect(payload: bytes) -> tuple[Outcome, str, float | None]:
    """Return the outcome that a body means: the error code inside a zip, a damaged zip, or OK."""
    if sniffing.sniff(payload).form is not Form.ZIP:
        return Outcome.TRANSIENT, "OASIS answers with a zip; this is none", None
    try:
        members = archives.members(payload)
        if not members:
            return Outcome.TRANSIENT, "a zip without files", None
        first = members[0]
        if sniffing.sniff(first.data).form is not Form.XML:
            return Outcome.OK, "", None
        refusal = refusals.read(first.data, pointer=first.name)
    except PayloadError as fault:
        return fault.outcome, fault.found, fault.retry_after_s
    return refusal.outcome, refusal.detail, refusal.retry_after_s
