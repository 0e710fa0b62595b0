"""The audit log's chain: canonical rows, hashes, the sealed head, and what verification finds. Pure."""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

GENESIS = bytes(32)
"""The previous hash of the first row."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Outcome(StrEnum):
    """How the audited act ended."""

    DONE = "done"
    DENIED = "denied"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Entry:
    """One act: who did what to what, when, with which outcome. `detail` holds short texts, never secrets."""

    at: datetime
    principal: str
    tenant: str
    action: str
    target: str
    outcome: Outcome = Outcome.DONE
    detail: Mapping[str, str] = field(default_factory=dict)
    request_id: str = ""

    @property
    def detail_text(self) -> str:
        """The detail as kept: JSON with sorted names."""
        return json.dumps(dict(self.detail), sort_keys=True, ensure_ascii=True, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Row:
    """An entry as kept, with its place in the chain."""

    sequence: int
    at: datetime
    principal: str
    tenant: str
    action: str
    outcome: str
    target: str
    detail: str
    request_id: str
    previous_hash: bytes
    hash: bytes


@dataclass(frozen=True, slots=True)
class Head:
    """Where the log ends; `mac` seals it under the server's secret, so that a cut tail shows."""

    sequence: int
    hash: bytes
    mac: bytes


@dataclass(frozen=True, slots=True)
class Verdict:
    """What verification found: how many rows are proven, and the first fault with its sequence, if any."""

    rows: int
    fault: str | None = None
    sequence: int | None = None

    @property
    def intact(self) -> bool:
        """True when the whole log is as it was written."""
        return self.fault is None


def chain(entries: Iterable[Entry], *, after: Head) -> tuple[Row, ...]:
    """Return the rows that append the entries to the log that ends at `after`."""
    rows = []
    sequence, previous = after.sequence, after.hash
    for entry in entries:
        sequence += 1
        row = Row(
            sequence=sequence,
            at=entry.at,
            principal=entry.principal,
            tenant=entry.tenant,
            action=entry.action,
            outcome=entry.outcome.value,
            target=entry.target,
            detail=entry.detail_text,
            request_id=entry.request_id,
            previous_hash=previous,
            hash=b"",
        )
        previous = row_hash(row)
        rows.append(dataclasses.replace(row, hash=previous))
    return tuple(rows)


def row_hash(row: Row) -> bytes:
    """Return SHA-256 of the previous hash and the row's canonical text (a JSON list, instants in microseconds)."""
    at_us = (row.at - _EPOCH) // timedelta(microseconds=1)
    words = [row.principal, row.tenant, row.action, row.outcome, row.target, row.detail, row.request_id]
    text = json.dumps([row.sequence, at_us, *words], ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(row.previous_hash + text.encode()).digest()


def seal(*, sequence: int, digest: bytes, secret: bytes) -> Head:
    """Return the head under the secret."""
    mac = hmac.digest(secret, b"%d:%s" % (sequence, digest.hex().encode()), "sha256")
    return Head(sequence=sequence, hash=digest, mac=mac)


def examine(rows: Iterable[Row], *, head: Head | None, secret: bytes) -> Verdict:
    """Walk the log in order of sequence and return the first broken row, gap, or cut or added tail.

    What it cannot see: a whole earlier copy of both the log and its head put back in place. Compare the head
    with one noted elsewhere (the command prints it) to see that too.
    """
    proven = 0
    previous = GENESIS
    for row in rows:
        expected = proven + 1
        if row.sequence != expected:
            return Verdict(proven, f"row {expected} is missing (the next one is {row.sequence})", expected)
        if not hmac.compare_digest(row.previous_hash, previous):
            return Verdict(proven, f"row {expected} does not follow from the row before it", expected)
        if not hmac.compare_digest(row.hash, row_hash(row)):
            return Verdict(proven, f"row {expected} was changed after it was written", expected)
        proven, previous = expected, row.hash
    return _end(proven, previous, head=head, secret=secret)


def _end(proven: int, last: bytes, *, head: Head | None, secret: bytes) -> Verdict:
    if head is None:
        return Verdict(proven) if proven == 0 else Verdict(proven, "the head of the log is missing", proven)
    if not hmac.compare_digest(seal(sequence=head.sequence, digest=head.hash, secret=secret).mac, head.mac):
        return Verdict(proven, "the head of the log was not sealed by this desk", head.sequence)
    if head.sequence > proven:
        return Verdict(proven, f"the tail is cut: rows {proven + 1} to {head.sequence} are missing", proven + 1)
    if head.sequence < proven:
        return Verdict(head.sequence, f"row {head.sequence + 1} was added behind the desk's back", head.sequence + 1)
    if not hmac.compare_digest(head.hash, last):
        return Verdict(proven, f"row {proven} is not the one that the head seals", proven)
    return Verdict(proven)
