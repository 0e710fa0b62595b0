"""What a body is, by its first bytes: nothing is parsed because of its file name or its Content-Type."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from powerdesk.markets.types import Outcome

_LOOK = 4096
_THROTTLE = re.compile(
    rb"too many requests|rate limit|throttl|exceeded the|after \d{1,5} seconds?|error 429", re.IGNORECASE
)
_SECONDS = re.compile(rb"after (\d{1,5}) seconds?", re.IGNORECASE)
_SIGN_IN = re.compile(rb"type=.password|sign in|log ?in|unauthori[sz]ed|access denied", re.IGNORECASE)
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_GZIP = b"\x1f\x8b"


class Form(StrEnum):
    """Shapes of a body."""

    ZIP = "zip"
    GZIP = "gzip"
    HTML = "html"
    XML = "xml"
    TEXT = "text"
    EMPTY = "empty"
    BINARY = "binary"


@dataclass(frozen=True, slots=True)
class Sniffed:
    """The form of a body, and the outcome it means when it is not data."""

    form: Form
    outcome: Outcome = Outcome.OK
    detail: str = ""
    retry_after_s: float | None = None

    @property
    def remedy(self) -> str:
        """What to do about a body that is not data."""
        if self.outcome is Outcome.SCHEMA:
            return "look at the file: it is not what the market publishes, or not in UTF-8"
        return "fetch it again later"


def sniff(payload: bytes) -> Sniffed:
    """Return what the body is. Pages for people and throttle notes are told from data, whatever the status said."""
    head = payload[:_LOOK].lstrip(b"\xef\xbb\xbf \t\r\n")
    if not head:
        return Sniffed(Form.EMPTY, Outcome.NOT_YET, "an empty body")
    if head.startswith(_ZIP):
        return Sniffed(Form.ZIP)
    if head.startswith(_GZIP):
        return Sniffed(Form.GZIP)
    if b"\x00" in head:
        return Sniffed(Form.BINARY, Outcome.SCHEMA, "bytes that are neither text nor an archive")
    return _sniff_text(head)


def _sniff_text(head: bytes) -> Sniffed:
    lowered = head[:256].lower()
    if lowered.startswith((b"<!doctype html", b"<html")) or b"<body" in lowered or b"<head" in lowered:
        return _page(head, Form.HTML)
    if lowered.startswith(b"<"):
        return Sniffed(Form.XML)
    if b"," not in head and _THROTTLE.search(head):
        return _page(head, Form.TEXT)
    return Sniffed(Form.TEXT)


def _page(head: bytes, form: Form) -> Sniffed:
    shown = re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", head.decode("utf-8", "replace"))).strip()[:160]
    if _THROTTLE.search(head):
        seconds = _SECONDS.search(head)
        return Sniffed(form, Outcome.THROTTLED, shown, float(seconds.group(1)) if seconds else None)
    if _SIGN_IN.search(head):
        return Sniffed(form, Outcome.AUTH, shown)
    return Sniffed(form, Outcome.TRANSIENT, f"a page instead of data: {shown}")
