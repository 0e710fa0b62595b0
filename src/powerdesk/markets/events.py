"""What the markets context says on the bus."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from powerdesk.kernel import intervals
from powerdesk.markets.types import Coverage

if TYPE_CHECKING:
    from collections.abc import Sequence

PAYLOAD_RECEIVED_TOPIC = "markets.payload-received.v1"


class CoverageV1(msgspec.Struct, frozen=True):
    """Intervals that a payload was asked to bring; instants RFC 3339, step in seconds."""

    dataset: str
    market: str
    market_run: str
    series: tuple[str, ...]
    start: str
    end: str
    step_s: float


class PayloadReceivedV1(msgspec.Struct, frozen=True, tag="markets.payload-received.v1"):
    """A payload is kept under its SHA-256 and waits to be parsed. Safe to receive twice."""

    feed: str
    sha256: str
    name: str | None
    received_at: str
    report: str = ""
    coverage: tuple[CoverageV1, ...] = ()


def encode(event: PayloadReceivedV1) -> bytes:
    """Return the message body."""
    return msgspec.json.encode(event)


def decode(body: bytes) -> PayloadReceivedV1:
    """Return the event; msgspec.ValidationError when the body is none."""
    return msgspec.json.decode(body, type=PayloadReceivedV1)


def to_wire(coverage: Sequence[Coverage]) -> tuple[CoverageV1, ...]:
    """Return the coverage as it travels."""
    return tuple(
        CoverageV1(
            one.dataset,
            one.market,
            one.market_run,
            one.series,
            intervals.format_instant(one.start),
            intervals.format_instant(one.end),
            one.step.total_seconds(),
        )
        for one in coverage
    )


def from_wire(coverage: Sequence[CoverageV1]) -> tuple[Coverage, ...]:
    """Return the coverage of a message."""
    return tuple(
        Coverage(
            one.dataset,
            one.market,
            one.market_run,
            one.series,
            intervals.parse_instant(one.start),
            intervals.parse_instant(one.end),
            timedelta(seconds=one.step_s),
        )
        for one in coverage
    )
