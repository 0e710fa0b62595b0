"""Fetch from NYISO's MIS: plain CSV or a zip; a missing file is HTTP 404."""

from __future__ import annotations

from typing import TYPE_CHECKING

from powerdesk.markets import archives
from powerdesk.markets.types import Fetched, Outcome, PayloadError, Request

if TYPE_CHECKING:
    from powerdesk.markets.fetching import Fetcher


def fetch(fetcher: Fetcher, request: Request) -> Fetched:
    """Return the payload of the request or why there is none."""
    return fetcher.fetch(request, inspect=inspect)


def inspect(payload: bytes) -> tuple[Outcome, str, float | None]:
    """Return OK, or why the body is no whole archive."""
    try:
        archives.members(payload)
    except PayloadError as fault:
        return fault.outcome, fault.found, fault.retry_after_s
    return Outcome.OK, "", None
